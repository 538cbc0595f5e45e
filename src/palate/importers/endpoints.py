"""Servers that draw (ComfyUI, A1111 and its kin, OpenAI's images), recognised by asking them.

Locations are `comfyui+URL#CHECKPOINT`, `a1111+URL#CHECKPOINT` and `openai+URL#MODEL`. A person names the address, so
their own machine may be asked; redirects are not followed, answers are limited in time and size.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from palate.catalogue.records import Model, digest
from palate.errors import PalateError
from palate.importers.bases import base_family
from palate.importers.sidecars import LONGEST_NAME, hashes_of, mapping_of, text_of

if TYPE_CHECKING:
    import httpx

SECONDS = 10.0
LARGEST_ANSWER = 32 * 1024 * 1024
"""ComfyUI's `/object_info` with many extensions is several megabytes."""
MOST_MODELS = 10_000

_DRAWS = re.compile(r"dall-?e|image|flux|stable-?diffusion|sdxl|imagen|diffusion|pocket", re.IGNORECASE)


def read_endpoint(url: str, *, key: str | None = None) -> list[Model]:
    """The models that the server at this address can draw with.

    Adapters that it holds are named in each model's card (`adapters`), to be asked for with the checkpoint.
    """
    import httpx

    address = address_of(url)
    key = key or key_for(address)
    headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
    limits = httpx.Timeout(SECONDS, connect=5.0)
    with httpx.Client(timeout=limits, follow_redirects=False, trust_env=False, headers=headers) as client:
        for ask in (_ask_comfyui, _ask_a1111, _ask_openai):
            models, reached = ask(client, address)
            if models is not None:
                return models
            if not reached:
                raise PalateError("endpoint_unreachable", "no server answers there", about=address)
    raise PalateError(
        "endpoint_unknown",
        "the server speaks neither ComfyUI's, A1111's nor OpenAI's language",
        about=address,
        hint="start A1111 with --api",
    )


def key_for(address: str) -> str | None:
    """A key from the environment; OpenAI's own goes to nobody else."""
    own = "OPENAI_API_KEY" if urlsplit(address).hostname == "api.openai.com" else "PALATE_ENDPOINT_KEY"
    return os.environ.get(own) or None


def address_of(url: str) -> str:
    """The address without a trailing slash or `/v1`; `address_not_allowed` for anything but plain http and https."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise PalateError("address_not_allowed", "this is no address", about=url[:200]) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PalateError("address_not_allowed", "only http:// and https:// addresses are asked", about=url[:200])
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PalateError("address_not_allowed", "an address has no name, password, query or fragment", about="url")
    if not re.match(r"[\w.\-:]+\Z", parts.hostname) or port == 0 or any(ord(letter) < 33 for letter in url.strip()):
        raise PalateError("address_not_allowed", "this is no address", about=url[:200])
    path = re.sub(r"/(?:v1/?)?\Z", "", parts.path)
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def split_location(location: str) -> tuple[str, str, str]:
    """(protocol, address, model) of an endpoint's location."""
    protocol, plus, rest = location.partition("+")
    address, sharp, name = rest.partition("#")
    if not plus or not sharp or protocol not in ("comfyui", "a1111", "openai"):
        raise PalateError("address_not_allowed", "this is no endpoint's location", about=location[:200])
    return protocol, address, name


def _ask_comfyui(client: httpx.Client, address: str) -> tuple[list[Model] | None, bool]:
    answer, reached = _get(client, f"{address}/system_stats")
    if "system" not in mapping_of(answer):
        return None, reached
    nodes, _ = _get(client, f"{address}/object_info")
    checkpoints = _choices(nodes, "CheckpointLoaderSimple", "ckpt_name")
    adapters = _choices(nodes, "LoraLoader", "lora_name")
    return [_model("comfyui", address, name, name, {"adapters": adapters}) for name in checkpoints], True


def _choices(nodes: object, node: str, field: str) -> list[str]:
    """A node's list of names, in the form of old servers and in that of new ones (`["COMBO", {"options": [..]}]`)."""
    required = mapping_of(mapping_of(mapping_of(mapping_of(nodes).get(node)).get("input")).get("required"))
    written = required.get(field)
    if not isinstance(written, list) or not written:
        return []
    combined = written[0] == "COMBO" and len(written) > 1
    return _names(mapping_of(written[1]).get("options") if combined else written[0])


def _ask_a1111(client: httpx.Client, address: str) -> tuple[list[Model] | None, bool]:
    answer, reached = _get(client, f"{address}/sdapi/v1/sd-models")
    if not isinstance(answer, list):
        return None, reached
    loras, _ = _get(client, f"{address}/sdapi/v1/loras")
    adapters = _names([mapping_of(item).get("name") for item in loras] if isinstance(loras, list) else [])
    models = []
    for item in map(mapping_of, answer[:MOST_MODELS]):
        title = text_of(item.get("title"), LONGEST_NAME)
        if title is not None:
            name = text_of(item.get("model_name"), LONGEST_NAME) or title
            hashes = hashes_of((item.get("sha256"), item.get("hash")))
            models.append(_model("a1111", address, title, name, {"adapters": adapters}, hashes))
    return models, True


def _ask_openai(client: httpx.Client, address: str) -> tuple[list[Model] | None, bool]:
    answer, reached = _get(client, f"{address}/v1/models")
    rows = mapping_of(answer).get("data")
    if not isinstance(rows, list):
        return None, reached
    names = _names([mapping_of(row).get("id") for row in rows])
    drawing = [name for name in names if _DRAWS.search(name)]
    return [_model("openai", address, name, name, {}) for name in drawing or names], True


def _names(values: object) -> list[str]:
    texts = (text_of(value, LONGEST_NAME) for value in values[:MOST_MODELS]) if isinstance(values, list) else ()
    return list(dict.fromkeys(text for text in texts if text is not None))


def _model(
    protocol: str, address: str, asked_for: str, name: str, card: Mapping[str, Any], hashes: tuple[str, ...] = ()
) -> Model:
    """`asked_for` is what the server calls it; the name is for people."""
    location = f"{protocol}+{address}#{asked_for}"
    shown_name = re.sub(r"\.(?:safetensors|ckpt|sft|gguf)\Z", "", re.split(r"[/\\]", name)[-1])
    return Model(
        id=digest("endpoint", location),
        name=shown_name or name,
        kind="endpoint",
        location=location,
        base=base_family(name),
        known_hashes=hashes,
        card={key: value for key, value in card.items() if value},
    )


def _get(client: httpx.Client, url: str) -> tuple[Any, bool]:
    """(The JSON of an answer of at most `LARGEST_ANSWER` bytes or None, whether anything answered at all)."""
    import httpx

    pieces: list[bytes] = []
    size = 0
    until = time.monotonic() + SECONDS
    try:
        with client.stream("GET", url) as response:
            if response.status_code != 200:
                return None, True
            for piece in response.iter_raw():
                size += len(piece)
                if size > LARGEST_ANSWER or time.monotonic() > until:
                    return None, True
                pieces.append(piece)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None, False
    try:
        return json.loads(b"".join(pieces)), True
    except (ValueError, RecursionError):
        return None, True
