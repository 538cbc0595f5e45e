"""*Identify* on GEMRec's real features: who drew these 1 to 6 pictures, of prompts that no specification holds?

Per split, models are specified by their pictures of the specification prompts. A task is one to six pictures that one
model drew for task prompts, with the true prompts as captions (as fair to PMI as can be). Metrics are `<method>/top1@n`
to `/top5@n` and `/rank@n` for n pictures, ties counted against; `style-nocaption` sees the pictures alone; `<a>-<b>/..`
is the paired difference. Intervals resample models. Whatever a method tunes, it tunes on the specification side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.gemrec_find import Hub, Indices, Splits, specifications_of
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric
from palate.find.pmi import fit_mms, fit_pmi
from palate.find.rkme import fit_rkme
from palate.find.specification import Specifications
from palate.find.style import StyleIndex, fit_style

Floats = NDArray[np.float64]

METHODS = ("style", "style-nocaption", "pmi", "mms", "rkme", "popularity")
AGAINST = (("style", "pmi"), ("style", "mms"), ("style-nocaption", "pmi"), ("pmi", "mms"), ("pmi", "rkme"))
MOST_PICTURES = 6
DEPTHS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, eq=False)
class IdentifyPart:
    """What the identify part adds to the report; a case is one task."""

    metrics: Mapping[str, Metric]
    tables: Mapping[str, list[dict[str, Any]]]
    cases: int
    tuned: list[dict[str, float]]
    """What each split's methods chose for themselves."""
    styles: dict[int, StyleIndex] = field(default_factory=dict)
    """The index of each split."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """The true model's rank in every task, by method and number of pictures; and which model that is."""

    by_method: dict[tuple[str, int], list[Floats]] = field(default_factory=dict)
    models: dict[int, list[Indices]] = field(default_factory=dict)


def evaluate_identify(hub: Hub, splits: Splits, *, seed: int = 0, most_pictures: int = MOST_PICTURES) -> IdentifyPart:
    """Every method on every split's tasks."""
    ranks = Ranks()
    tuned, styles = [], {}
    for number, (known, asked) in enumerate(splits):
        specifications = specifications_of(hub, known)
        style = fit_style(specifications)
        scores, chosen = picture_scores(hub, asked, specifications, style)
        tuned.append(chosen)
        styles[number] = style
        rng = np.random.default_rng([seed, number])
        for count in range(1, min(most_pictures, len(asked)) + 1):
            tasks = picture_sets(len(asked), len(hub.model_ids), count, rng)
            models = np.tile(np.arange(len(hub.model_ids), dtype=np.intp), tasks.shape[1])
            ranks.models.setdefault(count, []).append(models)
            for method, table in scores.items():
                ranks.by_method.setdefault((method, count), []).append(true_ranks(table, tasks))
    cases = sum(len(models) for rows in ranks.models.values() for models in rows)
    metrics = _metrics(ranks, seed)
    return IdentifyPart(metrics, _tables(metrics, most_pictures), cases, tuned, styles)


def picture_scores(
    hub: Hub, asked: Indices, specifications: Specifications, style: StyleIndex
) -> tuple[dict[str, Floats], dict[str, float]]:
    """(T, M, M) by method: for each task prompt, the picture by each model, scored for every model; and what was tuned.

    Every method's score of several pictures is the mean of their scores, so pictures are scored once.
    """
    pictures = hub.pictures[asked]
    prompts, models, dim = pictures.shape
    rows, captions = pictures.reshape(-1, dim), np.repeat(hub.words[asked], models, axis=0)
    pmi, mms, rkme = fit_pmi(specifications), fit_mms(specifications), fit_rkme(specifications)
    downloads = np.where(np.isnan(hub.downloads), -1.0, hub.downloads)
    found = {
        "style": style.scores(style.queries(rows, captions)),
        "style-nocaption": style.scores(style.queries(rows)),
        "pmi": -pmi.distances(rows, captions),
        "mms": -mms.distances(rows),
        "rkme": rkme.picture_scores(rows),
        "popularity": np.broadcast_to(downloads, (len(rows), models)),
    }
    tables = {name: scores.reshape(prompts, models, models).astype(np.float64) for name, scores in found.items()}
    return tables, {"pmi_gamma": pmi.gamma, "mms_gamma": mms.gamma, "rkme_gamma": rkme.gamma}


def picture_sets(prompts: int, models: int, count: int, rng: np.random.Generator) -> Indices:
    """(M, T, count) as many sets of different task prompts for each model as there are task prompts."""
    if count == 1:
        return np.broadcast_to(np.arange(prompts)[None, :, None], (models, prompts, 1))
    return rng.random((models, prompts, prompts)).argsort(axis=2)[:, :, :count]


def true_ranks(scores: Floats, tasks: Indices) -> Floats:
    """(T * M,) the rank of each task's true model, ties against it. scores (T, M, M); tasks (M, T, count)."""
    models, sets, _ = tasks.shape
    own = np.arange(models)
    ranks = np.empty((sets, models))
    for task in range(sets):
        together = scores[tasks[:, task], own[:, None]].mean(axis=1)
        ranks[task] = (together >= together[own, own][:, None]).sum(axis=1)
    return ranks.ravel()


def _metrics(ranks: Ranks, seed: int) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    every = {key: np.concatenate(rows) for key, rows in ranks.by_method.items()}
    for (method, count), values in every.items():
        models = np.concatenate(ranks.models[count])
        for depth in DEPTHS:
            metrics[f"{method}/top{depth}@{count}"] = bootstrap(
                (values <= depth).astype(np.float64), clusters=models, seed=seed
            )
        metrics[f"{method}/rank@{count}"] = bootstrap(values, clusters=models, seed=seed)
    for better, worse in AGAINST:
        for count, rows in ranks.models.items():
            first, second = every[better, count], every[worse, count]
            models = np.concatenate(rows)
            hits = (first <= 1).astype(np.float64), (second <= 1).astype(np.float64)
            metrics[f"{better}-{worse}/top1@{count}"] = paired(*hits, clusters=models, seed=seed)
            metrics[f"{better}-{worse}/rank@{count}"] = paired(first, second, clusters=models, seed=seed)
    return metrics


def _tables(metrics: Mapping[str, Metric], most_pictures: int) -> dict[str, list[dict[str, Any]]]:
    """The paper's Tables 1 and 2, without FID, which needs pixels."""
    first = [
        {"method": method}
        | {f"top{depth}": metrics[f"{method}/top{depth}@1"].value for depth in DEPTHS}
        | {"rank": metrics[f"{method}/rank@1"].value}
        for method in METHODS
    ]
    second = [
        {"pictures": count} | {method: metrics[f"{method}/top1@{count}"].value for method in METHODS}
        for count in range(1, most_pictures + 1)
        if f"style/top1@{count}" in metrics
    ]
    return {"identify, one example picture": first, "identify, top-1 by number of example pictures": second}
