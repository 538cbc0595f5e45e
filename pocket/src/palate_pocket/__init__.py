"""The pocket hub: where its networks and drawing models lie, its prompts, and the bank of pictures drawn once."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from palate_pocket.bank import Bank, BankPrompt, read_bank
from palate_pocket.places import weights_folder
from palate_pocket.shown import Sheet, read_sheet

__all__ = [
    "Adapter",
    "Bank",
    "BankPrompt",
    "IconPrompt",
    "NotTrainedError",
    "Sheet",
    "adapters",
    "bank",
    "categories",
    "folder",
    "identification_prompts",
    "kinds",
    "prompts",
    "sheet",
    "task_prompts",
]

KINDS = ("clip", "diffusion", "dino", "janus")
CONFIGURATIONS = {"diffusion": "model_index.json"}
"""The file without which a network's folder is not whole; config.json where nothing else is said."""


class NotTrainedError(LookupError):
    """The package was built without this."""


class IconPrompt(NamedTuple):
    """One thing to draw, and the category it is of."""

    text: str
    tag: str


class Adapter(NamedTuple):
    """A drawing model: a folder that `load_lora_weights` opens on the pocket diffusion, and what its card says."""

    key: str
    folder: Path
    title: str
    set: str
    look: str
    """The set's own word for how it draws here; '' where the set draws in one way."""
    author: str
    licence: str
    licence_url: str
    category: str
    tags: tuple[str, ...]
    downloads: int | None
    """Of the set's own npm package, a month; None where nobody counted."""


def kinds() -> tuple[str, ...]:
    """The networks that this build holds."""
    return tuple(kind for kind in KINDS if _is_whole(kind))


def folder(kind: str) -> Path:
    """What `from_pretrained` of transformers or diffusers opens; `kind` is clip, diffusion, dino or janus."""
    if kind not in KINDS:
        raise ValueError(f"there is no pocket network called {kind!r}; there are {', '.join(KINDS)}")
    if kind not in kinds():
        raise NotTrainedError(
            f"the pocket {kind} is not in this build; train it with `python -m recipes.{kind}` in pocket/"
        )
    return weights_folder() / kind


def adapters() -> tuple[Adapter, ...]:
    """The drawing models of this build, in the order of their keys; none where it has none."""
    cards = sorted((weights_folder() / "adapters").glob("*/card.json"))
    return tuple(_adapter(card.parent, json.loads(card.read_text("utf-8"))) for card in cards)


def bank() -> Bank:
    """The vectors of the pictures that were drawn once, with the keys that draw them again."""
    place = weights_folder() / "bank"
    if not (place / "bank.json").is_file():
        raise NotTrainedError("the pocket picture bank is not in this build; draw it with `python -m recipes.bank`")
    return read_bank(place)


def sheet() -> Sheet:
    """Those pictures of the bank that ship with their pixels; all others are drawn when somebody looks at them."""
    return read_sheet(weights_folder() / "bank")


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


def identification_prompts() -> tuple[IconPrompt, ...]:
    """The 14 of the task prompts that `palate evaluate identification` asks with: one a category, two of four."""
    return _read("identification.jsonl")


def categories() -> tuple[str, ...]:
    """The categories of the prompts, in the order of the alphabet."""
    return tuple(sorted({prompt.tag for prompt in _read("tasks.jsonl")}))


def _is_whole(kind: str) -> bool:
    place = weights_folder() / kind
    return (place / CONFIGURATIONS.get(kind, "config.json")).is_file() and (place / "README.md").is_file()


def _adapter(place: Path, card: dict[str, object]) -> Adapter:
    texts = {name: str(card.get(name) or "") for name in Adapter._fields if name not in ("folder", "tags", "downloads")}
    tags, downloads = card.get("tags"), card.get("downloads")
    return Adapter(
        folder=place,
        tags=tuple(map(str, tags)) if isinstance(tags, list) else (),
        downloads=downloads if isinstance(downloads, int) else None,
        **texts,
    )


@cache
def _read(name: str) -> tuple[IconPrompt, ...]:
    text = files("palate_pocket").joinpath("prompts", name).read_text("utf-8")
    return tuple(IconPrompt(row["prompt"], row["tag"]) for row in map(json.loads, text.splitlines()))
