"""Fooocus' own scheme: one JSON object; its other scheme is A1111's text and read there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from palate.catalogue.records import Credit
from palate.importers.metadata.reading import (
    Reading,
    Texts,
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

_SIZE = re.compile(r"\D{0,2}(\d{1,6})\D{1,4}(\d{1,6})\D{0,2}")


def read(texts: Texts) -> Reading | None:
    text = texts.get("parameters")
    if text is None or not looks_like_object(text) or '"base_model"' not in text:
        return None
    said = parsed(text)
    size = _SIZE.fullmatch(word(said.get("resolution")) or "")
    prompt, negative = said.get("prompt"), said.get("negative_prompt")
    return Reading(
        tool="Fooocus",
        text=prompt if isinstance(prompt, str) else None,
        negative=negative if isinstance(negative, str) else "",
        seed=whole(said.get("seed")),
        settings=known(
            steps=small(said.get("steps")),
            cfg=number(said.get("guidance_scale")),
            sampler=word(said.get("sampler")),
            scheduler=word(said.get("scheduler")),
            width=int(size[1]) if size else None,
            height=int(size[2]) if size else None,
            styles=word(said.get("styles")),
            vae=word(said.get("vae")),
        ),
        credits=only([checkpoint(said.get("base_model"), said.get("base_model_hash")), *_refiner(said), *_loras(said)]),
    )


def _refiner(said: Mapping[str, Any]) -> Iterator[Credit | None]:
    if said.get("refiner_model") not in (None, "", "None"):
        switch = number(said.get("refiner_switch"))
        share = 1 - switch if switch is not None and 0 <= switch < 1 else 1.0
        yield checkpoint(said["refiner_model"], said.get("refiner_model_hash"), round(share, 6))


def _loras(said: Mapping[str, Any]) -> Iterator[Credit | None]:
    """Newer versions list name, weight and hash; all versions write `lora_combined_1: "name : weight"`."""
    listed = said.get("loras")
    if isinstance(listed, list) and listed:
        for entry in listed[:100]:
            if isinstance(entry, list) and len(entry) >= 2:
                yield adapter(entry[0], entry[1], entry[2] if len(entry) > 2 else None)
        return
    for key, value in said.items():
        if key.startswith("lora_combined_") and (text := word(value)):
            *_, name, weight = ["", *text.split(" : ")]
            yield adapter(name, weight)
