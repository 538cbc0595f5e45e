"""Prompts with pictures that exist already, so that thousands of people can be simulated without drawing.

A bank of drawn pictures and the made one below are one protocol: candidates of five categories from where a
conversation stands, what words say of each (`words`), and its pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from palate.taste.evidence import Floats, Rows
from palate.writers.variants import CATEGORIES

EACH = 5
"""Candidates a category."""


@dataclass(frozen=True, slots=True)
class Options:
    """Candidates from where a conversation stands: entries (n,), categories (n,), words (n, d)."""

    entries: Rows
    categories: tuple[str, ...]
    words: Floats


class Bank(Protocol):
    """Entries are prompts, numbered from 0."""

    @property
    def wide(self) -> int: ...

    def first(self, rng: np.random.Generator) -> int:
        """A prompt somebody might begin with: little is said in it."""

    def options(self, entry: int, rng: np.random.Generator) -> Options: ...

    def words(self, entries: Rows) -> Floats:
        """Where words alone put the pictures of these prompts, (n, d)."""

    def pictures(self, entries: Rows) -> Floats:
        """(n, M, d)."""


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

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        for size in self.sizes:
            slot = rng.standard_normal((size + 1, self.dim)) / np.sqrt(len(self.sizes))
            slot[0] = 0.0
            self.directions.append(slot)
        shape = (self.sizes[0] + 1, self.sizes[1] + 1, self.dim)
        object.__setattr__(self, "surprises", self.surprise * rng.standard_normal(shape))

    @property
    def wide(self) -> int:
        return self.dim

    def first(self, rng: np.random.Generator) -> int:
        return self.entry([1 + int(rng.integers(self.sizes[0])), *[0] * (len(self.sizes) - 1)])

    def options(self, entry: int, rng: np.random.Generator) -> Options:
        """Five ways of five categories: near the same, one slot more, another style, another subject, two at once."""
        found, categories = [], []
        for category in CATEGORIES:
            for _ in range(EACH):
                found.append(self.entry(self._changed(self.slots(entry), category, rng)))
                categories.append(category)
        entries = np.array(found, dtype=np.intp)
        return Options(entries, tuple(categories), self.words(entries))

    def _changed(self, slots: list[int], category: str, rng: np.random.Generator) -> list[int]:
        count = len(self.sizes)
        if category == "subject":
            at = [0]
        elif category == "style":
            at = [1]
        elif category == "expansion":
            at = [int(rng.choice([n for n in range(1, count) if slots[n] == 0] or list(range(2, count))))]
        elif category == "rephrase":
            at = [int(rng.integers(2, count))] if rng.random() < 0.5 else []
        else:
            at = list(rng.choice(count, 2, replace=False))
        for n in at:
            slots[n] = 1 + int(rng.integers(self.sizes[n]))
        return slots

    def entry(self, slots: list[int]) -> int:
        number = 0
        for value, size in zip(slots, self.sizes, strict=True):
            number = number * (size + 1) + value
        return number

    def slots(self, entry: int) -> list[int]:
        found = []
        for size in reversed(self.sizes):
            entry, value = divmod(entry, size + 1)
            found.append(value)
        return found[::-1]

    def words(self, entries: Rows) -> Floats:
        table = np.array([self.slots(int(entry)) for entry in entries])
        words: Floats = sum((slot[table[:, n]] for n, slot in enumerate(self.directions)), np.zeros((1, self.dim)))
        return words

    def pictures(self, entries: Rows) -> Floats:
        table = np.array([self.slots(int(entry)) for entry in entries])
        middle = self.words(entries) + self.surprises[table[:, 0], table[:, 1]]
        noise = np.stack(
            [np.random.default_rng([self.seed, int(e)]).standard_normal((self.each, self.dim)) for e in entries]
        )
        pictures: Floats = middle[:, None, :] + self.noise * noise
        return pictures
