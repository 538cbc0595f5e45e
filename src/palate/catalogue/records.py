"""The things a catalogue holds. Plain, frozen, and the same whatever database keeps them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ModelKind = Literal["pipeline", "checkpoint", "adapter", "endpoint", "listed"]
"""pipeline: a diffusers folder or hub id; checkpoint: one .safetensors file; adapter: a LoRA on a base;
endpoint: a server that draws; listed: known by name only (a roster's row), cannot draw here."""

ModelState = Literal["ready", "convert first", "quarantined", "missing", "changed"]

CreditRole = Literal["checkpoint", "adapter"]
Matched = Literal["hash", "name", "given", "unknown"]


def digest(*parts: str | bytes) -> str:
    """A 128-bit identity of exact bytes in hexadecimal; parts are framed: ('ab', 'c') is not ('a', 'bc')."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return state.hexdigest()


def canonical(values: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces: equal mappings give equal bytes."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


TOOL_TAGS = re.compile(r"<(?:lora|lyco|hypernet|lora-[a-z]+):[^<>]*>", re.IGNORECASE)


def spoken(text: str) -> str:
    """The words of a prompt without the tags by which tools load adapters; they are not what the picture shows."""
    return " ".join(TOOL_TAGS.sub(" ", text).split()) if "<" in text else text


@dataclass(frozen=True, slots=True)
class Model:
    """A catalogue entry that can draw (or, when `listed`, that is only known by its pictures)."""

    id: str
    name: str
    kind: ModelKind
    location: str
    """A path, a hub id or an address; where the generator finds it."""
    base: str | None = None
    """The base family in short form: SD15, SD21, SDXL, Pony, Flux1-dev, pocket ...; None where unknown."""
    base_location: str | None = None
    """For an adapter: the pipeline or checkpoint it sits on, where known."""
    tags: tuple[str, ...] = ()
    trigger_words: tuple[str, ...] = ()
    downloads: int | None = None
    maker: str | None = None
    licence: str | None = None
    state: ModelState = "ready"
    state_reason: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    header_hash: str | None = None
    full_hash: str | None = None
    """sha256 of the whole file, once it was computed (in the background, and always before the first drawing)."""
    known_hashes: tuple[str, ...] = ()
    """Other hashes a sidecar or tool names it by (AutoV1, AutoV2, AutoV3, Kohya), lower-case hexadecimal."""
    card: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else its sidecars and header say."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked of a model: the exact text and the settings that came with it."""

    text: str
    negative: str = ""
    tag: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    """width, height, steps, cfg, sampler: only what is known."""
    name: str | None = None
    """A data set's own id for it, such as GEMRec's prompt_id."""

    @property
    def id(self) -> str:
        """Identity over exact bytes: text and negative text. Settings belong to the drawing."""
        return digest("prompt", self.text, self.negative)


@dataclass(frozen=True, slots=True)
class Credit:
    """Who drew a picture, as far as its metadata says."""

    name: str
    role: CreditRole
    weight: float = 1.0
    hash: str | None = None
    """The hash the metadata named it by, lower-case hexadecimal, any length a tool writes."""
    model_id: str | None = None
    matched: Matched = "unknown"


@dataclass(frozen=True, slots=True)
class Drawing:
    """Provenance: how a picture came to be. One picture may have several (two models, equal bytes)."""

    id: str
    picture_id: str
    source: Literal["drawn", "imported", "dataset"]
    credits: tuple[Credit, ...]
    prompt: Prompt | None = None
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    tool: str | None = None


PictureState = Literal["ok", "degenerate", "vector only", "missing"]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture by its content; `vector only` where a data set gives features and no pixels."""

    id: str
    """First 32 hexadecimal digits of the sha256 of the file (of its key, where it is vector only)."""
    width: int = 0
    height: int = 0
    format: str = ""
    size: int = 0
    state: PictureState = "ok"
    owned: bool = False
    """True where the bytes are a blob of ours; False where they lie in somebody's folder."""


@dataclass(frozen=True, slots=True)
class FileSeen:
    """Where an original lies; a rescan compares size and time before it reads a byte."""

    path: str
    picture_id: str
    size: int
    mtime_ns: int
