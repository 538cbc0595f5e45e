"""Covariances that hold on prompts not seen yet: eigenvectors from some prompts, eigenvalues from the others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palate.find.specification import Indices

Floats = NDArray[np.float64]

FLOOR = 1e-3
"""No direction's variance is taken to be below this share of the mean variance."""


def pooled_adjacent(values: Floats) -> Floats:
    """The non-decreasing sequence closest to `values` (n,) in squares (pool adjacent violators)."""
    means: list[float] = []
    sizes: list[int] = []
    for value in values:
        means.append(float(value))
        sizes.append(1)
        while len(means) > 1 and means[-2] > means[-1]:
            size = sizes[-2] + sizes[-1]
            means[-2] = (means[-2] * sizes[-2] + means[-1] * sizes[-1]) / size
            sizes[-2] = size
            means.pop()
            sizes.pop()
    return np.repeat(np.array(means), sizes)


def held_out_spectrum(rows: NDArray[np.floating], weights: Floats, fold: Indices, folds: int) -> tuple[Floats, Floats]:
    """Eigenvectors U (d, d) and eigenvalues (d,) of the rows' second moment, fit for rows of another fold.

    A sample covariance is too sure of its small eigenvalues. Those returned are the mean variance of held-out folds
    along the eigenvectors of the rest (the NERCOME estimator of Lam 2016), made monotone. rows (R, d), weights (R,).
    """
    dim = rows.shape[1]
    scaled = rows * np.sqrt(weights)[:, None].astype(rows.dtype)
    moments = [scaled[fold == f].T @ scaled[fold == f] for f in range(folds)]
    masses = [float(weights[fold == f].sum()) for f in range(folds)]
    moment, mass = np.sum(moments, axis=0, dtype=np.float64), sum(masses)
    if mass <= 0.0:
        return np.eye(dim), np.ones(dim)
    values, U = np.linalg.eigh(moment / mass)
    used = [f for f in range(folds) if 0.0 < masses[f] < mass]
    if used:
        values = np.zeros(dim)
        for f in used:
            inner, u = np.linalg.eigh((moment - moments[f]) / (mass - masses[f]))
            held_out = np.einsum("de,de->e", u, (moments[f] / masses[f]) @ u)
            # Where the rest has no variance its eigenvectors are arbitrary: only their mean variance means anything.
            null = inner < 1e-7 * max(inner[-1], 1e-300)
            held_out[null] = held_out[null].mean() if null.any() else 0.0
            values += held_out * masses[f]
        values /= sum(masses[f] for f in used)
    values = pooled_adjacent(values)
    return U, np.maximum(values, FLOOR * max(float(values.mean()), 1e-12))
