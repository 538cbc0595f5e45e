"""The `recommend` scenario: methods side by side on one split, tuned alike, every item ranked, ties counted against."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric, Report, write_run
from palate.importers.interactions import Split, read_interactions
from palate.metrics import recommending as measures
from palate.recommend import keeping
from palate.recommend.histories import counts_of
from palate.recommend.methods import Method, chosen
from palate.recommend.protocol import Recommender

SCENARIO = "recommend"
DEPTHS = (10, 20)
TUNED_ON = 10
"""Settings are compared by NDCG at this depth on the choices held out for tuning."""
PEOPLE_AT_A_TIME = 1024
YARDSTICK = "ease"

Floats = NDArray[np.float64]


@dataclass
class Trial:
    """What one method reached: per person and as a whole."""

    settings: Mapping[str, Any]
    tuned: float
    train_s: float
    request_ms: float
    of_people: dict[str, Floats] = field(default_factory=dict)
    of_all: dict[str, float] = field(default_factory=dict)


def evaluate_recommend(path: Path, methods: Sequence[Method], *, seed: int = 0, out: Path | None = None) -> Report:
    """Tunes each method on `valid`, then asks it once for `test`; intervals are over people."""
    began = time.perf_counter()
    split = read_interactions(path)
    fit = [method for method in methods if split.ordered or not method.sequential]
    if not fit:
        raise PalateError("no_order", "its choices have no order, which these methods go by", about=str(path))
    trials = {method.name: trial_of(method, split) for method in fit}
    left_out = [method.name for method in methods if method not in fit]
    title = f"{split.name}: {asked_of(split)} people, {split.items} items"
    title += f"; without order, so not {', '.join(left_out)}" if left_out else ""
    asked = asked_of(split)
    report = Report(
        scenario=SCENARIO,
        metrics=_metrics(trials, seed),
        cases=asked,
        unscored=len(split.test) - asked,
        took_s=time.perf_counter() - began,
        run=None if out is None else str(out),
        tables={title: _table(trials)},
    )
    if out is not None:
        specification = {
            "scenario": SCENARIO,
            "seed": seed,
            "data": split.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None,
            "tuned": {name: {**trial.settings, "valid ndcg@10": trial.tuned} for name, trial in trials.items()},
        }
        write_run(out, specification, ({"items": split.items, "people": asked},), _scores(trials), report)
    return report


def asked_of(split: Split) -> int:
    """How many people something is asked of."""
    return int(sum(len(wanted) > 0 for wanted in split.test))


def train(path: Path, name: str, out: Path) -> dict[str, Any]:
    """One method, tuned and kept in a folder."""
    [method] = chosen(name)
    split = read_interactions(path)
    best = tuned(method, split)
    facts = {"data": split.name, f"valid ndcg@{TUNED_ON}": best.score, "train s": round(best.seconds, 2)}
    keeping.save(best.recommender, out, method=method.name, settings=best.settings, items=split.items, **facts)
    return {
        "method": method.name,
        "items": split.items,
        "people": len(split.train),
        **best.settings,
        **facts,
        "in": str(out),
    }


@dataclass(frozen=True, eq=False)
class Tuned:
    """The settings that did best on what is held out for tuning, fitted."""

    recommender: Recommender
    settings: Mapping[str, Any]
    score: float
    seconds: float


def tuned(method: Method, split: Split) -> Tuned:
    tries = []
    for settings in method.tried:
        began = time.perf_counter()
        recommender = method.make(**settings).fit(split.train, split.items)
        seconds = time.perf_counter() - began
        _, hits, wanted = lists_of(recommender, split.train, split.train, split.valid)
        score = round(float(measures.ndcg(hits, wanted, TUNED_ON).mean()), 5)
        tries.append(Tuned(recommender, settings, score, seconds))
    return max(tries, key=lambda one: one.score)


def trial_of(method: Method, split: Split) -> Trial:
    """The settings that are best on `valid`, and what they reach on `test`."""
    best = tuned(method, split)
    lists, hits, wanted = lists_of(best.recommender, split.given, split.known, split.test)
    trial = Trial(best.settings, best.score, best.seconds, _request_ms(best.recommender, split))
    for k in DEPTHS:
        trial.of_people |= {
            f"ndcg@{k}": measures.ndcg(hits, wanted, k),
            f"recall@{k}": measures.recall(hits, wanted, k),
            f"precision@{k}": measures.precision(hits, k),
            f"hit@{k}": measures.hit_rate(hits, k),
            f"mrr@{k}": measures.reciprocal_rank(hits, k),
        }
    first = lists[:, : DEPTHS[0]]
    trial.of_people[f"novelty@{DEPTHS[0]}"] = measures.novelty(
        first, counts_of(split.train, split.items), len(split.train)
    )
    trial.of_all[f"coverage@{DEPTHS[0]}"] = measures.coverage(first, split.items)
    trial.of_all[f"gini@{DEPTHS[0]}"] = measures.gini(first, split.items)
    return trial


def lists_of(
    recommender: Recommender,
    given: Sequence[NDArray[np.int64]],
    known: Sequence[NDArray[np.int64]],
    wanted: Sequence[NDArray[np.int64]],
) -> tuple[measures.Lists, measures.Hits, NDArray[np.int64]]:
    """Lists, hits and how many were wanted, of the people for whom something is wanted that is not known."""
    new = [np.setdiff1d(want, know) for want, know in zip(wanted, known, strict=True)]
    people = [person for person, want in enumerate(new) if len(want)]
    lists, hits = [], []
    for start in range(0, len(people), PEOPLE_AT_A_TIME):
        some = people[start : start + PEOPLE_AT_A_TIME]
        scores = recommender.score([given[person] for person in some])
        pair = measures.top_lists(
            scores, [known[person] for person in some], [new[person] for person in some], max(DEPTHS)
        )
        lists.append(pair[0])
        hits.append(pair[1])
    return np.concatenate(lists), np.concatenate(hits), np.array([len(new[person]) for person in people])


def _request_ms(recommender: Recommender, split: Split, requests: int = 30) -> float:
    """Median time of scoring one person and taking the best ten."""
    times = []
    for person in range(min(requests, len(split.given))):
        began = time.perf_counter()
        scores = recommender.score([split.given[person]])[0]
        np.argpartition(-scores, min(10, len(scores) - 1))
        times.append(time.perf_counter() - began)
    return float(np.median(times) * 1e3)


def _metrics(trials: Mapping[str, Trial], seed: int) -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for name, trial in trials.items():
        found |= {f"{name}/{metric}": bootstrap(values, seed=seed) for metric, values in trial.of_people.items()}
        alone = {**trial.of_all, "train-s": trial.train_s, "request-ms": trial.request_ms}
        found |= {f"{name}/{metric}": Metric(value, (value, value), 1) for metric, value in alone.items()}
        if YARDSTICK in trials and name != YARDSTICK:
            metric = f"ndcg@{TUNED_ON}"
            best = trials[YARDSTICK].of_people[metric]
            found[f"{name}-{YARDSTICK}/{metric}"] = paired(trial.of_people[metric], best, seed=seed)
    return found


def _table(trials: Mapping[str, Trial]) -> list[dict[str, Any]]:
    shown = ("ndcg@10", "recall@10", "ndcg@20", "recall@20", "mrr@10")
    rows = []
    for name, trial in trials.items():
        row: dict[str, Any] = {"method": name}
        row |= {metric: f"{trial.of_people[metric].mean():.4f}" for metric in shown}
        row["coverage@10"] = f"{trial.of_all['coverage@10']:.1%}"
        row["train s"], row["request ms"] = f"{trial.train_s:.2f}", f"{trial.request_ms:.2f}"
        row["settings"] = ", ".join(f"{key} {value:g}" for key, value in trial.settings.items())
        rows.append(row)
    return rows


def _scores(trials: Mapping[str, Trial]) -> list[dict[str, Any]]:
    """NDCG@10 by person, from which any interval can be made again."""
    return [
        {"method": name, f"ndcg@{TUNED_ON}": [round(float(value), 6) for value in trial.of_people[f"ndcg@{TUNED_ON}"]]}
        for name, trial in trials.items()
    ]
