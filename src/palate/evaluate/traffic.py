"""Trials on simulated traffic: visitors come one by one, and a sequential test may stop at each of them.

An A/B trial shows each visitor one side; an interleaved one shows both sides at once and asks which one's was taken.
Both are run as often with two equal sides: how often they then claim a difference is what alpha promised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric
from palate.metrics.sequential import always_valid_p, stopped_at

Floats = NDArray[np.float64]
EXPECTED = 0.2
"""Effects that are looked for, in standard deviations."""
PAIRS = (("taste", "chance"), ("curiosity", "taste"), ("taste", "taste"))


@dataclass(frozen=True, slots=True)
class Trials:
    trials: int = 200
    seed: int = 0
    visitors: int = 1000


def trials(worth: Mapping[str, Floats], asked: Trials) -> dict[str, Metric]:
    """Per policy (people, rounds) of worth: power, false alarms, and how much of the traffic was needed."""
    metrics: dict[str, Metric] = {}
    for number, (a, b) in enumerate(PAIRS):
        if a not in worth or b not in worth:
            continue
        for kind, gaps_of in (("ab", ab_gaps), ("interleaved", interleaved_gaps)):
            stops = [
                stop(gaps_of(worth[a], worth[b], asked.visitors, np.random.default_rng([asked.seed, number, trial])))
                for trial in range(asked.trials)
            ]
            found = np.array([at is not None for at in stops], dtype=np.float64)
            title = f"{kind}:{a}-{b}"
            if a == b:
                metrics[f"{title}/false_alarms"] = bootstrap(found, seed=asked.seed)
                continue
            needed = np.array([asked.visitors if at is None else at for at in stops]) / asked.visitors
            metrics[f"{title}/power"] = bootstrap(found, seed=asked.seed)
            metrics[f"{title}/stopped_at"] = bootstrap(needed, seed=asked.seed)
    return metrics


def ab_gaps(a: Floats, b: Floats, visitors: int, rng: np.random.Generator) -> Floats:
    """(visitors / 2,) one visitor of either side beside each other: a round of anybody's, by chance."""
    pairs = visitors // 2
    found: Floats = rng.choice(a.ravel(), pairs) - rng.choice(b.ravel(), pairs)
    return found


def interleaved_gaps(a: Floats, b: Floats, visitors: int, rng: np.random.Generator) -> Floats:
    """(visitors,) 1 where a's offer was worth more to a visitor than b's, -1 where less, 0 for equals.

    A round of the same person under both, since one visitor judges both; each sees what noise lets them.
    """
    person = rng.integers(len(a), size=visitors)
    turns = rng.integers(a.shape[1], size=(2, visitors))
    first, second = a[person, turns[0]], b[person, turns[1]]
    noise = rng.gumbel(size=(2, visitors))
    found: Floats = np.sign(first + noise[0] - second - noise[1])
    return found


def stop(gaps: Floats) -> int | None:
    """Visitors until the test is sure. The spread is of a first tenth, which then counts for nothing else."""
    early = max(len(gaps) // 10, 20)
    spread = float(gaps[:early].std()) + 1e-9
    at = stopped_at(always_valid_p(gaps[early:], spread=spread, expected=EXPECTED * spread))
    return None if at is None else at + early
