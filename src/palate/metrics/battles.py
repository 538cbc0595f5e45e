"""What pairwise judgements come to: win rates, strengths that explain them, and how far two judges agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def wins_of(battles: Sequence[tuple[int, int, float]], things: int) -> Floats:
    """(first, second, what the first got: 1, 0.5 for a tie, 0) -> (n, n) how often i won over j, ties half each."""
    wins = np.zeros((things, things))
    for first, second, share in battles:
        wins[first, second] += share
        wins[second, first] += 1 - share
    return wins


def win_rates(wins: ArrayLike) -> Floats:
    """(n,) share of its battles that each won; NaN for what never fought."""
    won = np.asarray(wins, dtype=np.float64)
    fought = (won + won.T).sum(axis=1)
    rates: Floats = np.divide(won.sum(axis=1), fought, out=np.full(len(won), np.nan), where=fought > 0)
    return rates


def strengths(wins: ArrayLike, *, prior: float = 0.1, rounds: int = 10_000, close: float = 1e-10) -> Floats:
    """Log strengths of Bradley and Terry (1952), mean 0, by minorisation (Hunter 2004, equation 3).

    `prior` draws against an imagined average opponent keep what always won or never fought finite.
    """
    won = np.asarray(wins, dtype=np.float64)
    met = won + won.T
    gained = won.sum(axis=1) + prior / 2
    strength = np.ones(len(won))
    for _ in range(rounds):
        costs = (met / (strength[:, None] + strength[None, :])).sum(axis=1) + prior / (strength + 1)
        new = gained / costs
        if np.abs(np.log(new) - np.log(strength)).max() < close:
            strength = new
            break
        strength = new
    logs: Floats = np.log(strength) - np.log(strength).mean()
    return logs


def agreement(first: ArrayLike, second: ArrayLike) -> float:
    """Cohen's kappa (1960) of two judges' verdicts over the same battles: 1 alike, 0 as by chance."""
    a, b = np.asarray(first), np.asarray(second)
    verdicts = np.unique(np.concatenate([a, b]))
    chance = sum(float((a == verdict).mean() * (b == verdict).mean()) for verdict in verdicts)
    return 1.0 if chance == 1 else (float((a == b).mean()) - chance) / (1 - chance)
