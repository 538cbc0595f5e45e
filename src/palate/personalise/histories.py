"""What people chose, oldest first, as items with words and a picture; windows of a history and what came next."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError

if TYPE_CHECKING:
    from PIL import Image

LENGTH = 5
"""Items of a history; with the next one a window of 6, as Pigeon cuts them (the paper does not say)."""
AHEAD = 5
"""The next item and those after it: what future relevance is measured against."""
SHARES = (0.8, 0.1, 0.1)
KEPT = 4096
"""Decoded pictures held in memory."""

Source = bytes | Path


@dataclass(frozen=True, slots=True)
class Item:
    """Something that can be liked: an id, what it is called, and words that others gave it."""

    id: str
    title: str
    tags: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return ", ".join(part for part in (self.title, *self.tags) if part)


@dataclass(frozen=True, eq=False)
class Collection:
    """Items with pictures and who liked which: `person`, `item`, `at` are (n,), in the order of time."""

    name: str
    items: tuple[Item, ...]
    people: tuple[str, ...]
    person: NDArray[np.int64]
    item: NDArray[np.int64]
    at: NDArray[np.float64]
    source: Callable[[int], Source]
    """Where an item's picture lies, or its bytes."""
    left_out: int = 0
    """Choices of things without a picture."""
    _decoded: OrderedDict[int, Image.Image] = field(default_factory=OrderedDict, repr=False)

    def picture(self, item: int) -> Image.Image:
        """Decoded within the limits of all pictures; the latest few thousand are kept."""
        if item not in self._decoded:
            from palate.safety.pictures import open_picture

            self._decoded[item] = open_picture(self.source(item))
            if len(self._decoded) > KEPT:
                self._decoded.popitem(last=False)
        return self._decoded[item]

    def sequences(self) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Each person's items and their times, oldest first."""
        order = np.argsort(self.person, kind="stable")
        ends = np.searchsorted(self.person[order], np.arange(1, len(self.people)))
        return list(zip(np.split(self.item[order], ends), np.split(self.at[order], ends), strict=True))


@dataclass(frozen=True, slots=True)
class Window:
    """A person's history, oldest first, the next item, and what followed. Numbers are positions in the collection."""

    person: int
    history: tuple[int, ...]
    target: int
    future: tuple[int, ...]
    """The target and what came after it, as far as its side of the split reaches."""
    at: float
    past: tuple[int, ...] = ()
    """All that the person had liked by then, the history its end: what a recommender may be told."""


@dataclass(frozen=True, slots=True)
class Windows:
    """8:1:1 by the time of the target; nothing in `train` or its futures is later than what begins `valid`."""

    train: tuple[Window, ...]
    valid: tuple[Window, ...]
    test: tuple[Window, ...]
    valid_from: float
    test_from: float


def collected(
    name: str,
    items: Sequence[Item],
    events: Sequence[tuple[str, str, float]],
    source: Callable[[int], Source],
    *,
    left_out: int = 0,
) -> Collection:
    """From (person, item id, time) rows in any order. Two of one time keep the order of their item ids."""
    place = {item.id: at for at, item in enumerate(items)}
    rows = sorted(events, key=lambda row: (row[2], place[row[1]]))
    if not rows:
        raise PalateError("too_few_cases", "nobody liked anything that has a picture", about=name)
    people = tuple(dict.fromkeys(row[0] for row in rows))
    number = {person: at for at, person in enumerate(people)}
    return Collection(
        name,
        tuple(items),
        people,
        np.array([number[row[0]] for row in rows], np.int64),
        np.array([place[row[1]] for row in rows], np.int64),
        np.array([row[2] for row in rows], np.float64),
        source,
        left_out,
    )


def windows_of(
    collection: Collection, *, length: int = LENGTH, ahead: int = AHEAD, stride: int | None = None
) -> list[Window]:
    """Windows of `length` items and the next, `stride` apart (length + 1 by default: no item is a target twice).

    A window whose next item is already in its history teaches copying, and is left out.
    """
    made = []
    for person, (items, times) in enumerate(collection.sequences()):
        for end in range(length, len(items), stride or length + 1):
            history, target = items[end - length : end].tolist(), int(items[end])
            if target not in history:
                future = tuple(items[end : end + ahead].tolist())
                past = tuple(items[:end].tolist())
                made.append(Window(person, tuple(history), target, future, float(times[end]), past))
    return sorted(made, key=lambda window: (window.at, window.person))


def split_by_time(
    collection: Collection, *, length: int = LENGTH, ahead: int = AHEAD, stride: int | None = None
) -> Windows:
    """Windows by the time of their target: 80 % teach, 10 % tune, 10 % test; one moment is never cut in two."""
    windows = windows_of(collection, length=length, ahead=ahead, stride=stride)
    if len(windows) < 10:
        hint = f"a window is {length} items and the next, each with a picture"
        raise PalateError("too_few_cases", f"only {len(windows)} windows", about=collection.name, hint=hint)
    times = np.array([window.at for window in windows])
    first, second = (float(times[round(len(times) * share)]) for share in (SHARES[0], SHARES[0] + SHARES[1]))
    parts: dict[str, list[Window]] = {"train": [], "valid": [], "test": []}
    own = collection.sequences()
    for window in windows:
        part, until = ("train", first) if window.at < first else ("valid", second)
        part, until = ("test", np.inf) if window.at >= second else (part, until)
        parts[part].append(_until(window, own[window.person][1], until))
    return Windows(tuple(parts["train"]), tuple(parts["valid"]), tuple(parts["test"]), first, second)


def _until(window: Window, times: NDArray[np.float64], until: float) -> Window:
    """The window without what followed at or after a moment: a reward may not look into the next part."""
    begin = len(window.past)
    later = times[begin : begin + len(window.future)]
    kept = max(1, int((later < until).sum()))
    return Window(window.person, window.history, window.target, window.future[:kept], window.at, window.past)


def interactions_before(collection: Collection, moment: float) -> list[NDArray[np.int64]]:
    """Each person's items before a moment: what a recommender may learn from."""
    return [items[times < moment] for items, times in collection.sequences()]
