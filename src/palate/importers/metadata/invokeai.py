"""InvokeAI: `invokeai_metadata` since version 3, `sd-metadata` and the `Dream` command line before."""

from __future__ import annotations

import re
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
    number,
    only,
    parsed,
    small,
    whole,
    word,
)

_DREAM = re.compile(r'"((?:[^"\\]|\\.)*)"([^"]*)')
_OPTION = re.compile(r"-([sSWHCA])\s*([\w.+]+)")
_AVOIDED = re.compile(r"\[([^\[\]]*)\]")


def read(texts: Texts) -> Reading | None:
    if text := texts.get("invokeai_metadata"):
        return _current(parsed(text))
    if text := texts.get("sd-metadata"):
        return _second(parsed(text))
    if text := texts.get("Dream"):
        return _dream(text)
    return None


def _current(said: Mapping[str, Any]) -> Reading:
    prompt, negative = said.get("positive_prompt"), said.get("negative_prompt")
    return Reading(
        tool="InvokeAI",
        text=prompt if isinstance(prompt, str) else None,
        negative=negative if isinstance(negative, str) else "",
        seed=whole(said.get("seed")),
        settings=known(
            steps=small(said.get("steps")),
            cfg=number(said.get("cfg_scale")),
            sampler=word(said.get("scheduler")),
            width=small(said.get("width")),
            height=small(said.get("height")),
            guidance=number(said.get("guidance")),
        ),
        credits=only([_main(said.get("model")), *_refiner(said), *_loras(said.get("loras"))]),
    )


def _main(model: object, weight: float = 1.0) -> Credit | None:
    return checkpoint(_name(model), _hash(model), weight)


def _name(model: object) -> str | None:
    """Version 4 says `name`, version 3 `model_name`; some wrote the name alone."""
    if isinstance(model, dict):
        return word(model.get("name")) or word(model.get("model_name"))
    return word(model)


def _hash(model: object) -> str | None:
    return word(model.get("hash")) if isinstance(model, dict) else None


def _refiner(said: Mapping[str, Any]) -> Iterator[Credit | None]:
    start = number(said.get("refiner_start"))
    share = 1 - start if start is not None and 0 <= start < 1 else 1.0
    yield _main(said.get("refiner_model"), round(share, 6))


def _loras(loras: object) -> Iterator[Credit | None]:
    for entry in loras[:100] if isinstance(loras, list) else ():
        if isinstance(entry, dict):
            model = entry.get("model") or entry.get("lora")
            yield adapter(_name(model), entry.get("weight", 1.0), _hash(model))


def _second(said: Mapping[str, Any]) -> Reading:
    picture = said.get("image")
    if not isinstance(picture, dict):
        raise UnreadableError("its sd-metadata describes no image")
    prompts = picture.get("prompt")
    entries = [{"prompt": prompts}] if isinstance(prompts, str) else prompts if isinstance(prompts, list) else []
    parts = [part for entry in entries if isinstance(entry, dict) and isinstance(part := entry.get("prompt"), str)]
    positive, negative = _both_sides(", ".join(parts))
    return Reading(
        tool="InvokeAI",
        text=positive if parts else None,
        negative=negative,
        seed=whole(picture.get("seed")),
        settings=known(
            steps=small(picture.get("steps")),
            cfg=number(picture.get("cfg_scale")),
            sampler=word(picture.get("sampler")),
            width=small(picture.get("width")),
            height=small(picture.get("height")),
        ),
        credits=only([checkpoint(said.get("model_weights"), said.get("model_hash"))]),
    )


def _dream(text: str) -> Reading:
    command = _DREAM.match(text)
    if command is None:
        raise UnreadableError("its Dream text is no command")
    options = dict(_OPTION.findall(command[2]))
    positive, negative = _both_sides(command[1])
    return Reading(
        tool="InvokeAI",
        text=positive,
        negative=negative,
        seed=whole(options.get("S")),
        settings=known(
            steps=small(options.get("s")),
            cfg=number(options.get("C")),
            sampler=word(options.get("A")),
            width=small(options.get("W")),
            height=small(options.get("H")),
        ),
    )


def _both_sides(prompt: str) -> tuple[str, str]:
    """Before version 3, words to avoid stood in square brackets within the prompt."""
    avoided = [words.strip() for words in _AVOIDED.findall(prompt)]
    return (_AVOIDED.sub("", prompt).strip(), ", ".join(avoided)) if avoided else (prompt, "")
