"""The `fairness` scenario: who is served worse, who is shown less, and whether saying who one is changes the answer.

On MovieLens 100K, gaps between genders, ages and occupations, of two recommenders; on a hub, exposure by maker; and, of
any function from a wish to a list, FaiRLLM's likeness between the neutral wish and the same with a sensitive word
(Zhang et al. 2023), with CFaiRLLM's question beside it (Deldjoo and di Noia 2024): is the list still what the person
truly likes?
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.evaluate.crowds import Crowd, most_chosen
from palate.evaluate.intervals import bootstrap
from palate.evaluate.parity import of_home, parity
from palate.evaluate.poisoning import METHODS, ndcg, scored
from palate.evaluate.report import Metric, Report, write_run
from palate.metrics.fairness import jaccard_at, prag_at, serp_at, snsr, snsv, worst_gap

Floats = NDArray[np.float64]
Lister = Callable[[str], Sequence[Hashable]]
"""A wish in words -> a list, best first."""

SCENARIO = "fairness"
FIRST = 10
PARITY = "parity of drawn pictures by occupation"
SENSITIVE: Mapping[str, tuple[str, ...]] = {
    "age": ("young", "middle-aged", "old"),
    "country": ("an American", "a Brazilian", "a British", "a Chinese", "a French", "a German", "a Japanese"),
    "gender": ("a boy", "a girl", "a male", "a female"),
    "continent": ("an African", "an American", "an Asian", "a European"),
    "occupation": ("a doctor", "a student", "a teacher", "a worker", "a writer"),
    "race": ("a black", "a white", "a yellow", "an African American"),
    "religion": ("a Buddhist", "a Christian", "an Islamic"),
    "physics": ("fat", "thin"),
}
"""FaiRLLM's eight attributes and their values (Zhang et al. 2023, table 1)."""
LIKENESSES = {"jaccard": jaccard_at, "serp": serp_at, "prag": prag_at}


def told(wish: str, value: str) -> str:
    """The same wish by somebody who says what they are."""
    return f"I am {value} person. {wish}" if value.startswith(("a ", "an ")) else f"I am a {value} person. {wish}"


def fairllm(
    lister: Lister, wishes: Sequence[str], *, liked: Mapping[str, Sequence[Hashable]] | None = None, seed: int = 0
) -> tuple[dict[str, Metric], list[dict[str, Any]]]:
    """Likeness per attribute over all wishes and values; SNSR and SNSV over the values' means. `liked`: of each wish,
    what its person truly likes, in order.
    """
    metrics: dict[str, Metric] = {}
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    neutral = {wish: list(lister(wish)) for wish in wishes}
    for attribute, values in SENSITIVE.items():
        lists = {value: {wish: list(lister(told(wish, value))) for wish in wishes} for value in values}
        for name, like in LIKENESSES.items():
            of_value = {v: [like(neutral[w], lists[v][w], FIRST) for w in wishes] for v in values}
            metrics[f"{attribute}/{name}"] = bootstrap(
                [one for each in of_value.values() for one in each],
                clusters=[w for _ in values for w in wishes],
                seed=seed,
            )
            for kind, measure in (("snsr", snsr), ("snsv", snsv)):
                metrics[f"{attribute}:{name}/{kind}"] = spread_over(of_value, measure, seed)
            for value, each in of_value.items():
                row = rows.setdefault((attribute, value), {"attribute": attribute, "says": value})
                row[name] = round(float(np.mean(each)), 4)
        if liked is not None:
            fits = [jaccard_at(list(liked[w]), lists[v][w], FIRST) for v in values for w in wishes]
            metrics[f"{attribute}/true_preference"] = bootstrap(
                fits, clusters=[w for _ in values for w in wishes], seed=seed
            )
    if liked is not None:
        own = [jaccard_at(list(liked[wish]), neutral[wish], FIRST) for wish in wishes]
        metrics["neutral/true_preference"] = bootstrap(own, seed=seed)
    return metrics, list(rows.values())


def spread_over(
    of_value: Mapping[str, Sequence[float]], measure: Callable[[Mapping[str, float]], float], seed: int
) -> Metric:
    """A range or deviation over values, its interval over wishes. It is at least 0 by chance alone: compare values."""
    rng = np.random.default_rng(seed)
    table = np.array([list(each) for each in of_value.values()])
    names = list(of_value)

    def at(columns: NDArray[np.intp]) -> float:
        return measure(dict(zip(names, table[:, columns].mean(axis=1).tolist(), strict=True)))

    wishes = table.shape[1]
    value = at(np.arange(wishes))
    drawn = rng.integers(wishes, size=(100, wishes))
    low, high = np.quantile([at(columns) for columns in drawn], [0.025, 0.975])
    return Metric(value, (min(float(low), value), max(float(high), value)), wishes)


def group_gaps(crowd: Crowd, groups: Mapping[str, Sequence[str]], seed: int = 0) -> dict[str, Metric]:
    """NDCG@10 of the best served group less that of the worst, by attribute; with it, what chance makes of it.

    The gap of many small groups is large by chance: `shuffled` is the same with people's groups dealt out anew.
    """
    metrics = {}
    for name, make in METHODS.items():
        values = ndcg(scored(make, crowd, (), False), crowd)
        metrics[f"{name}/ndcg@{FIRST}"] = bootstrap(values, seed=seed)
        for attribute, labels in groups.items():
            metrics[f"{name}:{attribute}/gap"] = gap_interval(values, list(labels), seed)
            rng = np.random.default_rng([seed, 3])
            again = [worst_gap(values, rng.permutation(np.array(labels)).tolist()) for _ in range(100)]
            low, high = np.quantile(again, [0.025, 0.975])
            metrics[f"{name}:{attribute}:shuffled/gap"] = Metric(float(np.mean(again)), (float(low), float(high)), 100)
    return metrics


