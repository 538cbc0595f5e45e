"""SwarmUI: one JSON object with `sui_image_params`, and with the files' hashes where the person keeps those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from palate.catalogue.records import Credit
from palate.importers.metadata.reading import (
    Reading,
    Texts,
    UnreadableError,
    adapter,
    checkpoint,
    known,
    looks_like_object,
    number,
    only,
    parsed,
    small,
    whole,
    word,
)

_WEIGHTS_SUFFIXES = (".safetensors", ".sft", ".ckpt", ".gguf", ".pt")


def read(texts: Texts) -> Reading | None:
    text = texts.get("parameters")
    if text is None or not looks_like_object(text) or '"sui_image_params"' not in text:
        return None
    whole_object = parsed(text)
    said = whole_object.get("sui_image_params")
    if not isinstance(said, dict):
        raise UnreadableError("its sui_image_params is not a JSON object")
    hashes = _hashes(whole_object.get("sui_models"))
    prompt, negative = said.get("prompt"), said.get("negativeprompt")
    model = word(said.get("model"))
    return Reading(
        tool="SwarmUI",
        text=prompt if isinstance(prompt, str) else None,
        negative=negative if isinstance(negative, str) else "",
        seed=whole(said.get("seed")),
        settings=known(
            steps=small(said.get("steps")),
            cfg=number(said.get("cfgscale")),
            sampler=word(said.get("sampler")),
            scheduler=word(said.get("scheduler")),
            width=small(said.get("width")),
            height=small(said.get("height")),
            guidance=number(said.get("fluxguidancescale")),
        ),
        credits=only([checkpoint(model, hashes.get(_plain(model))), *_refiner(said, hashes), *_loras(said, hashes)]),
    )


def _plain(name: str | None) -> str:
    """The name as both places would write it: without the ending of its file."""
    plain = name or ""
    for suffix in _WEIGHTS_SUFFIXES:
        plain = plain.removesuffix(suffix)
    return plain


def _hashes(models: object) -> dict[str, str]:
    entries = models[:200] if isinstance(models, list) else []
    named = [(word(entry.get("name")), word(entry.get("hash"))) for entry in entries if isinstance(entry, dict)]
    return {_plain(name): hash_of_it for name, hash_of_it in named if name and hash_of_it}


def _refiner(said: Mapping[str, Any], hashes: Mapping[str, str]) -> Iterator[Credit | None]:
    name = word(said.get("refinermodel"))
    if name and not name.startswith("("):  # "(Use Base)"
        share = number(said.get("refinercontrolpercentage", said.get("refinercontrol")))
        yield checkpoint(name, hashes.get(_plain(name)), share if share and 0 < share <= 1 else 1.0)


def _loras(said: Mapping[str, Any], hashes: Mapping[str, str]) -> Iterator[Credit | None]:
    names, weights = _items(said.get("loras")), _items(said.get("loraweights"))
    for position, name in enumerate(names):
        weight = weights[position] if position < len(weights) else 1.0
        yield adapter(name, weight, hashes.get(_plain(word(name))))


def _items(value: object) -> list[object]:
    """A list, or one written as text with commas."""
    if isinstance(value, list):
        return value[:100]
    return [item.strip() for item in value.split(",")[:100]] if isinstance(value, str) and value else []
