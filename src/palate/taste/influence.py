"""How much one person can move what is learned of all people's types: so many events of each kind, no more.

A type's head is the sum of its people's evidence, so that somebody with a thousand battles weighs like a hundred
others (THREATS: poisoning). The cap is on what others learn from them; their own offset counts all that they did.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from palate.taste.evidence import Evidence, Rows

CAP = 2.0
"""Events of one person that count, in medians of those who have any."""


def capped(evidence: Evidence, cap: float = CAP, seed: int = 0) -> Evidence:
    """The same with at most `cap` medians of pairs, of scores and of picks a person; which stay is drawn by chance."""
    rng = np.random.default_rng(seed)
    return replace(
        evidence,
        pairs=evidence.pairs.of(kept(evidence.pairs.person, cap, rng)),
        scores=evidence.scores.of(kept(evidence.scores.person, cap, rng)),
        picks=evidence.picks.of(kept(evidence.picks.person, cap, rng)),
    )


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
