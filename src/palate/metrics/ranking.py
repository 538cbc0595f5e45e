"""How good a ranking is. Scores are better when higher; ties never flatter the one being measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def ranks(scores: ArrayLike) -> Floats:
    """Rank from 1 (best) of each score along the last axis; tied scores all take the worst rank of their tie."""
    values = _finite(scores)
    return np.apply_along_axis(
        lambda row: len(row) - np.searchsorted(np.sort(row), row, side="left"), -1, values
    ).astype(np.float64)


def mean_ranks(scores: ArrayLike) -> Floats:
    """Rank from 1 (best) of each score along the last axis; tied scores share the mean rank of their tie."""
    values = _finite(scores)

    def row_ranks(row: Floats) -> Floats:
        order = np.sort(row)
        below, upto = np.searchsorted(order, row, side="left"), np.searchsorted(order, row, side="right")
        ranked: Floats = len(row) - (below + upto - 1) / 2.0
        return ranked

    return np.apply_along_axis(row_ranks, -1, values).astype(np.float64)


def spearman(a: ArrayLike, b: ArrayLike) -> Floats:
    """Spearman's rho along the last axis: Pearson's correlation of the mean ranks, so ties are exact.

    a, b: (..., n), broadcast against each other. NaN where one side is constant: it states no order to agree with.
    """
    first, second = np.broadcast_arrays(mean_ranks(a), mean_ranks(b))
    first = first - first.mean(axis=-1, keepdims=True)
    second = second - second.mean(axis=-1, keepdims=True)
    norms = np.sqrt((first**2).sum(axis=-1) * (second**2).sum(axis=-1))
    products = (first * second).sum(axis=-1)
    rho: Floats = np.divide(products, norms, out=np.full_like(products, np.nan), where=norms > 0)
    return rho


def overlap_at(a: ArrayLike, b: ArrayLike, k: int) -> Floats:
    """The share of k that is in the top k of both along the last axis, however ties are broken."""
    shared: Floats = ((ranks(a) <= k) & (ranks(b) <= k)).sum(axis=-1) / float(k)
    return shared


def hit_at(scores: ArrayLike, target: ArrayLike, k: int) -> NDArray[np.bool_]:
    """Whether the target's rank is at most k. scores: (..., n); target: (...) index of the right answer."""
    hit: NDArray[np.bool_] = target_rank(scores, target) <= k
    return hit


def target_rank(scores: ArrayLike, target: ArrayLike) -> Floats:
    """The rank of the right answer, ties counted against: the number of scores at least as high as its own."""
    values, index = _finite(scores), np.asarray(target)
    own = np.take_along_axis(values, index[..., None], axis=-1)
    rank: Floats = (values >= own).sum(axis=-1).astype(np.float64)
    return rank


def ndcg(scores: ArrayLike, gains: ArrayLike, k: int | None = None) -> Floats:
    """DCG@k / ideal DCG@k with linear gains and log2(rank + 1) discounts (Järvelin & Kekäläinen 2002).

    scores, gains: (..., n), gains >= 0. Among tied scores the smallest gain comes first. NaN where every gain is 0.
    """
    values, worth = np.broadcast_arrays(_finite(scores), _finite(gains))
    if (worth < 0).any():
        raise ValueError("gains must not be negative")
    depth = values.shape[-1] if k is None else min(k, values.shape[-1])
    discounts = 1.0 / np.log2(np.arange(2, depth + 2))
    order = np.lexsort((worth, -values), axis=-1)[..., :depth]
    reached = (np.take_along_axis(worth, order, axis=-1) * discounts).sum(axis=-1)
    ideal = (-np.sort(-worth, axis=-1)[..., :depth] * discounts).sum(axis=-1)
    share: Floats = np.divide(reached, ideal, out=np.full_like(reached, np.nan), where=ideal > 0)
    return share


def _finite(scores: ArrayLike) -> Floats:
    values = np.asarray(scores, dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("a score that is not a finite number cannot be ranked")
    return values
