"""*Find* on GEMRec's real features: rankings of models for prompts nobody drew, against the really drawn pictures.

The target of a held-out prompt is the ranking of all models by the score of the pictures they really drew for it:
`<method>/spearman` and `/overlap@10` by the **GRE-Score** (all three parts, min-max over all models), the main one;
`<method>/spearman_clip` by the CLIP-Score. The methods see the specification prompts only:

    find        the predicted scores of `palate.find.words`
    neighbours  the same without the lean: the mean of the nearest prompts, weighted by text similarity
    mean        each model's mean score over the specification prompts
    popularity  downloads

`<a>-<b>/...` is the paired difference. `.../spearman_models` hides models instead: a fifth of them have pictures of the
specification prompts only, all others of every prompt, and the hidden ones are ranked among themselves. Ablations rank
by some of the three parts (`find:clip+mcos/spearman`), always against the real GRE ranking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric
from palate.find.cells import Cells
from palate.find.scores import GEMREC_WEIGHTS, clip_score, gre_score, mcos, norm_clip, norm_mcos, norm_pop, unit
from palate.find.specification import Specifications
from palate.find.unseen import predict
from palate.find.words import WordsHub, words_scores
from palate.importers.gemrec import Gemrec
from palate.metrics.ranking import overlap_at, spearman

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Splits = Sequence[tuple[Indices, Indices]]

TOP = 10
HIDDEN_SHARE = 0.2
PARTS = ("clip", "mcos", "popularity")
ABLATIONS = (
    *(("clip", "mcos", "popularity"), ("clip", "mcos"), ("clip", "popularity"), ("mcos", "popularity")),
    *(("clip",), ("mcos",), ("popularity",)),
)


@dataclass(frozen=True, eq=False)
class Hub:
    """GEMRec's arrays with their scores. P prompts, M models."""

    model_ids: tuple[str, ...]
    prompt_names: tuple[str, ...]
    families: tuple[str, ...]
    tags: tuple[str, ...]
    downloads: Floats
    pictures: NDArray[np.float32]
    """(P, M, d) unit rows"""
    words: NDArray[np.float32]
    """(P, d) unit rows"""
    clip: Floats
    """(P, M) norm_clip"""
    mcos: Floats
    popularity: Floats
    """(M,)"""

    @property
    def gre(self) -> Floats:
        return gre_score(self.clip, self.mcos, self.popularity)


@dataclass(frozen=True, eq=False)
class FindPart:
    """What the find part adds to the report; cases are one held-out prompt each."""

    metrics: Mapping[str, Metric]
    tables: Mapping[str, list[dict[str, Any]]]
    scores: list[dict[str, Any]]
    cases: int
    unscored: int
    learned: dict[int, WordsHub]
    """What each split's specification prompts taught."""


def hub_of(data: Gemrec) -> Hub:
    """The arrays of a GEMRec folder that holds features."""
    assert data.features is not None
    place = {prompt.name: at for at, prompt in enumerate(data.prompts)}
    rows = [place[name] for name in data.features.prompt_names]
    counts = {model.id: model.downloads for model in data.models}
    downloads = np.array([np.nan if counts[id] is None else counts[id] for id in data.features.model_ids], dtype=float)
    clip = clip_score(data.features.pictures, data.features.words)
    return Hub(
        model_ids=data.features.model_ids,
        prompt_names=data.features.prompt_names,
        families=tuple(data.families[row] for row in rows),
        tags=tuple(data.prompts[row].tag or "" for row in rows),
        downloads=downloads,
        pictures=unit(data.features.pictures).astype(np.float32),
        words=unit(data.features.words).astype(np.float32),
        clip=norm_clip(clip),
        mcos=norm_mcos(mcos(data.features.pictures)),
        popularity=norm_pop(downloads),
    )


def specifications_of(hub: Hub, prompts: Indices, hidden: Indices | None = None) -> Specifications:
    """What these prompts tell of all models; `hidden` models have no pictures of the other prompts, all others do."""
    models = len(hub.model_ids)
    shown = np.zeros((len(hub.words), models), dtype=bool)
    shown[prompts] = True
    if hidden is not None:
        shown[:, np.setdiff1d(np.arange(models), hidden)] = True
    prompt, model = np.nonzero(shown)
    return Specifications.build(
        hub.model_ids,
        model,
        hub.pictures[prompt, model],
        prompts=hub.words[prompt],
        prompt_ids=[hub.prompt_names[at] for at in prompt],
        downloads=hub.downloads.tolist(),
    )


