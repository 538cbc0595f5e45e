"""How alike two sets of pictures are, how varied one is, what of it is copied: from any extractor's features (n, d).

Beside `frechet_distance`, which supposes Gaussians: kernels that suppose nothing (KID, CMMD), and nearest neighbours
that tell apart whether pictures are true to a set and whether they reach all of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError

Floats = NDArray[np.float64]
CMMD_WIDTH = 10.0
CMMD_SCALE = 1000.0


def kid(a: ArrayLike, b: ArrayLike) -> float:
    """Kernel Inception distance (Bińkowski et al. 2018, eq. 4): unbiased MMD^2 of k(x, y) = (x.y / d + 1)^3.

    a: (n, d), b: (m, d). It can come out below 0: an unbiased estimate of nothing does, half of the time.
    """
    x, y = _pair(a, b)
    wide = x.shape[1]

    def kernel(one: Floats, other: Floats) -> Floats:
        values: Floats = (one @ other.T / wide + 1.0) ** 3
        return values

    xx, yy = kernel(x, x), kernel(y, y)
    n, m = len(x), len(y)
    within = (xx.sum() - np.trace(xx)) / (n * (n - 1)) + (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return float(within - 2.0 * kernel(x, y).mean())


def cmmd(a: ArrayLike, b: ArrayLike, *, width: float = CMMD_WIDTH) -> float:
    """CMMD (Jayasumana et al. 2024, section 4): 1000 MMD^2 of k(x, y) = exp(-|x - y|^2 / 2 width^2).

    Of unit vectors of CLIP, as its program does it: with all pairs, a picture with itself as well, so that equal sets
    are at exactly 0.
    """
    x, y = (_unit(rows) for rows in _pair(a, b))

    def kernel(one: Floats, other: Floats) -> float:
        return float(np.exp(-_squared(one, other) / (2.0 * width**2)).mean())

    return CMMD_SCALE * (kernel(x, x) + kernel(y, y) - 2.0 * kernel(x, y))


class Neighbours(NamedTuple):
    """Of generated pictures beside real ones; all are 1 or about 1 for two sets of one kind."""

    precision: float
    recall: float
    density: float
    coverage: float


def neighbours(real: ArrayLike, drawn: ArrayLike, k: int = 5) -> Neighbours:
    """Precision and recall (Kynkäänniemi et al. 2019, eq. 2), density and coverage (Naeem et al. 2020, eqs. 3 and 4).

    A picture is within a set where it is no further from one of the set than that one's k-th neighbour is.
    real: (n, d), drawn: (m, d), both with more than k rows.
    """
    x, y = _pair(real, drawn)
    if min(len(x), len(y)) <= k:
        raise PalateError("too_few_pictures", f"neighbours number {k} need sets of more than {k} pictures")
    radius_x, radius_y = _kth(x, k), _kth(y, k)
    apart = _squared(x, y)
    in_x = apart <= radius_x[:, None]
    return Neighbours(
        precision=float(in_x.any(axis=0).mean()),
        recall=float((apart <= radius_y[None, :]).any(axis=1).mean()),
        density=float(in_x.sum(axis=0).mean() / k),
        coverage=float((apart.min(axis=1) <= radius_x).mean()),
    )


def vendi(rows: ArrayLike) -> float:
    """Vendi score (Friedman and Dieng 2023, eq. 2): exp of the entropy of the eigenvalues of K / n, K the cosines.

    The number of different pictures there seem to be: 1 where all are the same, n where no two are alike.
    """
    x = _unit(np.asarray(rows, dtype=np.float64))
    if x.ndim != 2 or not len(x):
        raise PalateError("too_few_pictures", "there are no pictures to compare")
    gram = x @ x.T if len(x) <= x.shape[1] else x.T @ x
    values = np.linalg.eigvalsh(gram / len(x))
    values = values[values > 1e-12]
    return float(np.exp(-(values * np.log(values)).sum()))


def copied(drawn: ArrayLike, training: ArrayLike) -> NDArray[np.bool_]:
    """(m,) drawn pictures that are nearer to a training picture than that one is to any other training picture.

    The complement of authenticity (Alaa et al. 2022, section 3.3). Of fresh pictures of one kind about half are:
    compare with what held-out pictures get.
    """
    y, x = _pair(drawn, training)
    among = _squared(x, x)
    np.fill_diagonal(among, np.inf)
    apart = _squared(y, x)
    nearest = apart.argmin(axis=1)
    found: NDArray[np.bool_] = apart[np.arange(len(y)), nearest] < among.min(axis=1)[nearest]
    return found


def nearest_training(drawn: ArrayLike, training: ArrayLike) -> tuple[NDArray[np.intp], Floats]:
    """(m,) the nearest training picture of each drawn one, and their cosine (m,): a near copy's is close to 1."""
    cosines = _unit(np.asarray(drawn, dtype=np.float64)) @ _unit(np.asarray(training, dtype=np.float64)).T
    nearest: NDArray[np.intp] = cosines.argmax(axis=1)
    return nearest, cosines.max(axis=1)


def clip_score(pictures: ArrayLike, words: ArrayLike) -> Floats:
    """(n,) 100 max(cos, 0) of pictures (n, d) and their words (n, d) (Hessel et al. 2021, without the factor 2.5)."""
    both = (_unit(np.asarray(pictures, dtype=np.float64)) * _unit(np.asarray(words, dtype=np.float64))).sum(axis=1)
    score: Floats = 100.0 * np.maximum(both, 0.0)
    return score


def _kth(rows: Floats, k: int) -> Floats:
    """(n,) squared distance to the k-th neighbour among the others."""
    apart = _squared(rows, rows)
    np.fill_diagonal(apart, np.inf)
    found: Floats = np.partition(apart, k - 1, axis=1)[:, k - 1]
    return found


def _squared(a: Floats, b: Floats) -> Floats:
    """(n, m) squared distances."""
    apart: Floats = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2.0 * a @ b.T
    return np.maximum(apart, 0.0)


def _unit(rows: Floats) -> Floats:
    found: Floats = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)
    return found


def _pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.ndim != 2 or y.ndim != 2 or min(len(x), len(y)) < 2:
        raise PalateError("too_few_pictures", "two sets of at least two pictures are compared")
    if x.shape[1] != y.shape[1]:
        raise PalateError("space_mismatch", f"features of {x.shape[1]} and {y.shape[1]} dimensions do not compare")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise PalateError("embedding_invalid", "a picture's features are not all finite numbers")
    return x, y
