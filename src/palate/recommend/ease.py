"""EASE (Steck 2019): a linear model from items to items in closed form, hard to beat and quick to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.recommend.histories import Histories, Scores, State, checked, matrix_of

MOST_ITEMS = 30_000
"""Above it a matrix of items by items no longer fits: 7 GB in double precision, and twice that while it is inverted."""


@dataclass
class Ease:
    penalty: float = 250.0
    """Lambda of equation 2."""
    streaming: bool = False
    """Keeps what `update` needs: three times the memory."""
    B: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """(items, items), its diagonal 0."""
    P: NDArray[np.float64] | None = field(default=None, repr=False)
    """(X'X + lambda I)^-1, only where it is streaming."""

    def fit(self, histories: Histories, items: int) -> Self:
        """Equation 8, with P = (X'X + lambda I)^-1."""
        if items > MOST_ITEMS:
            raise PalateError(
                "too_many_items",
                f"EASE compares every item with every other, which {items:,} are too many for",
                about=f"at most {MOST_ITEMS:,}",
                hint="`--by itemknn` or `--by als`",
            )
        X = matrix_of(checked(histories, items), items)
        G = (X.T @ X).toarray().astype(np.float64)
        G[np.diag_indices(items)] += self.penalty
        return self._take(np.linalg.inv(G))

    def update(self, histories: Histories) -> Self:
        """P of more people: P - P X' (I + X P X')^-1 X P (Woodbury 1950), which is exact."""
        if self.P is None:
            raise PalateError("not_streaming", "this was made without what updates need", hint="Ease(streaming=True)")
        X = matrix_of(checked(histories, len(self.B)), len(self.B)).toarray().astype(np.float64)
        PX = self.P @ X.T
        return self._take(self.P - PX @ np.linalg.solve(np.eye(len(X)) + X @ PX, PX.T))

    def _take(self, P: NDArray[np.float64]) -> Self:
        """B = I - P diagMat(1 / diag(P))."""
        B = -P / np.diag(P)
        B[np.diag_indices(len(B))] = 0.0
        self.B = B.astype(np.float32)
        self.P = P if self.streaming else None
        return self

    def score(self, histories: Histories) -> Scores:
        histories = checked(histories, len(self.B))
        scores: Scores = matrix_of(histories, len(self.B)) @ self.B
        return scores

    def state(self) -> State:
        return {"B": self.B} if self.P is None else {"B": self.B, "P": self.P}

    def restore(self, state: State) -> Self:
        self.B, self.P = state["B"], state.get("P")
        return self
