"""The pocket hub: where its networks lie, and the prompts that were written for icons."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

__all__ = ["IconPrompt", "NotTrainedError", "categories", "folder", "kinds", "prompts", "task_prompts"]

KINDS = ("clip", "diffusion", "dino", "janus")


class NotTrainedError(LookupError):
    """The package was built without this network."""


class IconPrompt(NamedTuple):
    """One thing to draw, and the category it is of."""

    text: str
    tag: str


def kinds() -> tuple[str, ...]:
    """The networks that this build holds."""
    return tuple(kind for kind in KINDS if (_weights() / kind / "README.md").is_file())


def folder(kind: str) -> Path:
    """What `from_pretrained` of transformers or diffusers opens; `kind` is clip, diffusion, dino or janus."""
    if kind not in KINDS:
        raise ValueError(f"there is no pocket network called {kind!r}; there are {', '.join(KINDS)}")
    if kind not in kinds():
        raise NotTrainedError(
            f"the pocket {kind} is not in this build; train it with `python -m recipes.{kind}` in pocket/"
        )
    return _weights() / kind


def prompts() -> tuple[IconPrompt, ...]:
    """The 61 specification prompts: things that most icon sets draw, six or seven of each category."""
    return _read("specification.jsonl")


def task_prompts(category: str | None = None) -> tuple[IconPrompt, ...]:
    """14 prompts of each category (all categories by default); none of them is a specification prompt."""
    every = _read("tasks.jsonl")
    if category is None:
        return every
    if category not in categories():
        raise ValueError(f"there is no category {category!r}; there are {', '.join(categories())}")
    return tuple(prompt for prompt in every if prompt.tag == category)


def categories() -> tuple[str, ...]:
    """The categories of the prompts, in the order of the alphabet."""
    return tuple(sorted({prompt.tag for prompt in _read("tasks.jsonl")}))


def _weights() -> Path:
    return Path(str(files("palate_pocket"))) / "weights"


@cache
def _read(name: str) -> tuple[IconPrompt, ...]:
    text = files("palate_pocket").joinpath("prompts", name).read_text("utf-8")
    return tuple(IconPrompt(row["prompt"], row["tag"]) for row in map(json.loads, text.splitlines()))
