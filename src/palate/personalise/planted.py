"""People whose taste is known because it was planted: each likes the pictures of one style, one topic or one colour."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import digest
from palate.errors import PalateError
from palate.personalise.histories import Collection, Item, Source, collected

LABELS = "labels.csv"
KINDS = ("style", "topic", "colour")
FEWEST = 12
"""Pictures of one value below which nobody is given a taste for it, and that each person likes: two windows."""
HELD = 4
"""One item in so many is kept from training, by its name alone."""
HUES = {"red": 0, "orange": 30, "yellow": 60, "green": 120, "cyan": 180, "blue": 225, "purple": 280, "pink": 325}
PALE = 0.25
"""Saturation below which ink has no colour of its own."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Pictures and what is known of each: `labels` has a value a kind, '' where none is known."""

    name: str
    items: tuple[Item, ...]
    labels: tuple[Mapping[str, str], ...]
    sources: tuple[Source, ...]

    def part(self, *, held: bool) -> Pool:
        """Items that training may see, or those kept from it."""
        kept = [at for at, item in enumerate(self.items) if (int(digest("held", item.id)[:8], 16) % HELD == 0) == held]
        return Pool(
            self.name,
            tuple(self.items[at] for at in kept),
            tuple(self.labels[at] for at in kept),
            tuple(self.sources[at] for at in kept),
        )

    def values(self, kind: str, fewest: int = FEWEST) -> dict[str, list[int]]:
        """Each value of a kind with its items, where there are at least `fewest` of them."""
        found: dict[str, list[int]] = defaultdict(list)
        for at, labels in enumerate(self.labels):
            if labels.get(kind):
                found[labels[kind]].append(at)
        return {value: items for value, items in sorted(found.items()) if len(items) >= fewest}


@dataclass(frozen=True, slots=True)
class Taste:
    kind: str
    value: str


def planted_people(
    pool: Pool, *, people: int = 400, each: int = FEWEST, seed: int = 0
) -> tuple[Collection, dict[str, Taste]]:
    """People in turn of each kind and value, each of whom likes `each` pictures of it in an order of their own."""
    by_kind = {kind: values for kind in KINDS if len(values := pool.values(kind, each)) >= 2}
    if not by_kind:
        said = f"no kind of {', '.join(KINDS)} has two values with {each} pictures each"
        raise PalateError("too_few_pictures", said, about=pool.name)
    tastes = [Taste(kind, value) for kind, values in by_kind.items() for value in values]
    chance = np.random.default_rng(seed)
    events, known = [], {}
    for number in range(people):
        taste = tastes[number % len(tastes)]
        person = f"{taste.kind}={taste.value} {number}"
        known[person] = taste
        own = by_kind[taste.kind][taste.value]
        begin = float(chance.random())
        for place, at in enumerate(chance.permutation(own)[:each]):
            events.append((person, pool.items[int(at)].id, begin + 10.0 * place))
    return collected(pool.name, pool.items, events, lambda at: pool.sources[at]), known


def read_pool(folder: Path) -> Pool:
    """labels.csv: file, title, and any of style, topic, colour; where it has no colour, the ink's own is measured."""
    path = folder / LABELS
    if not path.is_file():
        hint = "a labels.csv of file, title, style, topic, colour beside the pictures"
        raise PalateError("no_labels", "there are no labelled pictures here", about=str(folder), hint=hint)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or "file" not in rows[0] or not set(KINDS) & set(rows[0]):
        raise PalateError("labels_unreadable", "columns file and any of style, topic, colour", about=str(path))
    sources: list[Source] = []
    for row in rows:
        place = folder / str(row["file"])
        if folder.resolve() not in place.resolve().parents:
            raise PalateError("path_not_allowed", "a picture lies outside of the folder", about=str(row["file"])[:200])
        sources.append(place)
    items = [Item(str(row["file"]), row.get("title") or "") for row in rows]
    given = "colour" in rows[0]
    labels = [
        {kind: row.get(kind) or "" for kind in KINDS} | ({} if given else {"colour": _measured(place)})
        for row, place in zip(rows, sources, strict=True)
    ]
    return Pool(folder.name, tuple(items), tuple(labels), tuple(sources))


def pool_of_home(
    home: Home, look: Callable[[Sequence[str]], dict[str, Path]], *, styles: int = 0, most: int = 4000
) -> Pool:
    """A hub's own drawings: style is the model that drew, topic the prompt's tag, colour the ink's. Some at random.

    Pictures that a hub knows by their keys alone are drawn for this, which takes its time: `styles` models, drawn by
    lot, have all of theirs looked at (0: every model).
    """
    with home.read() as connection:
        rows = {row.picture_id: row for row in picture_rows.evidence(connection)}
        prompts = picture_rows.prompts(connection)
    models = np.random.default_rng(0).permutation(sorted({row.model_id for row in rows.values()}))
    chosen = set(models[: styles or None].tolist())
    known = sorted(id for id, row in rows.items() if row.model_id in chosen)
    ids = [str(id) for id in np.random.default_rng(0).permutation(known)[:most]]
    files = look(ids)
    there = [id for id in ids if id in files]
    if not there:
        raise PalateError("no_pictures", "no picture of this hub can be looked at", hint="`palate specify` draws some")
    items, labels = [], []
    for id in there:
        prompt = prompts.get(rows[id].prompt_id or "")
        items.append(Item(id, prompt.text if prompt else ""))
        topic = (prompt.tag or "") if prompt else ""
        labels.append({"style": rows[id].model_id, "topic": topic, "colour": _measured(files[id])})
    return Pool(home.folder.name, tuple(items), tuple(labels), tuple(files[id] for id in there))


def _measured(source: Source) -> str:
    from palate.safety.pictures import open_picture

    return ink_colour(open_picture(source))


def ink_colour(picture: Image.Image) -> str:
    """The name of the hue that most of a picture's saturated pixels have; 'grey' where hardly any is saturated."""
    pixels = np.asarray(picture.convert("HSV").resize((32, 32)), dtype=np.float64).reshape(-1, 3) / 255.0
    ink = pixels[(pixels[:, 1] > PALE) & (pixels[:, 2] > PALE)]
    if len(ink) < 0.02 * len(pixels):
        return "grey"
    names = list(HUES)
    apart = np.abs(ink[:, :1] * 360.0 - np.array(list(HUES.values()))[None])
    nearest = np.minimum(apart, 360.0 - apart).argmin(axis=1)
    return names[int(np.bincount(nearest, ink[:, 1], len(names)).argmax())]
