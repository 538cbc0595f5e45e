"""Servers that draw are recognised by what they answer, and none can lead elsewhere, hang or flood (T10)."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from palate.errors import PalateError
from palate.importers import endpoints
from palate.importers.endpoints import address_of, read_endpoint, split_location

Answer = tuple[int, dict[str, str], bytes]
OLD_COMFYUI = {
    "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [["sdxl/ponyXL.safetensors", "v1-5.ckpt"]]}}},
    "LoraLoader": {"input": {"required": {"lora_name": [["ink.safetensors"], {}]}}},
}
NEW_COMFYUI = {
    "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": ["COMBO", {"options": ["a#b.safetensors"]}]}}}
}
A1111 = [{"title": "dream.safetensors [31e35c80fc]", "model_name": "dream", "hash": "31e35c80fc", "sha256": None}, {}]
OPENAI = {"data": [{"id": "gpt-4o"}, {"id": "gpt-image-1"}, {"id": 3}]}


def said(value: object) -> Answer:
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


@contextmanager
def server(answers: dict[str, Answer | Callable[[], Answer]]) -> Iterator[tuple[str, list[str]]]:
    """A server on the loopback that knows these paths; its address, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer = answers.get(self.path, (404, {}, b"not here"))
            status, headers, body = answer if isinstance(answer, tuple) else answer()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}", asked
        finally:
            http.shutdown()
            thread.join()


def test_comfyui() -> None:
    with server({"/system_stats": said({"system": {}}), "/object_info": said(OLD_COMFYUI)}) as (address, asked):
        models = read_endpoint(address + "/")
    assert [model.location for model in models] == [
        f"comfyui+{address}#sdxl/ponyXL.safetensors",
        f"comfyui+{address}#v1-5.ckpt",
    ]
    assert [(model.name, model.base, model.kind) for model in models] == [
        ("ponyXL", "Pony", "endpoint"),
        ("v1-5", "SD15", "endpoint"),
    ]
    assert models[0].card == {"adapters": ["ink.safetensors"]}
    assert asked == ["/system_stats", "/object_info"]


def test_comfyui_of_today_and_a_name_with_a_sharp() -> None:
    with server({"/system_stats": said({"system": {}}), "/object_info": said(NEW_COMFYUI)}) as (address, _):
        (model,) = read_endpoint(address)
    assert split_location(model.location) == ("comfyui", address, "a#b.safetensors")


def test_a1111() -> None:
    with server({"/sdapi/v1/sd-models": said(A1111), "/sdapi/v1/loras": said([{"name": "ink"}])}) as (address, _):
        (model,) = read_endpoint(address)
    assert model.location == f"a1111+{address}#dream.safetensors [31e35c80fc]"
    assert (model.name, model.known_hashes, model.card) == ("dream", ("31e35c80fc",), {"adapters": ["ink"]})


def test_openai_lists_what_draws() -> None:
    with server({"/v1/models": said(OPENAI)}) as (address, _):
        (model,) = read_endpoint(address + "/v1")
    assert model.location == f"openai+{address}#gpt-image-1"


def redirect(to: str) -> Answer:
    return 302, {"Location": to}, b""


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}, b""),
        (200, {}, b"<html>"),
        (200, {}, b"[" * 100_000),
        (200, {}, b"x" * 200_000),
        said({"system": 1, "data": 3}),
        said(None),
    ],
    ids=["an error", "a page", "nested to death", "a flood", "other JSON", "null"],
)
def test_what_speaks_no_known_language_is_said_to(answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "LARGEST_ANSWER", 150_000)
    paths = ("/sdapi/v1/sd-models", "/v1/models")
    with server(dict.fromkeys(paths, answer)) as (address, _), pytest.raises(PalateError) as caught:
        read_endpoint(address)
    assert caught.value.code == "endpoint_unknown"


def test_a_redirect_is_not_followed() -> None:
    with server({"/system_stats": said({"system": {}})}) as (other, asked_there):
        answers = dict.fromkeys(("/system_stats", "/sdapi/v1/sd-models", "/v1/models"), redirect(other))
        with server(answers) as (address, _), pytest.raises(PalateError):  # type: ignore[arg-type]
            read_endpoint(address)
    assert asked_there == []


def test_a_server_that_hangs_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang() -> Answer:
        release.wait(5)
        return 200, {}, b""

    monkeypatch.setattr(endpoints, "SECONDS", 0.1)
    with server({"/system_stats": hang}) as (address, _):
        with pytest.raises(PalateError) as caught:
            read_endpoint(address)
        release.set()
    assert caught.value.code == "endpoint_unreachable"


def test_nobody_there() -> None:
    with server({}) as (address, _):
        pass
    with pytest.raises(PalateError) as caught:
        read_endpoint(address)
    assert caught.value.code == "endpoint_unreachable"


@pytest.mark.parametrize(
    "url",
    [
        "", "localhost:8188", "ftp://x/", "file:///etc/passwd", "http://", "http:///#/../", "http://u:p@host/",
        "http://host:99999/", "http://host:0/", "http://host/?q=1", "http://host/#f", "http://ho st/", "gopher://x",
        "http://host\r\nX: y/", "http://[::1/",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_never_asked(url: str) -> None:
    with pytest.raises(PalateError) as caught:
        address_of(url)
    assert caught.value.code == "address_not_allowed"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8188", "http://127.0.0.1:8188"),
        ("http://127.0.0.1:8188/", "http://127.0.0.1:8188"),
        ("https://host/v1/", "https://host"),
        ("https://host/proxy/comfy/", "https://host/proxy/comfy"),
        ("http://[::1]:7860", "http://[::1]:7860"),
    ],
)
def test_an_address_loses_its_slash_and_version(url: str, address: str) -> None:
    assert address_of(url) == address


@pytest.mark.parametrize("location", ["", "comfyui+http://x", "http://x#y", "ftp+http://x#y"])
def test_what_is_no_location_is_refused(location: str) -> None:
    with pytest.raises(PalateError):
        split_location(location)
