"""Popularity: what most people chose, the same for everybody. The first baseline, and every method's last resort."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from palate.recommend.histories import Histories, Scores, State, checked, counts_of


@dataclass
class Popularity:
    counts: Scores = field(default_factory=lambda: np.empty(0, np.float32), repr=False)

    def fit(self, histories: Histories, items: int) -> Self:
        histories = checked(histories, items)
        self.counts = counts_of(histories, items).astype(np.float32)
        return self

    def update(self, histories: Histories) -> Self:
        self.counts = self.counts + counts_of(checked(histories, len(self.counts)), len(self.counts))
        return self

    def score(self, histories: Histories) -> Scores:
        histories = checked(histories, len(self.counts))
        return np.tile(self.counts, (len(histories), 1))

    def state(self) -> State:
        return {"counts": self.counts}

    def restore(self, state: State) -> Self:
        self.counts = state["counts"]
        return self
