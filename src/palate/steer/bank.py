"""Prompts with pictures that exist already, so that thousands of people can be simulated without drawing.

A bank of drawn pictures and the made one below are one protocol: candidates of five categories from where a
conversation stands, what words say of each (`words`), and its pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from palate.taste.evidence import Floats, Rows
from palate.writers.variants import CATEGORIES

EACH = 5
"""Candidates a category."""


@dataclass(frozen=True, slots=True)
class Options:
    """Candidates from where n conversations stand: entries (n, L_C), their categories (L_C,), words (n, L_C, d)."""

    entries: Rows
    categories: tuple[str, ...]
    words: Floats


class Bank(Protocol):
    """Entries are prompts, numbered from 0; everything is asked of many at once."""

    @property
    def wide(self) -> int: ...

    def first(self, count: int, rng: np.random.Generator) -> Rows:
        """Prompts (count,) that somebody might begin with: little is said in them."""

    def options(self, entries: Rows, rng: np.random.Generator) -> Options:
        """From each of these entries (n,) on."""

    def words(self, entries: Rows) -> Floats:
        """Where words alone put the pictures of these prompts, (..., d)."""

    def pictures(self, entries: Rows) -> Floats:
        """(..., M, d)."""


@dataclass(frozen=True)
class MadeBank:
    """Prompts are values of slots, 0 for nothing said. What a drawing makes of words is more than the words say.

    The features of words are the sum of their slots' directions; those of pictures add what the generator makes of each
    pair of subject and style (`surprise`), which nobody knows before it was drawn, and noise a picture.
    """

    sizes: tuple[int, ...] = (12, 10, 6, 6)
    """Subjects, styles, lights, colours."""
    dim: int = 16
    each: int = 4
    surprise: float = 0.5
    noise: float = 0.3
    seed: int = 0
    directions: list[Floats] = field(init=False, repr=False, default_factory=list)
    surprises: Floats = field(init=False, repr=False, default_factory=lambda: np.empty(0))
    noises: Floats = field(init=False, repr=False, default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        for size in self.sizes:
            slot = rng.standard_normal((size + 1, self.dim)) / np.sqrt(len(self.sizes))
            slot[0] = 0.0
            self.directions.append(slot)
        shape = (self.sizes[0] + 1, self.sizes[1] + 1, self.dim)
        object.__setattr__(self, "surprises", self.surprise * rng.standard_normal(shape))
        each = (int(np.prod(self._lengths)), self.each, self.dim)
        object.__setattr__(self, "noises", self.noise * rng.standard_normal(each))

    @property
    def wide(self) -> int:
        return self.dim

    @property
    def _lengths(self) -> tuple[int, ...]:
        return tuple(size + 1 for size in self.sizes)

    def first(self, count: int, rng: np.random.Generator) -> Rows:
        slots = np.zeros((count, len(self.sizes)), dtype=np.intp)
        slots[:, 0] = 1 + rng.integers(self.sizes[0], size=count)
        return self.entries(slots)

    def options(self, entries: Rows, rng: np.random.Generator) -> Options:
        """Five ways of five categories: near the same, one slot more, another style, another subject, two at once."""
        now = self.slots(entries)
        categories = tuple(category for category in CATEGORIES for _ in range(EACH))
        found = np.empty((len(now), len(categories)), dtype=np.intp)
        luck, said = np.moveaxis(rng.random((len(now), len(categories), len(self.sizes), 2)), -1, 0)
        values = 1 + np.floor(said * self.sizes).astype(np.intp)
        for at, category in enumerate(categories):
            change = self._changed(now, category, luck[:, at])
            found[:, at] = self.entries(np.where(change, values[:, at], now))
        return Options(found, categories, self.words(found))

    def _changed(self, slots: Rows, category: str, luck: Floats) -> NDArray[np.bool_]:
        """Which slots (n, S) are said anew, by uniform `luck` (n, S)."""
        number = np.arange(len(self.sizes))
        if category == "subject":
            return np.broadcast_to(number == 0, slots.shape)
        if category == "style":
            return np.broadcast_to(number == 1, slots.shape)
        if category == "expansion":
            unsaid = (slots == 0) & (number > 0)
            able = np.where(unsaid.any(axis=1, keepdims=True), unsaid, number > 1)
            return _highest(np.where(able, luck, -1.0), 1)
        if category == "rephrase":
            return _highest(np.where(number > 1, luck, -1.0), 1) & (luck[:, :1] < 0.5)
        return _highest(luck, 2)

    def entries(self, slots: Rows) -> Rows:
        """(..., S) -> (...)."""
        numbers: Rows = np.ravel_multi_index(tuple(np.moveaxis(np.asarray(slots), -1, 0)), self._lengths)
        return numbers

    def slots(self, entries: Rows) -> Rows:
        """(...) -> (..., S)."""
        return np.stack(np.unravel_index(np.asarray(entries), self._lengths), axis=-1)

    def words(self, entries: Rows) -> Floats:
        table = self.slots(entries)
        words: Floats = np.sum([slot[table[..., n]] for n, slot in enumerate(self.directions)], axis=0)
        return words

    def pictures(self, entries: Rows) -> Floats:
        table = self.slots(entries)
        middle = self.words(entries) + self.surprises[table[..., 0], table[..., 1]]
        pictures: Floats = middle[..., None, :] + self.noises[np.asarray(entries)]
        return pictures


def _highest(luck: Floats, count: int) -> NDArray[np.bool_]:
    """The `count` largest of each row."""
    found: NDArray[np.bool_] = luck >= np.sort(luck, axis=1)[:, -count][:, None]
    return found
