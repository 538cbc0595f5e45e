"""What loud people can do to the types that everybody shares, with and without `palate.taste.influence`.

Attackers have twenty times as many battles as people have, all won by one picture. `rank_shift` is the share of the
catalogue that it climbs for honest people, by what is believed of their types; `honest_loss` the accuracy that is lost
on battles which honest people were not asked before; `moved@10` the mean number of places by which an honest person's
first ten pictures move, and `ndcg_loss@10` the share of their NDCG@10 that is lost, gains being true utilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric
from palate.taste.evidence import Evidence, Pairs
from palate.taste.influence import capped
from palate.taste.planted import Planted, Planting, plant
from palate.taste.types import Learning, fit_types, posterior

Floats = NDArray[np.float64]
SHARES = (0.01, 0.05, 0.10)
LOUD = 20
TYPES = 4
FIRST = 10


def poisoned_types(people: int, *, targets: int = 4, seed: int = 0) -> dict[str, Metric]:
    """Each share of attackers against each of some pictures that nobody likes much."""
    planting = Planting(people=people, types=TYPES, pictures=120, wide=8, seed=seed)
    planted = plant(planting)
    liked = (planted.evidence.features @ planted.own.T).mean(axis=1)
    chosen = np.argsort(liked, kind="stable")[len(liked) // 4 :][:targets]
    learning = Learning(ridge=0.1, apart=0.1, steps=15, seed=seed)
    metrics: dict[str, Metric] = {}
    for safe in (False, True):
        before = worth(planted, planted.evidence, learning, safe)
        for share in SHARES:
            shifts, losses = [], []
            moves, falls = [], []
            for number, target in enumerate(chosen.tolist()):
                rng = np.random.default_rng([seed, number])
                forged = with_attackers(planted.evidence, target, max(round(share * people), 1), planting.battles, rng)
                after = worth(planted, forged, learning, safe)
                ranks = [(each > each[:, [target]]).mean(axis=1) for each in (before, after)]
                shifts.append(float((ranks[0] - ranks[1]).mean()))
                losses.append((right(planted, before), right(planted, after)))
                moves.append(moved(before, after))
                falls.append(1 - ndcg(planted, after) / ndcg(planted, before))
            title = f"{share:.0%}:types{':guarded' if safe else ''}"
            metrics[f"{title}/rank_shift"] = bootstrap(shifts, seed=seed)
            honest = np.tile(np.arange(people), len(moves))
            metrics[f"{title}/moved@{FIRST}"] = bootstrap(np.concatenate(moves), clusters=honest, seed=seed)
            metrics[f"{title}/ndcg_loss@{FIRST}"] = bootstrap(np.concatenate(falls), clusters=honest, seed=seed)
            clusters = np.tile(planted.tests.person, len(losses))
            pair = (np.concatenate([each[side] for each in losses]) for side in (0, 1))
            metrics[f"{title}/honest_loss"] = paired(*pair, clusters=clusters, seed=seed)
    return metrics


def with_attackers(evidence: Evidence, target: int, count: int, battles: int, rng: np.random.Generator) -> Evidence:
    """`count` more people, each with `LOUD` times `battles` battles that the target wins."""
    others = np.setdiff1d(np.arange(len(evidence.features)), [target])
    person = np.repeat(np.arange(evidence.people, evidence.people + count), LOUD * battles)
    pairs = Pairs(
        np.concatenate([evidence.pairs.person, person]),
        np.concatenate([evidence.pairs.better, np.full(len(person), target)]),
        np.concatenate([evidence.pairs.worse, rng.choice(others, len(person))]),
    )
    return replace(evidence, people=evidence.people + count, pairs=pairs)


def worth(planted: Planted, evidence: Evidence, learning: Learning, safe: bool) -> Floats:
    """(honest, pictures) by the types learned from everybody, and each honest person's own posterior over them."""
    heads = fit_types(capped(evidence) if safe else evidence, TYPES, learning).heads
    gamma, _ = posterior(heads, planted.evidence)
    found: Floats = gamma @ heads.weights @ planted.evidence.features.T
    return found


def right(planted: Planted, worth: Floats) -> Floats:
    """(tests,) 1 where the picture that was truly preferred is worth more."""
    tests = planted.tests
    found: Floats = (worth[tests.person, tests.better] > worth[tests.person, tests.worse]).astype(np.float64)
    return found


def moved(before: Floats, after: Floats) -> Floats:
    """(honest,) by how many places the first ten of `before` (honest, pictures) lie elsewhere in `after`: the mean."""
    ten = np.argsort(-before, axis=1, kind="stable")[:, :FIRST]
    place = np.argsort(np.argsort(-after, axis=1, kind="stable"), axis=1)
    found: Floats = np.abs(np.take_along_axis(place, ten, axis=1) - np.arange(FIRST)).mean(axis=1)
    return found


def ndcg(planted: Planted, worth: Floats) -> Floats:
    """(honest,) NDCG@10 of the pictures by `worth`, a picture's gain being its true utility above the worst one's."""
    truth = planted.own @ planted.evidence.features.T
    gain = truth - truth.min(axis=1, keepdims=True)
    fall = 1 / np.log2(np.arange(FIRST) + 2)
    ten = np.argsort(-worth, axis=1, kind="stable")[:, :FIRST]
    found: Floats = (np.take_along_axis(gain, ten, axis=1) @ fall) / (-np.sort(-gain, axis=1)[:, :FIRST] @ fall)
    return found


def poisoned_table(metrics: Mapping[str, Metric]) -> list[dict[str, Any]]:
    """A row for each share of attackers, as learned and with the cap."""
    rows = []
    for title in dict.fromkeys(name.partition("/")[0] for name in metrics):
        share, _, how = title.partition(":types")
        row = {"attackers": share, "influence": "capped" if how else "as it is"}
        for what in ("rank_shift", f"moved@{FIRST}", f"ndcg_loss@{FIRST}", "honest_loss"):
            metric = metrics[f"{title}/{what}"]
            row[what] = f"{metric.value:.3f} [{metric.ci95[0]:.3f}, {metric.ci95[1]:.3f}]"
        rows.append(row)
    return rows
