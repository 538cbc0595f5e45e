"""The `recommend` scenario: methods side by side on one split, tuned alike, every item ranked, ties counted against."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.recommended_content import content_of
from palate.evaluate.recommended_trials import Kept, Trial, kept_in
from palate.evaluate.report import Metric, Report, write_run
from palate.importers.interactions import Split, read_interactions
from palate.metrics import recommending as measures
from palate.metrics.cost import Cost, costing, megabytes, parameters
from palate.recommend import keeping
from palate.recommend.histories import Items, Scores, counts_of
from palate.recommend.learned import Learned
from palate.recommend.methods import Content, Method, chosen
from palate.recommend.popularity import Popularity
from palate.recommend.protocol import Recommender
from palate.recommend.semanticids import by_company
from palate.recommend.slates import Slates
from palate.recommend.stopping import Stopping

SCENARIO = "recommend"
DEPTHS = (10, 20)
TUNED_ON = 10
"""Settings are compared by NDCG at this depth on the choices held out for tuning."""
PEOPLE_AT_A_TIME = 1024
YARDSTICK = "ease"
SLATE = 5

Floats = NDArray[np.float64]


def evaluate_recommend(
    path: Path,
    methods: Sequence[Method],
    *,
    seed: int = 0,
    out: Path | None = None,
    content: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Tunes each method on `valid`, then asks it once for `test`; intervals are over people.

    Each method's numbers are kept in `out` as soon as there are any, so that a run that was stopped goes on.
    """
    began = time.perf_counter()
    split = read_interactions(path)
    known = content_of(path, split, content)
    fit, left_out = able(methods, split, known)
    if not fit:
        hint = "; ".join(f"{name} {why}" for name, why in left_out.items())
        raise PalateError("nothing_to_compare", "none of these methods can learn from it", about=str(path), hint=hint)
    trials = {}
    for method in fit:
        progress(method.name)
        trials[method.name] = trial_of(method, split, known, kept_in(out, split, method, seed), seed)
    asked = asked_of(split)
    title = f"{split.name}: {asked} people, {split.items} items"
    title += "".join(f"; not {name}, which {why}" for name, why in left_out.items())
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
            "left out": left_out,
        }
        write_run(out, specification, ({"items": split.items, "people": asked},), _scores(trials), report)
    return report


def able(methods: Sequence[Method], split: Split, content: Content) -> tuple[list[Method], dict[str, str]]:
    """Those that can learn from it, and why the others cannot."""
    left_out = {}
    for method in methods:
        lacking = [name for name in method.content if name not in content]
        if method.sequential and not split.ordered:
            left_out[method.name] = "reads an order that its choices do not have"
        elif lacking:
            left_out[method.name] = f"reads the items' {' and '.join(lacking)}"
    return [method for method in methods if method.name not in left_out], left_out


def asked_of(split: Split) -> int:
    """How many people something is asked of."""
    return int(sum(len(wanted) > 0 for wanted in split.test))


def train(path: Path, name: str, out: Path, content: Path | None = None) -> dict[str, Any]:
    """One method, tuned and kept in a folder."""
    [method] = chosen(name)
    split = read_interactions(path)
    best = tuned(method, split, content_of(path, split, content))
    facts = {"data": split.name, f"valid ndcg@{TUNED_ON}": best.score, "train s": round(best.cost.seconds, 2)}
    keeping.save(best.recommender, out, method=method.name, settings=best.reached, items=split.items, **facts)
    return {
        "method": method.name,
        "items": split.items,
        "people": len(split.train),
        **best.reached,
        **facts,
        "in": str(out),
    }


@dataclass(frozen=True, eq=False)
class Tuned:
    """The settings that did best on what is held out for tuning, fitted."""

    recommender: Recommender
    settings: Mapping[str, Any]
    score: float
    cost: Cost
    epochs: int | None = None
    """That were enough, where it learned in epochs."""

    @property
    def reached(self) -> Mapping[str, Any]:
        """The settings, with those epochs."""
        return self.settings if self.epochs is None else {**self.settings, "epochs": self.epochs}


def tuned(method: Method, split: Split, content: Content, kept: Kept | None = None, seed: int = 0) -> Tuned:
    """Tries every setting that was not tried in a run that was stopped."""
    seeded = {"seed": seed} if seed and "seed" in getattr(method.make, "__dataclass_fields__", {}) else {}
    best: Tuned | None = None
    tried = dict(kept.tried()) if kept else {}
    for settings in method.tried:
        key = json.dumps(settings, sort_keys=True)
        if key in tried:
            continue
        found = _fitted(method, {**seeded, **settings}, split, content)
        tried[key] = found.score
        if kept:
            kept.note(tried)
        if best is None or found.score > best.score:
            best = found
    winner = max(method.tried, key=lambda settings: tried[json.dumps(settings, sort_keys=True)])
    if best is None or best.settings != {**seeded, **winner}:
        best = _fitted(method, {**seeded, **winner}, split, content)
    return best


def _fitted(method: Method, settings: Mapping[str, Any], split: Split, content: Content) -> Tuned:
    recommender = method.made(settings, content)

    def judged() -> float:
        _, hits, wanted = lists_of(recommender, split.train, split.train, split.valid)
        return round(float(measures.ndcg(hits, wanted, TUNED_ON).mean()), 5)

    if not isinstance(recommender, Learned):
        with costing() as cost:
            recommender.fit(split.train, split.items)
        return Tuned(recommender, settings, judged(), cost)
    recommender.after = stopping = Stopping(recommender, judged)
    with costing() as cost:
        recommender.fit(split.train, split.items)
    recommender.after = None
    stopping.keep_best()
    spent = Cost(cost.seconds - stopping.cost.seconds, cost.cpu_seconds - stopping.cost.cpu_seconds)
    return Tuned(recommender, settings, judged(), spent, stopping.epochs)


