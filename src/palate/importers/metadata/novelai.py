"""NovelAI: `Comment` holds the settings, `Source` the model and its hash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from palate.importers.metadata.reading import (
    Reading,
    Texts,
    checkpoint,
    known,
    number,
    only,
    parsed,
    small,
    whole,
    word,
)

_SOURCE = re.compile(r"(.*\S)\s+([0-9A-F]{8})")


def read(texts: Texts) -> Reading | None:
    comment = texts.get("Comment")
    is_novelai = "NovelAI" in texts.get("Software", "") or _SOURCE.fullmatch(texts.get("Source", ""))
    if comment is None or not is_novelai:
        return None
    said = parsed(comment)
    named = _SOURCE.fullmatch(texts.get("Source", "")[:200])
    name, hash_of_it = (named[1], named[2]) if named else (said.get("model_name"), said.get("model_hash"))
    return Reading(
        tool="NovelAI",
        text=_prompt(said, texts.get("Description")),
        negative=uc if isinstance(uc := said.get("uc"), str) else "",
        seed=whole(said.get("seed")),
        settings=known(
            steps=small(said.get("steps")),
            cfg=number(said.get("scale")),
            sampler=word(said.get("sampler")),
            scheduler=word(said.get("noise_schedule")),
            width=small(said.get("width")),
            height=small(said.get("height")),
        ),
        credits=only([checkpoint(name, hash_of_it)]),
    )


def _prompt(said: Mapping[str, Any], description: str | None) -> str | None:
    """The prompt; the characters of version 4 follow it after bars, as its own page lets one write them."""
    prompt = said.get("prompt")
    text = prompt if isinstance(prompt, str) else description
    caption = said.get("v4_prompt", {}).get("caption") if isinstance(said.get("v4_prompt"), dict) else None
    characters = caption.get("char_captions") if isinstance(caption, dict) else None
    if text is None or not isinstance(characters, list):
        return text
    each = [entry.get("char_caption") for entry in characters[:32] if isinstance(entry, dict)]
    return " | ".join([text, *(words for words in each if isinstance(words, str) and words)])
