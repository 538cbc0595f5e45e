"""The RBF kernel on batches of vectors, and widths of it to try on any scale of features."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]

WIDTHS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0, 20.0, 40.0)
"""gamma times the median squared distance. On unit CLIP vectors the median is near 0.8, so 4 is a gamma near 5."""


def squared_distances(a: Array, b: Array) -> Array:
    """|a_i - b_j|^2: (..., n, d) and (..., m, d) -> (..., n, m), never negative."""
    products = a @ np.swapaxes(b, -1, -2)
    products *= -2.0
    products += np.einsum("...nd,...nd->...n", a, a)[..., :, None]
    products += np.einsum("...md,...md->...m", b, b)[..., None, :]
    return np.maximum(products, 0.0, out=products)


def rbf(squared: Array, gamma: float) -> Array:
    """k(x, y) = exp(-gamma |x - y|^2) from squared distances, which it overwrites."""
    squared *= -gamma
    return np.exp(squared, out=squared)


def gammas_for(pictures: Array, most: int = 500) -> tuple[float, ...]:
    """`WIDTHS` on the scale of these pictures (R, d): divided by their median squared distance."""
    some = np.asarray(pictures[np.linspace(0, len(pictures) - 1, min(len(pictures), most)).astype(int)], dtype=float)
    apart = squared_distances(some, some)[np.triu_indices(len(some), 1)]
    apart = apart[apart > 1e-9]
    median = float(np.median(apart)) if len(apart) else 1.0
    return tuple(width / median for width in WIDTHS)
