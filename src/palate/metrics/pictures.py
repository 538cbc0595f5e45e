"""How alike two sets of pictures are, from their features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError

Floats = NDArray[np.float64]


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Fréchet distance between Gaussians fitted to two sets of features (Heusel et al. 2017, eq. 6).

    |mu_a - mu_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a^1/2 S_b S_a^1/2)^1/2), a: (n, d), b: (m, d). With S = X'X / (n - 1)
    of centred X, that last trace is the sum of the singular values of X_a X_b' over sqrt((n - 1)(m - 1)): exact also
    where there are fewer pictures than dimensions and the covariances are singular.
    """
    first, second = _features(a), _features(b)
    if first.shape[1] != second.shape[1]:
        raise PalateError(
            "space_mismatch", f"features of {first.shape[1]} and {second.shape[1]} dimensions do not compare"
        )
    mean_a, mean_b = first.mean(axis=0), second.mean(axis=0)
    centred_a = (first - mean_a) / np.sqrt(len(first) - 1)
    centred_b = (second - mean_b) / np.sqrt(len(second) - 1)
    if max(len(first), len(second)) > first.shape[1]:
        root = symmetric_root(centred_a.T @ centred_a)
        cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ (centred_b.T @ centred_b) @ root), 0.0, None)).sum()
    else:
        cross = np.linalg.svd(centred_a @ centred_b.T, compute_uv=False).sum()
    apart = ((mean_a - mean_b) ** 2).sum() + (centred_a**2).sum() + (centred_b**2).sum() - 2.0 * cross
    return max(float(apart), 0.0)


class Moments(NamedTuple):
    """A set of features by its mean (d,) and covariance (d, d)."""

    mean: Floats
    covariance: Floats

    @classmethod
    def of(cls, parts: Parts, weights: ArrayLike) -> Moments:
        """Of parts (G,), each taken `weights` (G,) times: a resample without its rows."""
        times = np.asarray(weights, dtype=np.float64)
        count = float(times @ parts.counts)
        mean = times @ parts.sums / count
        outer = np.tensordot(times, parts.outers, axes=1)
        return cls(mean, (outer - count * np.outer(mean, mean)) / (count - 1))


class Parts(NamedTuple):
    """Counts (G,), sums (G, d) and sums of outer products (G, d, d) of a set in G parts."""

    counts: Floats
    sums: Floats
    outers: Floats


def moments_of(parts: ArrayLike) -> Parts:
    """(G, n, d) -> what any number of each part adds up from."""
    features = np.asarray(parts, dtype=np.float64)
    counts = np.full(len(features), float(features.shape[1]))
    return Parts(counts, features.sum(axis=1), features.transpose(0, 2, 1) @ features)


def frechet_of_moments(a: Moments, b: Moments, root_of_a: Floats) -> float:
    """The same distance where there are more pictures than dimensions; `root_of_a` is S_a^1/2."""
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root_of_a @ b.covariance @ root_of_a), 0.0, None)).sum()
    apart = ((a.mean - b.mean) ** 2).sum() + np.trace(a.covariance) + np.trace(b.covariance) - 2.0 * cross
    return max(float(apart), 0.0)


def symmetric_root(covariance: Floats) -> Floats:
    """The symmetric square root of a positive semi-definite matrix."""
    values, vectors = np.linalg.eigh(covariance)
    root: Floats = (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T
    return root


def _features(rows: ArrayLike) -> Floats:
    features = np.asarray(rows, dtype=np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise PalateError("too_few_pictures", "a spread needs the features of at least two pictures")
    if not np.isfinite(features).all():
        raise PalateError("embedding_invalid", "a picture's features are not all finite numbers")
    return features
