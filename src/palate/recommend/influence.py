"""How much one person can move what is learned from all: a cap for each, and no weight for profiles that are copies.

For methods that learn from what everybody chose (THREATS: poisoning, shilling). What somebody chose still counts in
full for themselves; this is about what others are shown because of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palate.recommend.histories import Histories, matrix_of

Floats = NDArray[np.float64]
NEAREST = 10
PEOPLE_AT_A_TIME = 1024
TOO_ALIKE = 2.0
"""Robust deviations above the median likeness from which a profile is taken for one of a series."""
CAP = 2.0
"""Choices of one person that count, in medians of how many people have."""


def capped(histories: Histories, cap: float = CAP, seed: int = 0) -> Histories:
    """Of each history at most `cap` times as many choices as the median person has.

    Those that stay are drawn by chance, in their order: were it the latest, an attacker would put theirs last.
    """
    if not len(histories):
        return histories
    most = max(int(np.ceil(cap * np.median([len(history) for history in histories]))), 1)
    rng = np.random.default_rng(seed)
    return [
        history if len(history) <= most else history[np.sort(rng.choice(len(history), most, replace=False))]
        for history in histories
    ]


def likeness(histories: Histories, items: int, nearest: int = NEAREST) -> Floats:
    """(people,) mean cosine to the `nearest` most similar others: DegSim (Chirita et al. 2005, equation 6).

    Attackers of one campaign are made alike; people hardly are.
    """
    X = matrix_of(histories, items)
    lengths = np.maximum(np.sqrt(np.asarray(X.sum(axis=1))), 1e-9)
    k = min(nearest, len(histories) - 1)
    if k < 1:
        return np.zeros(len(histories))
    found: Floats = np.empty(len(histories))
    for start in range(0, len(histories), PEOPLE_AT_A_TIME):
        rows = np.arange(start, min(start + PEOPLE_AT_A_TIME, len(histories)))
        cosine = (X[rows] @ X.T).toarray() / lengths[rows, None] / lengths[None, :]
        cosine[np.arange(len(rows)), rows] = -np.inf
        found[rows] = np.partition(cosine, -k, axis=1)[:, -k:].mean(axis=1)
    return found


def trusted(histories: Histories, items: int, limit: float = TOO_ALIKE) -> NDArray[np.bool_]:
    """(people,) whose choices count for others: not those that are far more alike than people are.

    Deviations are robust (median absolute), so that a tenth of attackers does not hide itself.
    """
    alike = likeness(histories, items)
    middle = np.median(alike)
    spread = 1.4826 * float(np.median(np.abs(alike - middle))) + 1e-9
    found: NDArray[np.bool_] = (alike - middle) / spread <= limit
    return found


def guarded(histories: Histories, items: int) -> Histories:
    """What a method should learn from where anybody may join."""
    kept = trusted(histories, items)
    return capped([history for history, keep in zip(histories, kept, strict=True) if keep])
