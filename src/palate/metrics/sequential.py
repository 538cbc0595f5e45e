"""Tests that may be looked at after every visitor, and rankings that are mixed so that one visitor judges both."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def always_valid_p(gaps: ArrayLike, *, spread: float, expected: float) -> Floats:
    """(n,) p after each of n differences, valid whenever one stops (Johari et al. 2017, equations 9 and 12).

    The mixture likelihood ratio with effects N(0, expected^2) and differences of standard deviation `spread`:
    Lambda_n = sqrt(s^2 / (s^2 + n t^2)) exp(n^2 t^2 mean^2 / (2 s^2 (s^2 + n t^2))), and p_n = min over m <= n of
    1 / Lambda_m.
    """
    x = np.asarray(gaps, dtype=np.float64)
    n = np.arange(1, len(x) + 1)
    total, s2, t2 = np.cumsum(x), spread**2, expected**2
    logs = 0.5 * np.log(s2 / (s2 + n * t2)) + t2 * total**2 / (2 * s2 * (s2 + n * t2))
    found: Floats = np.minimum(1.0, np.exp(-np.maximum.accumulate(np.maximum(logs, 0.0))))
    return found


def stopped_at(p: ArrayLike, alpha: float = 0.05) -> int | None:
    """After how many the test is sure; None if it never is."""
    sure = np.flatnonzero(np.asarray(p) <= alpha)
    return int(sure[0]) + 1 if len(sure) else None


def team_draft(
    a: Sequence[Hashable], b: Sequence[Hashable], length: int, rng: np.random.Generator
) -> tuple[list[Hashable], list[int]]:
    """Team-draft interleaving (Radlinski et al. 2008, algorithm 2): one list of both, and whose each place is (0, 1).

    The side with fewer places picks next, a coin where they are even; each picks its best that is not there yet.
    """
    mixed: list[Hashable] = []
    teams: list[int] = []
    while len(mixed) < length:
        rest = [[item for item in side if item not in mixed] for side in (a, b)]
        if not any(rest):
            break
        counts = teams.count(0), teams.count(1)
        turn = int(rng.integers(2)) if counts[0] == counts[1] else int(counts[1] < counts[0])
        turn = turn if rest[turn] else 1 - turn
        mixed.append(rest[turn][0])
        teams.append(turn)
    return mixed, teams
