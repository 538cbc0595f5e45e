"""Titles as evidence: what a talk spells of them, which of them are of one series, and how near they are in years."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from palate.importers.dialogues import Film

Floats = NDArray[np.float64]
WORD = re.compile(r"[a-z0-9]+")
_SMALL = "the a an of and in on to for is it i you my me with from at by"
SMALL = frozenset(_SMALL.split())
"""Words that tell no title, but where a title has no others."""
MOST_WEIGHT = 12.0
"""Weights are divided by this: about that of two rare words."""
CLOSE, ALIKE, RECENT = 5.0, 10.0, 3.0
"""Years after which the nearest of the films named, their mean, and the newest of all count for 1/e."""


class Titles:
    """(films, words) which words each title has, weighed by how rare they are in talk."""

    def __init__(self, titles: Sequence[str], heard: Iterable[str]) -> None:
        films = [Film(title) for title in titles]
        self.years = np.array([film.year or 0 for film in films])
        words = [_telling(title) for title in titles]
        self.place = {word: at for at, word in enumerate(sorted({word for own in words for word in own}))}
        held = np.zeros((len(titles), len(self.place)))
        for row, own in zip(held, words, strict=True):
            row[[self.place[word] for word in own]] = 1.0
        self.held: Floats = held
        self.weighed: Floats = held * self._rarity(heard)
        self.whole: Floats = np.maximum(self.weighed.sum(axis=1), 1e-9)

    def _rarity(self, heard: Iterable[str]) -> Floats:
        """log (N + 1) / (n + 1/2) of N things said, n of which have the word."""
        found: Counter[str] = Counter()
        count = 0
        for text in heard:
            count += 1
            found.update(set(WORD.findall(text.lower())))
        return np.array([np.log((count + 1) / (found[word] + 0.5)) for word in self.place])

    def spelled(self, texts: Iterable[str]) -> Floats:
        """(films,) the share of each title's weight that stands in these texts."""
        said = np.zeros(len(self.place))
        for text in texts:
            said[[self.place[word] for word in WORD.findall(text.lower()) if word in self.place]] = 1.0
        found: Floats = self.weighed @ said / self.whole
        return found

    def wholly(self, spelled: Floats) -> Floats:
        """(films,) the weight of the titles that are spelled in full: "It" hardly counts, "Knives Out" does."""
        found: Floats = np.where(spelled > 1 - 1e-9, np.minimum(self.whole / MOST_WEIGHT, 1.0), 0.0)
        return found

    def series(self, named: Sequence[int]) -> Floats:
        """(films,) the weight of the words shared with the likest of the films at these places."""
        shared: Floats = (self.weighed[list(named)] @ self.held.T).max(axis=0) / MOST_WEIGHT
        return shared

    def near(self, named: Sequence[int]) -> tuple[Floats, Floats]:
        """(films,) each: nearness in years to the nearest film at these places, and to their mean."""
        years = self.years[list(named)]
        nearest = np.abs(self.years[:, None] - years).min(axis=1)
        return np.exp(-nearest / CLOSE), np.exp(-np.abs(self.years - years.mean()) / ALIKE)

    def new(self, newest: int) -> Floats:
        """(films,) how new each is, where talks are of the year `newest`."""
        found: Floats = np.exp(-np.maximum(newest - self.years, 0) / RECENT)
        return found


def _telling(title: str) -> list[str]:
    words = WORD.findall(re.sub(r"\s*\(\d{4}\)\s*$", "", title).lower())
    return [word for word in words if word not in SMALL] or words
