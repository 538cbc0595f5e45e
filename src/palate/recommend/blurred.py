"""EASE of blurred counts: harder to tell from it who it was learned from, and less accurate.

Nobody counts for more than `most` of their choices, and every count of two items' common people gets normal noise of
`noise` people. Attacks by a shadow model are measured against it (`palate.evaluate.membership`); with 20 choices and a
noise of 10 the Gaussian mechanism's bound (Dwork and Roth 2014, theorem A.1) is an epsilon of about 7, which promises
little: what is shown is that one attack fails, not that all do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from palate.recommend.ease import Ease
from palate.recommend.histories import Histories, checked, matrix_of

Floats = NDArray[np.float64]


@dataclass
class BlurredEase(Ease):
    penalty: float = 2000.0
    most: int = 20
    """Choices of one person that count, drawn by chance."""
    noise: float = 10.0
    """Standard deviation, in people, of what is added to a count."""
    seed: int = 0
    """Of the chance and the noise: whoever knows it can take the noise away."""

    def fit(self, histories: Histories, items: int) -> Self:
        """Equation 8 with X'X + E of at most `most` choices a person, its eigenvalues raised to lambda."""
        rng = np.random.default_rng(self.seed)
        some = [one if len(one) <= self.most else rng.choice(one, self.most, replace=False) for one in histories]
        X = matrix_of(checked(some, items), items)
        G = (X.T @ X).toarray().astype(np.float64) + symmetric_noise(items, self.noise, rng)
        G[np.diag_indices(items)] = np.maximum(np.diag(G), 1.0)
        values, vectors = np.linalg.eigh(np.maximum(G, 0.0) + self.penalty * np.eye(items))
        return self._take((vectors / np.maximum(values, self.penalty)) @ vectors.T)


def symmetric_noise(items: int, spread: float, rng: np.random.Generator) -> Floats:
    """(items, items), the same for a pair in either order."""
    upper = np.triu(rng.normal(0.0, spread, (items, items)))
    found: Floats = upper + np.triu(upper, 1).T
    return found
