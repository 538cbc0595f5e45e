"""How good lists of items are, for the people they are for and for the catalogue; ties are counted against the list."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Hits = NDArray[np.bool_]
Lists = NDArray[np.int64]


def top_lists(
    scores: NDArray[np.float32], seen: Sequence[NDArray[np.int64]], wanted: Sequence[NDArray[np.int64]], depth: int
) -> tuple[Lists, Hits]:
    """(n, items) -> the best `depth` items of each row without those `seen`, and which of them were `wanted`.

    Among equal scores the wanted come last. A row with too few items left ends in -1, which is no hit.
    """
    values = np.array(scores, dtype=np.float64)
    wants = np.zeros(values.shape, dtype=bool)
    for row, (known, asked) in enumerate(zip(seen, wanted, strict=True)):
        values[row, known] = -np.inf
        wants[row, asked] = True
    # One step of a float64 separates the wanted from equals and from nothing else: scores are float32.
    values = np.where(wants, np.nextafter(values, -np.inf), values)
    depth = min(depth, values.shape[1])
    some = np.argpartition(-values, depth - 1, axis=1)[:, :depth]
    order = np.argsort(-np.take_along_axis(values, some, axis=1), axis=1, kind="stable")
    lists = np.take_along_axis(some, order, axis=1)
    left = np.isfinite(np.take_along_axis(values, lists, axis=1))
    hits = np.take_along_axis(wants, lists, axis=1) & left
    return np.where(left, lists, -1), hits


def recall(hits: Hits, wanted: NDArray[np.int64], k: int) -> Floats:
    """Hits among the first k over all that were wanted. (n, depth), (n,) -> (n,)"""
    share: Floats = hits[:, :k].sum(axis=1) / wanted
    return share


def precision(hits: Hits, k: int) -> Floats:
    share: Floats = hits[:, :k].sum(axis=1) / float(k)
    return share


def hit_rate(hits: Hits, k: int) -> Floats:
    found: Floats = np.asarray(hits[:, :k].any(axis=1), dtype=np.float64)
    return found


def reciprocal_rank(hits: Hits, k: int) -> Floats:
    """1 / rank of the first hit, 0 without one among the first k."""
    first = hits[:, :k].argmax(axis=1)
    found: Floats = np.asarray(np.where(hits[:, :k].any(axis=1), 1.0 / (first + 1), 0.0))
    return found


def ndcg(hits: Hits, wanted: NDArray[np.int64], k: int) -> Floats:
    """Discounts 1 / log2(rank + 1); ideal is min(k, wanted) hits in front (Järvelin and Kekäläinen 2002)."""
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    reached = (hits[:, :k] * discounts[: hits.shape[1]]).sum(axis=1)
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(wanted, k)]
    share: Floats = reached / ideal
    return share


def coverage(lists: Lists, items: int) -> float:
    """Share of the catalogue that anybody is shown."""
    shown = np.unique(lists)
    return float((shown >= 0).sum() / items)


def gini(lists: Lists, items: int) -> float:
    """How unevenly items are shown: 0 all alike, towards 1 always the same."""
    counts = np.sort(np.bincount(lists[lists >= 0], minlength=items)).astype(np.float64)
    ranks = np.arange(1, items + 1)
    return float((2 * ranks - items - 1) @ counts / (items * counts.sum()))


def novelty(lists: Lists, counts: NDArray[np.int64], people: int) -> Floats:
    """(n,) mean surprise, -log2 of the share of people who chose an item, unseen items as if by half a person."""
    surprise = -np.log2(np.maximum(counts, 0.5) / people)
    shown = lists >= 0
    total: Floats = np.where(shown, surprise[lists], 0.0).sum(axis=1) / np.maximum(shown.sum(axis=1), 1)
    return total


def auc(scores: NDArray[np.float32], seen: Sequence[NDArray[np.int64]], wanted: Sequence[NDArray[np.int64]]) -> Floats:
    """(n,) how often a wanted item is above one that is neither wanted nor known; an equal one is not below.

    Where nothing else is left to compare with, the answer is 1.
    """
    found = np.ones(len(scores))
    for row, (known, asked) in enumerate(zip(seen, wanted, strict=True)):
        other = np.ones(scores.shape[1], dtype=bool)
        other[known] = other[asked] = False
        below = np.sort(scores[row, other])
        if len(below) and len(asked):
            found[row] = np.searchsorted(below, scores[row, asked], side="left").mean() / len(below)
    return found


def serendipity(lists: Lists, hits: Hits, expected: Lists, k: int) -> Floats:
    """(n,) share of the first k that are hits and not among the first k expected, as of popularity (Ge et al. 2010)."""
    surprising = np.array(
        [~np.isin(own[:k], plain[:k]) for own, plain in zip(lists, expected, strict=True)], dtype=bool
    ).reshape(len(lists), -1)
    share: Floats = (hits[:, :k] & surprising).sum(axis=1) / float(k)
    return share


def diversity(lists: Lists, vectors: NDArray[np.floating]) -> Floats:
    """(n,) 1 - the mean cosine between any two items of a list; 0 for lists of fewer than two (Ziegler et al. 2005)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(lengths, 1e-12)
    shown = lists >= 0
    # All pairs at once: the squared length of the sum counts each pair twice and each item with itself.
    total = (unit[lists] * shown[..., None]).sum(axis=1)
    own = ((unit[lists] ** 2).sum(axis=2) * shown).sum(axis=1)
    count = shown.sum(axis=1)
    pairs = count * (count - 1)
    alike = ((total**2).sum(axis=1) - own) / np.maximum(pairs, 1)
    found: Floats = np.where(pairs > 0, 1.0 - alike, 0.0)
    return found


def list_reward(slates: Lists, wanted: Sequence[NDArray[np.int64]], bored: float = 0.0) -> Floats:
    """(n,) choices that a whole slate earns: each wanted item counts (1 - bored)^place, so 0 counts them all alike.

    A slate that shows an item twice earns it once.
    """
    earned = np.zeros(len(slates))
    for row, (slate, asked) in enumerate(zip(slates, wanted, strict=True)):
        first = np.zeros(len(slate), dtype=bool)
        first[np.unique(slate, return_index=True)[1]] = True
        earned[row] = ((1.0 - bored) ** np.arange(len(slate)) * (np.isin(slate, asked) & first & (slate >= 0))).sum()
    return earned
