"""EASE and item-kNN of blurred counts: harder to tell from them who they were learned from.

Nobody counts for more than `most` of their choices, and every count of two items' common people gets normal noise of
`noise` people. Attacks by a shadow model are measured against it (`palate.evaluate.membership`); with 20 choices and a
noise of 10 the Gaussian mechanism's bound (Dwork and Roth 2014, theorem A.1) is an epsilon of about 7, which promises
little: what is shown is that one attack fails, not that all do.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from palate.recommend.ease import Ease
from palate.recommend.histories import Histories, Scores, State, checked, matrix_of

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
        G = blurred_counts(histories, items, self.most, self.noise, self.seed)
        G[np.diag_indices(items)] = np.maximum(np.diag(G), 1.0)
        values, vectors = np.linalg.eigh(np.maximum(G, 0.0) + self.penalty * np.eye(items))
        return self._take((vectors / np.maximum(values, self.penalty)) @ vectors.T)


@dataclass
class BlurredKNN:
    """Item-kNN of blurred counts, cosines shrunk so far that few people together count for little."""

    neighbours: int = 50
    shrink: float = 500.0
    most: int = 20
    """Choices of one person that count, drawn by chance."""
    noise: float = 10.0
    """Standard deviation, in people, of what is added to a count."""
    seed: int = 0
    """Of the chance and the noise: whoever knows it can take the noise away."""
    alike: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """(items, items), nought but for the nearest."""
    counts: Floats = field(default_factory=lambda: np.empty(0), repr=False)
    """(items,) how many people chose each, blurred."""

    def fit(self, histories: Histories, items: int) -> Self:
        G = blurred_counts(histories, items, self.most, self.noise, self.seed)
        self.counts = np.maximum(np.diag(G), 1.0)
        cosine = np.maximum(G, 0.0) / (np.sqrt(np.outer(self.counts, self.counts)) + self.shrink)
        cosine[np.diag_indices(items)] = 0.0
        least = np.partition(cosine, -min(self.neighbours, items), axis=1)[:, [-min(self.neighbours, items)]]
        self.alike = np.where(cosine >= least, cosine, 0.0).astype(np.float32)
        return self

    def score(self, histories: Histories) -> Scores:
        scores: Scores = matrix_of(checked(histories, len(self.alike)), len(self.alike)) @ self.alike
        return scores

    def state(self) -> State:
        return {"alike": self.alike, "counts": self.counts}

    def restore(self, state: State) -> Self:
        self.alike, self.counts = state["alike"], state["counts"]
        return self


def blurred_counts(histories: Histories, items: int, most: int, noise: float, seed: int) -> Floats:
    """X'X + E (items, items): how many people chose both, nobody counting for more than `most` choices."""
    rng = np.random.default_rng(seed)
    some = [one if len(one) <= most else rng.choice(one, most, replace=False) for one in histories]
    X = matrix_of(checked(some, items), items)
    found: Floats = (X.T @ X).toarray().astype(np.float64) + symmetric_noise(items, noise, rng)
    return found


def symmetric_noise(items: int, spread: float, rng: np.random.Generator) -> Floats:
    """(items, items), the same for a pair in either order."""
    upper = np.triu(rng.normal(0.0, spread, (items, items)))
    found: Floats = upper + np.triu(upper, 1).T
    return found