def evaluate_find(hub: Hub, splits: Splits, *, seed: int = 0) -> FindPart:
    """All methods over all splits; intervals by resampling prompts."""
    cases: dict[str, list[float]] = {}
    prompts: list[int] = []
    hidden_cases: dict[str, list[float]] = {}
    hubs: dict[int, WordsHub] = {}
    for number, (known, asked) in enumerate(splits):
        learned = hubs[number] = WordsHub.learn(specifications_of(hub, known))
        for name, ranked in _methods(hub, learned, known, asked).items():
            _append(cases, f"{name}/spearman", spearman(ranked["gre"], hub.gre[asked]))
            _append(cases, f"{name}/overlap@{TOP}", overlap_at(ranked["gre"], hub.gre[asked], TOP))
            _append(cases, f"{name}/spearman_clip", spearman(ranked["clip"], hub.clip[asked]))
        for name, ranking in _ablations(hub, learned, asked):
            _append(cases, f"{name}/spearman", spearman(ranking, hub.gre[asked]))
        rng = np.random.default_rng([seed, number])
        for name, values in _hidden_models(hub, known, asked, rng).items():
            _append(hidden_cases, f"{name}/spearman_models", values)
        prompts += asked.tolist()
    metrics = _metrics(cases, prompts, seed) | _metrics(hidden_cases, prompts, seed)
    tables, rows = _tables(hub, cases, prompts, metrics), _score_rows(hub, cases, prompts)
    unscored = int(np.isnan(cases["find/spearman"]).sum())
    return FindPart(metrics, tables, rows, len(prompts), unscored, hubs)


def _methods(hub: Hub, learned: WordsHub, known: Indices, asked: Indices) -> dict[str, dict[str, Floats]]:
    """By method, the predicted rankings (T, M) for both targets."""
    find = words_scores(learned, hub.words[asked])
    flat = replace(learned.clip, lean=0.0)
    near = predict(learned.drawn, learned.drawn.norm_clip, hub.words[asked], flat)
    popular = np.nan_to_num(np.broadcast_to(hub.popularity, find.clip.shape), nan=0.0)
    return {
        "find": {"gre": find.gre(), "clip": find.clip},
        "neighbours": {"gre": gre_score(near, find.mcos, hub.popularity), "clip": near},
        "mean": {
            "gre": np.broadcast_to(hub.gre[known].mean(axis=0), find.clip.shape),
            "clip": np.broadcast_to(hub.clip[known].mean(axis=0), find.clip.shape),
        },
        "popularity": {"gre": popular, "clip": popular},
    }


def _ablations(hub: Hub, learned: WordsHub, asked: Indices) -> Iterator[tuple[str, Floats]]:
    """Rankings (T, M) by some of the parts, the published weights kept."""
    find = words_scores(learned, hub.words[asked])
    parts = {"clip": find.clip, "mcos": find.mcos, "popularity": np.broadcast_to(hub.popularity, find.clip.shape)}
    for used in ABLATIONS[1:]:
        weighted = [getattr(GEMREC_WEIGHTS, name) * np.nan_to_num(parts[name]) for name in used]
        yield f"find:{'+'.join(used)}", np.sum(weighted, axis=0)


def _hidden_models(hub: Hub, known: Indices, asked: Indices, rng: np.random.Generator) -> dict[str, Floats]:
    """Spearman among models whose pictures of the asked prompts were hidden, while all other models' were there."""
    count = max(round(len(hub.model_ids) * HIDDEN_SHARE), 2)
    hidden = np.sort(rng.choice(len(hub.model_ids), min(count, len(hub.model_ids)), replace=False)).astype(np.intp)
    learned = WordsHub.learn(specifications_of(hub, known, hidden))
    find = words_scores(learned, hub.words[asked])
    truth = hub.gre[np.ix_(asked, hidden)]
    means = _means_of(learned.drawn, hub, hidden)
    popular = np.nan_to_num(hub.popularity[hidden], nan=0.0)
    return {
        "find": spearman(find.gre()[:, hidden], truth),
        "mean": spearman(means, truth),
        "popularity": spearman(popular, truth),
    }


def _means_of(drawn: Cells, hub: Hub, models: Indices) -> Floats:
    """Each model's mean GRE-Score over what it drew."""
    scores = gre_score(drawn.norm_clip, drawn.norm_mcos, hub.popularity[drawn.model])
    size = len(hub.model_ids)
    means: Floats = np.bincount(drawn.model, scores, size) / np.maximum(np.bincount(drawn.model, minlength=size), 1)
    return means[models]