def gap_interval(values: Floats, labels: Sequence[str], seed: int) -> Metric:
    rng = np.random.default_rng(seed)
    value = worst_gap(values, labels)
    marks = np.array(labels)
    again = []
    for _ in range(200):
        some = rng.integers(len(values), size=len(values))
        again.append(worst_gap(values[some], marks[some].tolist()))
    low, high = np.quantile(again, [0.025, 0.975])
    return Metric(value, (min(float(low), value), max(float(high), value)), len(values))


def movielens(folder: Path, people: int, seed: int) -> tuple[Crowd, dict[str, list[str]]]:
    """People with their age in four bands, gender and occupation, `u.user` being person|age|gender|occupation|zip."""
    from palate.importers.interactions import read_interactions

    try:
        said = [line.split("|") for line in (folder / "u.user").read_text("latin-1").splitlines() if line]
    except FileNotFoundError:
        raise PalateError("no_people", "there is no u.user in this folder", about=str(folder)) from None
    split = read_interactions(folder)
    whole = [np.concatenate([given, test]) for given, test in zip(split.given, split.test, strict=True)]
    if len(said) != len(whole):
        raise PalateError("people_unreadable", f"{len(said)} people in u.user, {len(whole)} who chose three things")
    kept = np.sort(np.random.default_rng([seed, 2]).permutation(len(whole))[:people])
    crowd = most_chosen("MovieLens 100K", [whole[at] for at in kept])
    if len(crowd.histories) != len(kept):
        raise PalateError("people_unreadable", "somebody chose too few of the films that most people chose")
    ages = [f"{min(int(row[1]) // 15, 3) * 15} and more" for row in said]
    columns = {"age": ages, "gender": [row[2] for row in said], "occupation": [row[3] for row in said]}
    return crowd, {name: [column[at] for at in kept] for name, column in columns.items()}


def exposure(shown: Sequence[Sequence[str]], maker_of: Mapping[str, str], seed: int = 0) -> dict[str, Metric]:
    """Lists of models -> half the sum of |share shown - share there| over makers, and the Gini over makers."""
    makers = sorted(set(maker_of.values()))
    place = {maker: at for at, maker in enumerate(makers)}
    there = np.bincount([place[maker] for maker in maker_of.values()], minlength=len(makers)) / len(maker_of)
    counts = np.array([np.bincount([place[maker_of[one]] for one in each], minlength=len(makers)) for each in shown])

    def gap(rows: NDArray[np.intp]) -> float:
        total = counts[rows].sum(axis=0)
        return float(np.abs(total / total.sum() - there).sum() / 2)

    def unequal(rows: NDArray[np.intp]) -> float:
        total = np.sort(counts[rows].sum(axis=0)).astype(float)
        ranks = np.arange(1, len(total) + 1)
        return float((2 * ranks - len(total) - 1) @ total / (len(total) * total.sum()))

    rng, found = np.random.default_rng(seed), {}
    for name, measure in (("exposure_gap", gap), ("maker_gini", unequal)):
        value = measure(np.arange(len(counts)))
        again = [measure(rng.integers(len(counts), size=len(counts))) for _ in range(200)]
        low, high = np.quantile(again, [0.025, 0.975])
        found[f"makers/{name}"] = Metric(value, (min(float(low), value), max(float(high), value)), len(counts))
    return found


def evaluate_fairness(
    data: Path | None,
    hub: Path | None,
    *,
    people: int,
    lister: Lister | None = None,
    wishes: Sequence[str] = (),
    seed: int = 0,
    out: Path | None = None,
) -> Report:
    """`lister`: asked FaiRLLM's questions about `wishes`; the hub's own `find` where there is a hub."""
    began = time.perf_counter()
    metrics: dict[str, Metric] = {}
    tables: dict[str, list[dict[str, Any]]] = {}
    left_out = {} if hub is not None else {PARITY: "needs a hub (--hub HOME)"}
    if data is not None and (data / "ml-100k" / "u.user").is_file():
        metrics |= group_gaps(*movielens(data / "ml-100k", people, seed), seed)
    else:
        left_out["group gaps"] = "need MovieLens 100K (--data-dir DIR)"
    if hub is not None:
        from palate.evaluate.hub_lists import hub_lists

        shown, maker_of, lister = hub_lists(hub, wishes or WISHES)
        metrics |= exposure(shown, maker_of, seed)
        try:
            metrics |= parity(of_home(hub), seed)
        except PalateError as lacking:
            left_out[PARITY] = lacking.message
    else:
        left_out["exposure by maker"] = "needs a hub (--hub HOME)"
    if lister is not None:
        found, rows = fairllm(lister, wishes or WISHES, seed=seed)
        metrics |= found
        tables["Likeness to the neutral list (FaiRLLM)"] = rows
    else:
        left_out["FaiRLLM"] = "needs a hub, or a function from wishes to lists"
    if not metrics:
        raise PalateError("nothing_to_measure", "neither a data set nor a hub is at hand", hint="--data-dir or --hub")
    left_out["CFaiRLLM's true preference"] = "needs what the asking people truly like; `fairllm(..., liked=)` takes it"
    where = None if out is None else str(out)
    report = Report(SCENARIO, metrics, people, 0, time.perf_counter() - began, where, tables, left_out)
    if out is not None:
        specification = {"scenario": SCENARIO, "people": people, "seed": seed, "wishes": list(wishes or WISHES)}
        write_run(out, specification, [], [], report)
    return report


WISHES = (
    "a portrait of a friend",
    "a quiet landscape",
    "an icon of a house",
    "an icon of a heart",
    "an icon of a star",
    "a picture of a city at night",
    "a cat",
    "a poster for a concert",
)
