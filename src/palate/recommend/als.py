"""Matrix factorisation of what was and was not chosen, by alternating least squares (Hu, Koren and Volinsky 2008)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from palate.recommend.histories import Histories, Scores, State, checked, matrix_of

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BLOCK = 512


@dataclass
class ALS:
    """Confidence 1 + `trust` where chosen, 1 elsewhere. A person's factors are folded in from the history alone."""

    factors: int = 64
    trust: float = 10.0
    penalty: float = 30.0
    rounds: int = 12
    seed: int = 0
    Y: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """(items, f)"""
    YY: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """Y'Y, which every request needs."""

    def fit(self, histories: Histories, items: int) -> Self:
        histories = checked(histories, items)
        R = matrix_of(histories, items)
        rng = np.random.default_rng(self.seed)
        self.Y = (0.1 * rng.standard_normal((items, self.factors))).astype(np.float32)
        across = R.T.tocsr()
        for _ in range(self.rounds):
            X = self._solved(R, self.Y, self.Y.T @ self.Y)
            self.Y = self._solved(across, X, X.T @ X)
        self.YY = self.Y.T @ self.Y
        return self

    def score(self, histories: Histories) -> Scores:
        histories = checked(histories, len(self.Y))
        scores: Scores = self._solved(matrix_of(histories, len(self.Y)), self.Y, self.YY) @ self.Y.T
        return scores

    def _solved(self, R: csr_array, Y: Scores, YY: Scores) -> Scores:
        """Equation 4 for every row: x = (Y'Y + trust Y'Y over its own + penalty I)^-1 (1 + trust) Y' p. (n, f)"""
        found = np.zeros((R.shape[0], Y.shape[1]), np.float32)
        ground = YY + self.penalty * np.eye(Y.shape[1], dtype=np.float32)
        for start in range(0, R.shape[0], BLOCK):
            stop = min(start + BLOCK, R.shape[0])
            own = [Y[R.indices[R.indptr[row] : R.indptr[row + 1]]] for row in range(start, stop)]
            A = np.stack([ground + self.trust * (rows.T @ rows) for rows in own])
            b = np.stack([(1 + self.trust) * rows.sum(axis=0) for rows in own])
            found[start:stop] = np.linalg.solve(A, b[..., None])[..., 0]
        return found

    def state(self) -> State:
        return {"Y": self.Y}

    def restore(self, state: State) -> Self:
        self.Y = state["Y"]
        self.YY = self.Y.T @ self.Y
        return self