def _append(cases: dict[str, list[float]], name: str, values: Floats) -> None:
    cases.setdefault(name, []).extend(np.atleast_1d(values).tolist())


def _metrics(cases: Mapping[str, list[float]], prompts: Sequence[int], seed: int) -> dict[str, Metric]:
    """Every method's mean, and `find` minus every other; cases without an order are left out of both sides."""
    metrics: dict[str, Metric] = {}
    clusters = np.asarray(prompts)
    for name, listed in cases.items():
        values = np.asarray(listed)
        scored = ~np.isnan(values)
        if not scored.any():
            continue
        metrics[name] = bootstrap(values[scored], clusters=clusters[scored], seed=seed)
        method, measure = name.split("/")
        ours = np.asarray(cases.get(f"find/{measure}", listed))
        both = scored & ~np.isnan(ours)
        if method != "find" and both.any():
            difference = paired(ours[both], values[both], clusters=clusters[both], seed=seed)
            metrics[f"find-{method}/{measure}"] = difference
    return metrics


def _tables(
    hub: Hub, cases: Mapping[str, list[float]], prompts: Sequence[int], metrics: Mapping[str, Metric]
) -> dict[str, list[dict[str, Any]]]:
    """The methods, the ablations by tag, and what each score's best are like."""
    tags = np.array([hub.tags[prompt] for prompt in prompts])
    names = ["find", *(f"find:{'+'.join(used)}" for used in ABLATIONS[1:]), "mean", "popularity"]
    by_tag: list[dict[str, Any]] = []
    for tag in (*sorted(set(tags.tolist())), "all"):
        rows = np.ones(len(tags), dtype=bool) if tag == "all" else tags == tag
        row: dict[str, Any] = {"tag": tag, "prompts": int(rows.sum())}
        for name in names:
            values = np.asarray(cases[f"{name}/spearman"])[rows]
            row[name] = round(float(np.nanmean(values)), 3) if not np.isnan(values).all() else None
        by_tag.append(row)
    methods = [
        {
            "method": method,
            **{
                measure: _interval(metrics.get(f"{method}/{measure}"))
                for measure in ("spearman", f"overlap@{TOP}", "spearman_clip", "spearman_models")
            },
        }
        for method in ("find", "neighbours", "mean", "popularity")
    ]
    return {
        "Find: held-out prompts, agreement with the ranking by really drawn pictures": methods,
        "Find by tag: Spearman with the real GRE ranking": by_tag,
        f"What each score's {TOP} best pictures are like": _best_of(hub),
    }


def _best_of(hub: Hub) -> list[dict[str, Any]]:
    """Over all prompts, by the real scores: relevance, distinctiveness, popularity and variety of the ten best."""
    rankings = {"GRE-Score": hub.gre, "CLIP-Score": hub.clip, "mCos": hub.mcos}
    rankings["popularity"] = np.broadcast_to(np.nan_to_num(hub.popularity), hub.clip.shape)
    table = []
    for name, scores in rankings.items():
        top = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
        best = np.take_along_axis(hub.pictures, top[:, :, None], axis=1).astype(np.float64)
        count = top.shape[1]
        alike = (np.einsum("pmd,pnd->p", best, best) - count) / max(count * (count - 1), 1)
        table.append(
            {
                "by": name,
                "norm_clip": round(float(np.take_along_axis(hub.clip, top, axis=1).mean()), 3),
                "norm_mcos": round(float(np.take_along_axis(hub.mcos, top, axis=1).mean()), 3),
                "norm_pop": round(float(np.nanmean(hub.popularity[top])), 3),
                "alike": round(float(alike.mean()), 3),
            }
        )
    return table


def _interval(metric: Metric | None) -> str:
    return "" if metric is None else f"{metric.value:.3f} [{metric.ci95[0]:.3f}, {metric.ci95[1]:.3f}]"


def _score_rows(hub: Hub, cases: Mapping[str, list[float]], prompts: Sequence[int]) -> list[dict[str, Any]]:
    """One row a held-out prompt; a score that is not a number is missing, not zero."""
    return [
        {
            "scenario": "find",
            "prompt": hub.prompt_names[prompt],
            **{name: values[at] for name, values in cases.items() if not np.isnan(values[at])},
        }
        for at, prompt in enumerate(prompts)
    ]
