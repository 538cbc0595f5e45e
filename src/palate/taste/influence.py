"""How much one person can move what is learned of all people's types: so many events of each kind, no more.

A type's head is the sum of its people's evidence, so that somebody with a thousand battles weighs like a hundred
others (THREATS: poisoning). The cap is on what others learn from them; their own offset counts all that they did. And
who says the same of one picture again and again says it a few times.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from palate.taste.evidence import Evidence, Rows

CAP = 2.0
"""Events of one person that count, in medians of those who have any."""
REPEATS = 3
"""Battles won by one picture, or ratings of it, that count of one person."""


def capped(evidence: Evidence, cap: float = CAP, seed: int = 0) -> Evidence:
    """The same with at most `cap` medians of pairs, of scores and of picks a person; which stay is drawn by chance."""
    rng = np.random.default_rng(seed)
    pairs, scores = evidence.pairs, evidence.scores
    pairs = pairs.of(few_times(pairs.person, pairs.better, REPEATS, rng))
    scores = scores.of(few_times(scores.person, scores.row, REPEATS, rng))
    return replace(
        evidence,
        pairs=pairs.of(kept(pairs.person, cap, rng)),
        scores=scores.of(kept(scores.person, cap, rng)),
        picks=evidence.picks.of(kept(evidence.picks.person, cap, rng)),
    )


def few_times(person: Rows, picture: Rows, most: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(events,) which count, at most `most` of a person about one picture."""
    order = rng.permutation(len(person))
    both = np.stack([person, picture], axis=1)[order]
    _, which, counts = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    which = which.ravel()
    sorted_by = np.argsort(which, kind="stable")
    nth = np.empty(len(person), dtype=np.intp)
    nth[sorted_by] = np.arange(len(person)) - np.repeat(np.cumsum(counts) - counts, counts)
    stay = np.empty(len(person), dtype=bool)
    stay[order] = nth < most
    return stay


def kept(person: Rows, cap: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(events,) which of them count: all of whoever has few."""
    counts = np.bincount(person)
    had = counts[counts > 0]
    stay = np.ones(len(person), dtype=bool)
    if not len(had):
        return stay
    most = max(int(np.ceil(cap * np.median(had))), 1)
    for one in np.flatnonzero(counts > most):
        own = np.flatnonzero(person == one)
        stay[rng.permutation(own)[most:]] = False
    return stay