def trial_of(method: Method, split: Split, content: Content, kept: Kept | None = None, seed: int = 0) -> Trial:
    """The settings that are best on `valid`, and what they reach on `test`."""
    if kept is not None and (done := kept.read()) is not None:
        return done
    best = tuned(method, split, content, kept, seed)
    lists, hits, wanted = lists_of(best.recommender, split.given, split.known, split.test)
    state = best.recommender.state()
    trial = Trial(best.reached, best.score)
    for k in DEPTHS:
        trial.of_people |= {
            f"ndcg@{k}": measures.ndcg(hits, wanted, k),
            f"recall@{k}": measures.recall(hits, wanted, k),
            f"precision@{k}": measures.precision(hits, k),
            f"hit@{k}": measures.hit_rate(hits, k),
            f"mrr@{k}": measures.reciprocal_rank(hits, k),
        }
    counts, usual, vectors = beside(split)
    first = lists[:, : DEPTHS[0]]
    trial.of_people[f"novelty@{DEPTHS[0]}"] = measures.novelty(first, counts, len(split.train))
    trial.of_people[f"serendipity@{DEPTHS[0]}"] = measures.serendipity(lists, hits, usual, DEPTHS[0])
    trial.of_people[f"diversity@{DEPTHS[0]}"] = measures.diversity(first, vectors)
    trial.of_people |= _more(best.recommender, split, lists)
    trial.of_all = {
        f"coverage@{DEPTHS[0]}": measures.coverage(first, split.items),
        f"gini@{DEPTHS[0]}": measures.gini(first, split.items),
        "train-s": best.cost.seconds,
        "train-cpu-s": best.cost.cpu_seconds,
        "train-wh": best.cost.watt_hours,
        "parameters": float(parameters(state)),
        "kept-mb": megabytes(state),
        "request-ms": _request_ms(best.recommender, split),
    }
    if kept is not None:
        kept.write(trial)
    return trial


@lru_cache(maxsize=1)
def beside(split: Split) -> tuple[NDArray[np.int64], measures.Lists, Scores]:
    """What lists are judged by besides hits: how many chose each item, what popularity shows, and what is alike."""
    usual, _, _ = lists_of(Popularity().fit(split.train, split.items), split.given, split.known, split.test)
    return counts_of(split.train, split.items), usual, by_company(split.train, split.items)


def _more(recommender: Recommender, split: Split, lists: measures.Lists) -> dict[str, Floats]:
    """AUC, and what a slate of five earns: the method's own where it makes whole slates, its best five elsewhere."""
    people, wanted = new_wishes(split.known, split.test)
    ranked, slates = [], []
    for start in range(0, len(people), PEOPLE_AT_A_TIME):
        some = people[start : start + PEOPLE_AT_A_TIME]
        given = [split.given[person] for person in some]
        scores = recommender.score(given)
        ranked.append(measures.auc(scores, [split.known[at] for at in some], wanted[start : start + len(some)]))
        if isinstance(recommender, Slates):
            slates.append(recommender.slate([split.known[person] for person in some], SLATE))
    shown = np.concatenate(slates) if slates else lists[:, :SLATE]
    return {"auc": np.concatenate(ranked), f"slate-reward@{SLATE}": measures.list_reward(shown, wanted)}


def new_wishes(known: Sequence[Items], wanted: Sequence[Items]) -> tuple[list[int], list[Items]]:
    """The people for whom something is wanted that is not known, and what."""
    new = [np.setdiff1d(want, know) for want, know in zip(wanted, known, strict=True)]
    people = [person for person, want in enumerate(new) if len(want)]
    return people, [new[person] for person in people]


def lists_of(
    recommender: Recommender,
    given: Sequence[NDArray[np.int64]],
    known: Sequence[NDArray[np.int64]],
    wanted: Sequence[NDArray[np.int64]],
) -> tuple[measures.Lists, measures.Hits, NDArray[np.int64]]:
    """Lists, hits and how many were wanted, of the people for whom something is wanted that is not known."""
    people, new = new_wishes(known, wanted)
    if not people:
        raise PalateError("too_few_cases", "nobody is asked for anything new")
    lists, hits = [], []
    for start in range(0, len(people), PEOPLE_AT_A_TIME):
        some = people[start : start + PEOPLE_AT_A_TIME]
        scores = recommender.score([given[person] for person in some])
        pair = measures.top_lists(
            scores, [known[person] for person in some], new[start : start + len(some)], max(DEPTHS)
        )
        lists.append(pair[0])
        hits.append(pair[1])
    return np.concatenate(lists), np.concatenate(hits), np.array([len(want) for want in new])


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
        found |= {f"{name}/{metric}": Metric(value, (value, value), 1) for metric, value in trial.of_all.items()}
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
        row["train s"], row["request ms"] = f"{trial.of_all['train-s']:.2f}", f"{trial.of_all['request-ms']:.2f}"
        row["settings"] = ", ".join(f"{key} {value}" for key, value in flat(trial.settings).items())
        rows.append(row)
    return rows


def _scores(trials: Mapping[str, Trial]) -> list[dict[str, Any]]:
    """NDCG@10 by person, from which any interval can be made again."""
    return [
        {"method": name, f"ndcg@{TUNED_ON}": [round(float(value), 6) for value in trial.of_people[f"ndcg@{TUNED_ON}"]]}
        for name, trial in trials.items()
    ]


def flat(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings of a method's parts beside its own."""
    found: dict[str, str] = {}
    for key, value in settings.items():
        found |= flat(value) if isinstance(value, Mapping) else {key: f"{value:g}"}
    return found
