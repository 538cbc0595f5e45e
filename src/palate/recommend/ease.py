"""EASE (Steck 2019): a linear model from items to items in closed form, hard to beat and quick to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from palate.recommend.histories import Histories, Scores, State, checked, matrix_of


@dataclass
class Ease:
    penalty: float = 250.0
    """Lambda of equation 2."""
    B: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """(items, items), its diagonal 0."""

    def fit(self, histories: Histories, items: int) -> Self:
        """Equation 8: B = I - P diagMat(1 / diag(P)) with P = (X'X + lambda I)^-1."""
        histories = checked(histories, items)
        X = matrix_of(histories, items)
        G = (X.T @ X).toarray().astype(np.float64)
        G[np.diag_indices(items)] += self.penalty
        P = np.linalg.inv(G)
        B = -P / np.diag(P)
        B[np.diag_indices(items)] = 0.0
        self.B = B.astype(np.float32)
        return self

    def score(self, histories: Histories) -> Scores:
        histories = checked(histories, len(self.B))
        scores: Scores = matrix_of(histories, len(self.B)) @ self.B
        return scores

    def state(self) -> State:
        return {"B": self.B}

    def restore(self, state: State) -> Self:
        self.B = state["B"]
        return self
