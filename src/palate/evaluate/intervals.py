"""Bootstrap intervals: how far a mean could have come out otherwise, had other cases been drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError
from palate.evaluate.report import Metric

Floats = NDArray[np.float64]
Clusters = Sequence[object] | NDArray[Any]

FEW = 50
_CELLS = 4_000_000
"""Resampled counts held in memory at a time."""


def bootstrap(
    values: ArrayLike,
    *,
    clusters: Clusters | None = None,
    seed: int = 0,
    draws: int = 2000,
) -> Metric:
    """The mean of `values` (n,) with its 95 % percentile interval (Efron 1979), widened where cases are few.

    Cases that share something (a model, a prompt) are not independent: name it in `clusters` (n,), and whole clusters
    are drawn with replacement, each resample's value being the mean over all the cases it caught.
    """
    cases = np.asarray(values, dtype=np.float64)
    if cases.ndim != 1 or not len(cases):
        raise PalateError("no_cases", f"an interval needs at least one case in one list, not shape {cases.shape}")
    if not np.isfinite(cases).all():
        raise PalateError("not_a_number", "a case without a finite value is unscored: count it, do not average it")
    sums, sizes = _totals(cases, clusters)
    means = _resampled_means(sums, sizes, np.random.default_rng(seed), draws)
    tail = tail_of(len(sums))
    low, high = np.quantile(means, [tail, 1 - tail])
    return Metric(float(cases.mean()), (float(low), float(high)), len(cases))


@cache
def tail_of(count: int) -> float:
    """The share cut off at either end of the resampled means: 2.5 %, and less of fewer than `FEW` cases or clusters.

    Resampling few cases understates how far their mean can be off: of 8 skewed ones, plain percentiles hold the truth
    in 90 % and not in 95 %, these in 93 %. Hesterberg (2015, section 4.3) widens them as Student's t does:
    Phi(-sqrt(n / (n - 1)) t_{n-1}). From `FEW` on that is under 4 % of their width.
    """
    if not 1 < count < FEW:
        return 0.025
    from scipy.special import ndtr, stdtrit

    return float(ndtr(-np.sqrt(count / (count - 1)) * stdtrit(count - 1, 0.975)))


def paired(
    a: ArrayLike,
    b: ArrayLike,
    *,
    clusters: Clusters | None = None,
    seed: int = 0,
    draws: int = 2000,
) -> Metric:
    """The mean of a - b over the same cases, with its 95 % interval: above 0 means that `a` is better for sure."""
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape:
        raise PalateError("unpaired", f"paired cases must be the same cases, not {first.shape} and {second.shape}")
    return bootstrap(first - second, clusters=clusters, seed=seed, draws=draws)


def _totals(cases: Floats, clusters: Clusters | None) -> tuple[Floats, Floats]:
    """Sum and size of every cluster; without clusters, each case is its own."""
    if clusters is None:
        return cases, np.ones_like(cases)
    if len(clusters) != len(cases):
        raise PalateError("unpaired", f"{len(cases)} cases, but {len(clusters)} cluster names")
    if isinstance(clusters, np.ndarray):
        index = np.unique(clusters, return_inverse=True)[1]
    else:
        numbers: dict[object, int] = {}
        index = np.array([numbers.setdefault(name, len(numbers)) for name in clusters])
    return np.bincount(index, weights=cases).astype(np.float64), np.bincount(index).astype(np.float64)


def _resampled_means(sums: Floats, sizes: Floats, rng: np.random.Generator, draws: int) -> Floats:
    """(draws,) means over `len(sums)` clusters drawn with replacement, a block of draws at a time."""
    count = len(sums)
    block = max(1, _CELLS // count)
    means = np.empty(draws)
    for start in range(0, draws, block):
        drawn = rng.integers(0, count, size=(min(block, draws - start), count), dtype=np.int32)
        means[start : start + len(drawn)] = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return means
