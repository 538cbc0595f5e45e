"""The few directions in which a home's pictures differ: what taste is learned over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

WIDEST = 48
SPREAD = 1.5
"""How far features of unit variance can be from one another in worth, before anything is known of a person."""


@dataclass(frozen=True, slots=True)
class TasteSpace:
    """`directions` (dim, d), the leading one scaled to unit variance over a home's pictures.

    Words and pictures of one encoder lie apart (the gap of CLIP's two modes): each is measured from its own middle.
    """

    picture_mean: Floats
    words_mean: Floats
    directions: Floats
    kept: float
    """The share of the vectors' variance that these directions hold."""
    total: float
    """The sum of the features' variances."""

    @property
    def wide(self) -> int:
        return int(self.directions.shape[1])

    def of_pictures(self, vectors: Vectors | Floats) -> Floats:
        """(n, dim) -> (n, d)."""
        features: Floats = (np.asarray(vectors, dtype=np.float64) - self.picture_mean) @ self.directions
        return features

    def of_words(self, vectors: Vectors | Floats) -> Floats:
        """(n, dim) -> (n, d): where pictures of these words are expected."""
        features: Floats = (np.asarray(vectors, dtype=np.float64) - self.words_mean) @ self.directions
        return features

    @property
    def prior(self) -> Floats:
        """S (d, d) before any person was seen: a utility of a picture has a standard deviation of about `SPREAD`."""
        return np.eye(self.wide) * SPREAD**2 / self.total


def taste_space(pictures: Vectors, words: Vectors, *, wide: int = WIDEST) -> TasteSpace:
    """From vectors of pictures (n, dim) and of words (m, dim); with too few pictures, from the words alone."""
    words_mean = np.asarray(words, dtype=np.float64).mean(axis=0)
    enough = len(pictures) >= 16
    source = np.asarray(pictures if enough else words, dtype=np.float64)
    mean = source.mean(axis=0)
    picture_mean = mean if enough else (np.asarray(pictures, np.float64).mean(axis=0) if len(pictures) else words_mean)
    centred = source - mean
    variance, directions = np.linalg.eigh(centred.T @ centred / len(source))
    order = np.argsort(-variance)[: min(wide, len(source) - 1)]
    order = order[variance[order] > 1e-6 * max(float(variance.max()), 1e-12)]
    if not len(order):
        order = np.argsort(-variance)[:1]
    scale = np.sqrt(np.maximum(variance[order], 1e-12))
    kept = float(variance[order].sum() / max(float(variance.sum()), 1e-12))
    # Half of the way to whitening: small directions count for more than they vary, and for less than the large ones.
    halfway = directions[:, order] / np.sqrt(scale * scale.max())
    return TasteSpace(picture_mean, words_mean, halfway, kept, float((scale / scale.max()).sum()))
