"""User types where the truth is known: are planted people found again, and what is knowing their type worth?"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.film_types import measured
from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric
from palate.metrics.clusters import adjusted_rand
from palate.taste.evidence import Evidence, Pairs
from palate.taste.offset import Belief, battle, chosen, first_belief, preferred, rated
from palate.taste.planted import Planted, Planting, plant
from palate.taste.types import Fitted, Learning, fit_types, members
from palate.taste.utilities import sigmoid

Floats = NDArray[np.float64]

WORLDS = 3
TIMED = 100
ONLINE_PEOPLE = 60


def evaluate_planted(planting: Planting, learning: Learning, worlds: int = WORLDS) -> tuple[dict[str, Metric], int]:
    """Metrics over several worlds, and how many pairs were asked."""
    rand: list[float] = []
    falls: list[float] = []
    times: list[float] = []
    likely: dict[str, list[Floats]] = {}
    person: list[NDArray[np.intp]] = []
    for world in range(worlds):
        planted = plant(replace(planting, seed=planting.seed + world))
        one = fit_types(planted.evidence, 1, learning)
        many = fit_types(planted.evidence, planting.types, learning)
        rand.append(adjusted_rand(members(many.gamma), planted.types))
        falls += [float(n) for n in _falls(many)]
        asked = planted.tests.of(planted.tests.person < ONLINE_PEOPLE)
        beliefs, took = _online(planted, many, planting)
        times += took
        methods = {
            "em@K=1": _by_types(one, planted.evidence, asked),
            f"em@K={planting.types}": _by_types(many, planted.evidence, asked),
            f"online@K={planting.types}": _by_beliefs(beliefs, planted.evidence, asked),
        }
        for name, said in methods.items():
            likely.setdefault(name, []).append(said)
        person.append(asked.person + world * planting.people)
    metrics = measured(
        {name: np.concatenate(said) for name, said in likely.items()}, np.concatenate(person), planting.seed
    )
    metrics[f"em/adjusted_rand@K={planting.types}"] = bootstrap(rand, seed=planting.seed)
    metrics[f"em/falls@K={planting.types}"] = bootstrap(falls, seed=planting.seed)
    metrics["online/update_ms"] = bootstrap(times, seed=planting.seed)
    return metrics, sum(len(part) for part in likely["em@K=1"])


def _falls(fitted: Fitted) -> Sequence[bool]:
    """Of each EM step: did the log-likelihood of what people did fall?"""
    slack = 1e-9 * abs(fitted.likelihood[-1])
    fell: list[bool] = (np.diff(fitted.likelihood) < -slack).tolist()
    return fell


def _by_types(fitted: Fitted, evidence: Evidence, asked: Pairs) -> Floats:
    s = evidence.features @ fitted.heads.weights.T
    likely: Floats = (sigmoid(s[asked.better] - s[asked.worse]) * fitted.gamma[asked.person]).sum(axis=1)
    return likely


def _online(planted: Planted, fitted: Fitted, planting: Planting) -> tuple[list[Belief], list[float]]:
    """Beliefs about the first people, choice after choice as they came; and how many milliseconds a choice took."""
    X, pairs, picks = planted.evidence.features, planted.evidence.pairs, planted.evidence.picks
    ratings = planted.evidence.scores
    wide = X.shape[1]
    within = np.eye(wide) * (planting.apart * planting.offset) ** 2 / wide
    beliefs, times = [], []
    for person in range(ONLINE_PEOPLE):
        belief = first_belief(fitted.heads, within)
        for at in np.flatnonzero(pairs.person == person):
            began = time.perf_counter()
            belief = battle(belief, X[pairs.better[at]] - X[pairs.worse[at]])
            times.append(1000 * (time.perf_counter() - began))
        for at in np.flatnonzero(picks.person == person):
            began = time.perf_counter()
            columns, tau = X[picks.slates[at]].mean(axis=1), fitted.heads.temperature
            belief = chosen(belief, columns, int(picks.picked[at]), temperature=tau)
            times.append(1000 * (time.perf_counter() - began))
        for at in np.flatnonzero(ratings.person == person):
            above = float(ratings.value[at] - belief.types @ fitted.heads.biases)
            belief = rated(belief, X[ratings.row[at]], above, spread=fitted.heads.spread)
        beliefs.append(belief)
    return beliefs, times[-TIMED:]


def _by_beliefs(beliefs: Sequence[Belief], evidence: Evidence, asked: Pairs) -> Floats:
    likely = np.empty(len(asked.person))
    for person, belief in enumerate(beliefs):
        mine = asked.person == person
        likely[mine] = preferred(belief, evidence.features[asked.better[mine]], evidence.features[asked.worse[mine]])
    return likely


def table(metrics: Mapping[str, Metric]) -> list[dict[str, Any]]:
    """The accuracies beside each other, for people."""
    return [
        {"method": name, "accuracy": f"{metric.value:.3f} [{metric.ci95[0]:.3f}, {metric.ci95[1]:.3f}]"}
        for name, metric in metrics.items()
        if "/accuracy" in name
    ]
