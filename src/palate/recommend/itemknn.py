"""Item-kNN (Sarwar et al. 2001): items chosen by the same people as those of the history."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from palate.recommend.histories import Histories, Scores, State, checked, matrix_of

BLOCK = 1024


@dataclass
class ItemKNN:
    """Items are alike by the cosine of their columns, its denominator raised by `shrink` so that chance weighs less."""

    neighbours: int = 100
    shrink: float = 10.0
    nearest: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64), repr=False)
    """(items, k) the items most alike each."""
    alike: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """(items, k) how much."""

    def fit(self, histories: Histories, items: int) -> Self:
        histories = checked(histories, items)
        X = matrix_of(histories, items)
        lengths = np.sqrt(np.asarray(X.sum(axis=0))).astype(np.float32)
        k = min(self.neighbours, items)
        self.nearest, self.alike = np.zeros((items, k), np.int64), np.zeros((items, k), np.float32)
        for start in range(0, items, BLOCK):
            stop = min(start + BLOCK, items)
            # Only items that somebody chose together are looked at: few of a large catalogue.
            together = (X[:, start:stop].T @ X).tocsr()
            for item in range(start, stop):
                row = slice(*together.indptr[item - start : item - start + 2])
                others, counts = together.indices[row], together.data[row]
                counts = np.where(others == item, 0.0, counts)
                cosine = counts / (lengths[item] * lengths[others] + self.shrink).clip(1e-9)
                best = np.argpartition(-cosine, k - 1)[:k] if len(others) > k else np.arange(len(others))
                self.nearest[item, : len(best)] = others[best]
                self.alike[item, : len(best)] = cosine[best]
        return self

    def score(self, histories: Histories) -> Scores:
        histories = checked(histories, len(self.nearest))
        scores = np.zeros((len(histories), len(self.nearest)), np.float32)
        for row, history in zip(scores, histories, strict=True):
            chosen = np.unique(history)
            np.add.at(row, self.nearest[chosen], self.alike[chosen])
        return scores

    def state(self) -> State:
        return {"nearest": self.nearest, "alike": self.alike}

    def restore(self, state: State) -> Self:
        self.nearest, self.alike = state["nearest"], state["alike"]
        return self
