"""User types on real people: who prefers which of two films, by K types and by each person's own offset.

A fifth of the people is set apart for choices of ours (how vectors are made, how strong priors are, K), never tested.
The others are tested in turns: film vectors, types and the spread of offsets come from the people who are not tested.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.film_pairs import Drawing, PeoplesPairs, pairs_of_people
from palate.evaluate.films import Vectors, film_vectors
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric
from palate.importers.movielens import Films
from palate.taste.evidence import Evidence, Pairs
from palate.taste.offset import after_battles, first_belief, learned_spread, preferred
from palate.taste.types import Learning, fit_types, posterior
from palate.taste.utilities import Heads, sigmoid

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

COUNTS = (1, 2, 4, 8, 16, 32, 64)
OFFSET_COUNTS = (1, 8)


@dataclass(frozen=True, slots=True)
class Design:
    """What was chosen on the people set apart, and how the others are tested."""

    counts: tuple[int, ...] = COUNTS
    folds: int = 3
    apart: float = 0.2
    vectors: Vectors = field(default_factory=Vectors)
    drawing: Drawing = field(default_factory=Drawing)
    learning: Learning = field(default_factory=lambda: Learning(steps=12, tolerance=1e-4, apart=100.0))
    learned_weight: float = 0.6
    """A training pair counts for this, there being one for each rating."""
    known_weight: float = 0.3
    """A history pair in the posterior over types, there being two for each rating."""
    offset_weight: float = 0.4
    """A history pair in a person's offset."""
    spread_people: int = 180
    spread_rounds: int = 4
    first_spread: float = 0.05
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """Of each tested pair: whose it is, and the probability that each method gave to the truth."""

    person: Indices
    likely: Mapping[str, Floats]


def split_people(films: Films, design: Design) -> tuple[Indices, list[Indices]]:
    """People set apart, and the folds of the others."""
    order = np.random.default_rng(design.seed).permutation(films.people)
    own = round(films.people * design.apart)
    return order[:own], [np.sort(part) for part in np.array_split(order[own:], design.folds)]


def answer(films: Films, drawn: PeoplesPairs, tested: Indices, design: Design) -> Answers:
    """What is said of the `tested` people's pairs by what all the others taught."""
    training = np.ones(films.people, dtype=bool)
    training[tested] = False
    X = film_vectors(films, training, design.vectors)
    learned = Evidence(X, films.people, drawn.everything, weights=(design.learned_weight, 1.0, 1.0))
    learned = learned.of_people(np.flatnonzero(training))
    known = Evidence(X, films.people, drawn.history, weights=(design.known_weight, 1.0, 1.0)).of_people(tested)
    asked = Evidence(X, films.people, drawn.tests).of_people(tested).pairs
    likely: dict[str, Floats] = {}
    for count in design.counts:
        heads = fit_types(learned, count, design.learning).heads
        likely[f"em@K={count}"] = by_types(heads, known, asked)
        if count in OFFSET_COUNTS:
            likely[f"online@K={count}"] = by_offset(heads, learned, known, asked, design)
    return Answers(tested[asked.person], likely)


def by_types(heads: Heads, known: Evidence, asked: Pairs) -> Floats:
    """P(better over worse) = sum_k gamma_i(k) sigmoid(s(k, better) - s(k, worse)), gamma by the person's history."""
    gamma, _ = posterior(heads, known)
    s = known.features @ heads.weights.T
    likely: Floats = (sigmoid(s[asked.better] - s[asked.worse]) * gamma[asked.person]).sum(axis=1)
    return likely


def by_offset(heads: Heads, learned: Evidence, known: Evidence, asked: Pairs, design: Design) -> Floats:
    """The same with each person's own head around their type, how far people are from their type being learned."""
    X = known.features
    rng = np.random.default_rng(design.seed)
    some = rng.choice(learned.people, min(design.spread_people, learned.people), replace=False)
    within = learned_spread(
        heads,
        [_differences(X, learned.pairs, person) for person in some],
        design.first_spread * np.eye(X.shape[1]),
        rounds=design.spread_rounds,
        weight=design.offset_weight,
    )
    likely = np.empty(len(asked.person))
    for person in range(known.people):
        mine = asked.person == person
        history = _differences(X, known.pairs, person)
        belief = after_battles(first_belief(heads, within), history, weight=design.offset_weight)
        likely[mine] = preferred(belief, X[asked.better[mine]], X[asked.worse[mine]])
    return likely


def _differences(X: Floats, pairs: Pairs, person: int) -> Floats:
    mine = pairs.person == person
    gap: Floats = X[pairs.better[mine]] - X[pairs.worse[mine]]
    return gap


def evaluate_films(films: Films, design: Design) -> tuple[dict[str, Metric], list[dict[str, Any]], int]:
    """Metrics, one row a K of the paper's table, and how many pairs were asked."""
    drawn = pairs_of_people(films, design.drawing)
    apart, folds = split_people(films, design)
    said = [answer(films, drawn, fold, design) for fold in folds]
    person = np.concatenate([each.person for each in said])
    likely = {name: np.concatenate([each.likely[name] for each in said]) for name in said[0].likely}
    own = answer(films, drawn, apart, design).likely
    metrics = measured(likely, person, design.seed)
    chosen = max(design.counts, key=lambda count: float(_logs(own[f"em@K={count}"]).mean()))
    return metrics, _table(metrics, design.counts, chosen), len(person)


def measured(likely: Mapping[str, Floats], person: Sequence[int] | Indices, seed: int) -> dict[str, Metric]:
    """Accuracy and mean log-likelihood of each method, and what is gained from one to the next, over the same pairs."""
    right = {name: (p > 0.5).astype(np.float64) for name, p in likely.items()}
    logs = {name: _logs(p) for name, p in likely.items()}
    people = np.asarray(person)
    metrics: dict[str, Metric] = {}
    for name in likely:
        method, _, count = name.partition("@")
        metrics[f"{method}/accuracy@{count}"] = bootstrap(right[name], clusters=people, seed=seed)
        metrics[f"{method}/log_likelihood@{count}"] = bootstrap(logs[name], clusters=people, seed=seed)
    gains = [
        ("em-one", "em@K=8", "em@K=1"),
        ("online-em", "online@K=8", "em@K=8"),
        ("online-em", "online@K=1", "em@K=1"),
    ]
    gains.append(("online-one", "online@K=8", "online@K=1"))
    for name, better, than in gains:
        if better in likely and than in likely:
            count = better.partition("@")[2]
            metrics[f"{name}/accuracy@{count}"] = paired(right[better], right[than], clusters=people, seed=seed)
            metrics[f"{name}/log_likelihood@{count}"] = paired(logs[better], logs[than], clusters=people, seed=seed)
    return metrics


def _logs(likely: Floats) -> Floats:
    logs: Floats = np.log(np.maximum(likely, 1e-9))
    return logs


def _table(metrics: Mapping[str, Metric], counts: Sequence[int], chosen: int) -> list[dict[str, Any]]:
    rows = []
    for count in counts:
        row: dict[str, Any] = {"K": count}
        for name, title in (("em/accuracy", "types"), ("online/accuracy", "types and offset")):
            metric = metrics.get(f"{name}@K={count}")
            row[title] = f"{metric.value:.4f} [{metric.ci95[0]:.4f}, {metric.ci95[1]:.4f}]" if metric else ""
        row["log-likelihood a pair"] = round(metrics[f"em/log_likelihood@K={count}"].value, 4)
        row["chosen"] = "by people set apart" if count == chosen else ""
        rows.append(row)
    return rows
