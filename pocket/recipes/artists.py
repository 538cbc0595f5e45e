"""Who draws: a set, or one look of a set that draws in several; each becomes a drawing model of the pocket hub."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from recipes import captions

FEWEST_PICTURES = 250


@dataclass(frozen=True, slots=True)
class Artist:
    """A style: its set, the set's own word for the look ('' where it has one look), and its training pictures."""

    key: str
    title: str
    set: str
    look: str
    pictures: tuple[int, ...]


def artists_of(rows: list[dict[str, Any]], parts: list[str], sets: dict[str, Any]) -> list[Artist]:
    """Every look with enough training pictures, in the order of their keys; a set's small looks are one artist."""
    by_set: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for index, (row, part) in enumerate(zip(rows, parts, strict=True)):
        if part == "train":
            by_set[row["set"]][" ".join(captions.looks(row)) if splits(row) else ""].append(index)
    found = []
    for name, looks in by_set.items():
        large = {look: indices for look, indices in looks.items() if len(indices) >= FEWEST_PICTURES}
        for look, indices in large.items():
            several = len(large) > 1 and look
            key = f"{name}-{look.replace(' ', '-')}" if several else name
            title = f"{sets[name]['name']} {look}" if several else sets[name]["name"]
            found.append(Artist(key, title, name, look if several else "", tuple(indices)))
    return sorted(found, key=lambda artist: artist.key)


def splits(row: dict[str, Any]) -> bool:
    """Whether the set itself says that it draws in several ways: by variant, or by a look word at the name's end."""
    return bool(row["variant"]) or captions.words_of(row["name"])[-1] in captions.TRAILING


def prompt(row: dict[str, Any]) -> str:
    """A caption without the look, an emoji being an icon as well: how it is drawn is what the adapter is for."""
    return f"an icon of {' '.join(captions.shown(row))}"
