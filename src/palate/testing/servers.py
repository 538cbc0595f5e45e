"""Small local servers that speak the protocols of ComfyUI, A1111 and OpenAI, soundly or with a planted fault."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from palate.generators.protocol import Order
from palate.testing.fakes import FakeGenerator

Fault = Literal[
    "html", "error body", "status 500", "too many", "none", "not a picture", "not base64", "truncated", "endless",
    "hang", "redirect", "wrong schema", "null", "deep", "dropped", "bomb",
]  # fmt: skip
Answer = tuple[int, str, bytes]
Route = Callable[["Talk", str, dict[str, Any]], Answer]


@dataclass
class Talk:
    """What a server was asked, and the fault it plays; both may be read and changed while it runs."""

    address: str = ""
    fault: Fault | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    caption: str = "a picture"
    drawn: dict[str, bytes] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)


def png(order: Order) -> bytes:
    target = io.BytesIO()
    FakeGenerator().draw([order])[0].save(target, "PNG")
    return target.getvalue()


def as_json(value: Any, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(value).encode()


def pictures_of(talk: Talk, order: Order) -> list[bytes]:
    """One picture, or what a fault makes of it."""
    if talk.fault == "not a picture":
        return [b"<html>no picture</html>"]
    if talk.fault == "bomb":
        target = io.BytesIO()
        Image.new("1", (30_000, 30_000)).save(target, "PNG")
        return [target.getvalue()]
    return [png(order)] * {"too many": 3, "none": 0}.get(talk.fault or "", 1)


def encoded(talk: Talk, picture: bytes) -> str:
    return "%%% no base64 %%%" if talk.fault == "not base64" else base64.b64encode(picture).decode()


def openai_routes(talk: Talk, path: str, body: dict[str, Any]) -> Answer:
    """/v1/images/generations, /v1/chat/completions and /v1/models."""
    if path == "/v1/models":
        return as_json({"object": "list", "data": [{"id": "fake-image-1", "object": "model"}]})
    if path == "/v1/chat/completions":
        message = {"role": "assistant", "content": talk.caption}
        return as_json({"object": "chat.completion", "choices": [{"index": 0, "message": message}]})
    if path != "/v1/images/generations":
        return as_json({"error": {"message": "no such route"}}, 404)
    width, _, height = str(body.get("size", "64x64")).partition("x")
    order = Order(body["prompt"], int(body.get("seed", 0)), width=int(width), height=int(height))
    data = [{"b64_json": encoded(talk, picture)} for picture in pictures_of(talk, order)]
    return as_json({"created": 1, "data": data})


def a1111_routes(talk: Talk, path: str, body: dict[str, Any]) -> Answer:
    """/sdapi/v1/txt2img and /sdapi/v1/sd-models."""
    if path == "/sdapi/v1/sd-models":
        return as_json([{"title": "tiny.safetensors [abc]", "model_name": "tiny"}])
    if path != "/sdapi/v1/txt2img":
        return as_json({"detail": "Not Found"}, 404)
    order = Order(body["prompt"], body["seed"], width=body.get("width", 64), height=body.get("height", 64))
    return as_json({"images": [encoded(talk, picture) for picture in pictures_of(talk, order)], "info": "{}"})


def comfyui_routes(talk: Talk, path: str, body: dict[str, Any]) -> Answer:
    """/prompt, /history/ID and /view; a graph is finished at the second time it is asked for."""
    if path == "/system_stats":
        return as_json({"system": {"comfyui_version": "0.3"}})
    if path == "/prompt":
        graph = {node["class_type"]: node["inputs"] for node in body["prompt"].values()}
        texts = body["prompt"]["words"]["inputs"]["text"], body["prompt"]["not"]["inputs"]["text"]
        if "KSampler" not in graph or graph["KSampler"]["positive"] != ["words", 0]:
            return as_json({"error": {"type": "prompt_no_outputs", "message": "no outputs"}, "node_errors": {}}, 400)
        canvas = graph["EmptyLatentImage"]
        order = Order(texts[0], graph["KSampler"]["seed"], texts[1], canvas["width"], canvas["height"])
        for number, picture in enumerate(pictures_of(talk, order)):
            talk.drawn[f"picture{number}.png"] = picture
        return as_json({"prompt_id": "0123-abcd", "number": 1, "node_errors": {}})
    if path.startswith("/history/"):
        if sum(asked.startswith("/history/") for asked, _ in talk.asked) < 2:
            return as_json({})
        images = [{"filename": name, "subfolder": "", "type": "temp"} for name in talk.drawn]
        status: dict[str, Any] = {"status_str": "success", "completed": True, "messages": []}
        return as_json({"0123-abcd": {"outputs": {"picture": {"images": images}}, "status": status}})
    if path == "/view":
        return 200, "image/png", talk.drawn[body["filename"]]
    return 404, "text/plain", b"not found"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    talk: Talk
    routes: Route

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self._answer(query)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(json.loads(raw))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: it is a test."""

    def _answer(self, body: dict[str, Any]) -> None:
        path = urlsplit(self.path).path
        self.talk.asked.append((path, body))
        played = _FAULTS.get(self.talk.fault or "")
        if played is not None:
            self._send(*played)
        elif self.talk.fault == "hang":
            self.talk.stop.wait(30)
        elif self.talk.fault == "endless":
            self._send_without_end()
        elif self.talk.fault == "truncated":
            status, kind, content = type(self).routes(self.talk, path, body)
            self._send(status, kind, content[: len(content) // 2])
        elif self.talk.fault == "dropped":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
            self.close_connection = True
        elif self.talk.fault == "redirect":
            self.send_response(302)
            self.send_header("Location", f"{self.talk.address}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send(*type(self).routes(self.talk, path, body))

    def _send(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_without_end(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(b'{"images": ["')
            while not self.talk.stop.is_set():
                self.wfile.write(b"A" * 65536)
                time.sleep(0.001)
        except OSError:
            return


_FAULTS: dict[str, Answer] = {
    "html": (200, "text/html", b"<!doctype html><title>Please log in</title>"),
    "error body": as_json({"error": {"message": "quota \u202e exceeded\nsecond line", "type": "quota"}}),
    "status 500": as_json({"error": "the machine is on fire"}, 500),
    "wrong schema": as_json({"images": {"0": 1}, "data": "x", "prompt_id": ["../../etc"], "choices": [{}]}),
    "null": as_json(None),
    "deep": (200, "application/json", b"[" * 100_000),
}


@contextmanager
def serving(routes: Route, fault: Fault | None = None) -> Iterator[Talk]:
    """A server on a free port of this machine, gone when the block ends."""
    talk = Talk(fault=fault)
    handler = type("Handler", (_Handler,), {"talk": talk, "routes": staticmethod(routes)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    talk.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield talk
    finally:
        talk.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
