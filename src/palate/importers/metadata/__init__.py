"""What other tools wrote into their pictures: one file a tool, one `Reading` for all of them."""

from __future__ import annotations

import json
import struct

from palate.importers.metadata import a1111, comfyui, easydiffusion, fooocus, invokeai, novelai, swarmui
from palate.importers.metadata.embedded import embedded
from palate.importers.metadata.reading import Reading, UnreadableError, looks_like_object, parsed
from palate.safety.containers import BrokenContainerError, PictureFormat

__all__ = ["Reading", "UnreadableError", "read_metadata", "read_texts"]

# The first that credits somebody is believed: what a ComfyUI node saved in A1111's form says more than its graph.
_READERS = (
    swarmui.read,
    fooocus.read,
    easydiffusion.read,
    a1111.read,
    comfyui.read,
    invokeai.read,
    novelai.read,
)
_INSIDE_JSON = (
    "prompt",
    "workflow",
    "invokeai_metadata",
    "sd-metadata",
    "Comment",
    "Description",
    "Source",
    "Software",
)


def read_metadata(data: bytes, format: PictureFormat) -> Reading:  # noqa: A002
    """What the picture says of how it was drawn; `UnreadableError` says why it says nothing."""
    try:
        found = embedded(data, format)
    except (BrokenContainerError, struct.error) as error:
        raise UnreadableError("its metadata is damaged") from error
    try:
        return read_texts(found.texts)
    except UnreadableError as error:
        if found.too_large:
            raise UnreadableError(f"its metadata is too large to read: {', '.join(found.too_large)[:80]}") from error
        raise


def read_texts(texts: dict[str, str]) -> Reading:
    """The same from texts by keyword, such as a `parameters` text that was kept beside the picture."""
    reasons: list[str] = []
    best: Reading | None = None
    texts = _unfolded(texts)
    for read in _READERS:
        try:
            reading = read(texts)
        except UnreadableError as error:
            reasons.append(str(error))
            continue
        except RecursionError:
            reasons.append("its metadata is nested too deeply")
            continue
        if reading is not None and reading.credits:
            return reading
        if reading is not None and reading.text is not None:
            best = best or reading
    if best is None:
        raise UnreadableError(reasons[0] if reasons else "no metadata of a tool we know")
    return best


def _unfolded(texts: dict[str, str]) -> dict[str, str]:
    """Where one JSON object holds what PNG keeps under several keywords, as in EXIF comments, its parts are let out."""
    text = texts.get("parameters", "")
    if not looks_like_object(text) or not any(f'"{name}"' in text for name in _INSIDE_JSON):
        return texts
    try:
        inner = parsed(text)
    except UnreadableError:
        return texts
    found = dict(texts)
    for name in _INSIDE_JSON:
        value = inner.get(name)
        if isinstance(value, dict):
            found.setdefault(name, json.dumps(value))
        elif isinstance(value, str) and name != "prompt":
            found.setdefault(name, value)
    return found
