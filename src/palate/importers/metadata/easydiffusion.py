"""Easy Diffusion: the same names as JSON in EXIF, or as one PNG text each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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

MODEL = "use_stable_diffusion_model"


def read(texts: Texts) -> Reading | None:
    said: Mapping[str, object] = texts
    text = texts.get("parameters", "")
    if looks_like_object(text) and f'"{MODEL}"' in text:
        said = parsed(text)
    if MODEL not in said:
        return None
    prompt, negative = said.get("prompt"), said.get("negative_prompt")
    return Reading(
        tool="Easy Diffusion",
        text=prompt if isinstance(prompt, str) else None,
        negative=negative if isinstance(negative, str) else "",
        seed=whole(said.get("seed")),
        settings=known(
            steps=small(said.get("num_inference_steps")),
            cfg=number(said.get("guidance_scale")),
            sampler=word(said.get("sampler_name")),
            width=small(said.get("width")),
            height=small(said.get("height")),
        ),
        credits=only([checkpoint(said.get(MODEL)), *_loras(said)]),
    )


def _loras(said: Mapping[str, object]) -> Iterator[Credit | None]:
    names, weights = (_items(said.get(key)) for key in ("use_lora_model", "lora_alpha"))
    for position, name in enumerate(names):
        yield adapter(name, weights[position] if position < len(weights) else 1.0)


def _items(value: object) -> list[object]:
    """One value, a list, or a list as Python prints it, which is how its PNG texts hold one."""
    if isinstance(value, list):
        return value[:100]
    if isinstance(value, str) and value.startswith("["):
        return [item.strip().strip("'\"") for item in value.strip("[]").split(",")[:100]]
    return [] if value in (None, "") else [value]
