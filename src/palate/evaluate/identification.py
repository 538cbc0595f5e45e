"""The CGI benchmark on any hub: models draw specification and task pictures, and each task asks who drew it.

The paper's construction: 61 specification prompts; 14 other prompts drawn with 10 seeds by every model, each picture a
task; captions by the captioner (the true prompts where there is none: the report says so). With n pictures, a task's
others are pictures of the same model for other task prompts. The FID is between the task pictures and what the
identified models drew for the same prompts and seeds, over this home's own encoder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.catalogue import pictures as picture_rows
from palate.catalogue import vectors
from palate.catalogue.home import Home
from palate.catalogue.records import Model, Prompt, digest, spoken
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric, Report, write_run
from palate.find.pmi import fit_mms, fit_pmi
from palate.find.rkme import fit_rkme
from palate.find.specification import Specifications
from palate.find.style import fit_style
from palate.metrics.pictures import Moments, frechet_of_moments, moments_of, symmetric_root
from palate.metrics.ranking import target_rank
from palate.settings import Settings
from palate.specify import ordering, orders
from palate.specify.drawing import Progress, nothing
from palate.specify.encoding import encode_missing, open_all, open_stored, space_of

if TYPE_CHECKING:
    from PIL import Image

    from palate.encoders.protocol import Encoder
    from palate.writers.protocol import Captioner

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
Place = tuple[int, int, int]
"""Model, task prompt, seed."""
Show = Callable[[Sequence[Place]], "list[Image.Image]"]
METHODS = ("popularity", "rkme", "mms", "pmi", "style", "style-nocaption")
MOST_PICTURES = 6
FID_DRAWS = 20


@dataclass(frozen=True, eq=False)
class Benchmark:
    """What was drawn and encoded. M models, P specification prompts, T task prompts, S seeds."""

    models: tuple[Model, ...]
    known: Specifications
    tasks: Vectors
    """(M, T, S, d)"""
    captions: Vectors
    """(M, T, S, d)"""
    captioned_by: str
    unscored: int = 0
    show: Show | None = None
    """Draws or opens task pictures, for people and for a judge that looks at them."""
    asked: tuple[str, ...] = ()
    """(T,) the task prompts' words."""

    @property
    def cases(self) -> int:
        return int(np.prod(self.tasks.shape[:3]))


@dataclass(frozen=True, slots=True)
class Construction:
    """How many of what; the defaults are the paper's."""

    seeds: int = 10
    prompts: tuple[Prompt, ...] = field(default_factory=orders.default_prompts)
    tasks: tuple[Prompt, ...] = field(default_factory=orders.task_prompts)


def evaluate_identification(
    home: Home,
    settings: Settings,
    encoder: Callable[[], Encoder],
    construction: Construction,
    *,
    captioner: Captioner | None = None,
    executor: str = "serial",
    folder: Path | None = None,
    progress: Progress = nothing,
) -> Report:
    """Draw what is missing, encode, identify by every method, and write the run; into the home's runs by default."""
    started = time.perf_counter()
    benchmark = build(home, settings, encoder(), construction, captioner, executor, progress)
    about = {"prompts": [prompt.text for prompt in construction.prompts], "seeds": construction.seeds}
    return report_of(benchmark, about, folder or home.runs / time.strftime("identification-%Y%m%d-%H%M%S"), started)


def report_of(benchmark: Benchmark, about: Mapping[str, Any], folder: Path | None, started: float) -> Report:
    """Every method on what was drawn; the run goes into `folder`, where one is named."""
    rows = {name: method_rows(name, benchmark) for name in METHODS}
    metrics, cases, tables = measure(benchmark, rows)
    report = Report(
        "identification",
        metrics,
        benchmark.cases,
        benchmark.unscored,
        time.perf_counter() - started,
        None if folder is None else str(folder),
        tables,
    )
    specification = {
        **about,
        "models": [model.id for model in benchmark.models],
        "tasks": list(benchmark.asked),
        "encoder": benchmark.known.encoder_id,
        "captions": benchmark.captioned_by,
    }
    if folder is not None:
        write_run(folder, specification, cases[0], cases[1], report)
    return report


def build(
    home: Home,
    settings: Settings,
    encoder: Encoder,
    construction: Construction,
    captioner: Captioner | None,
    executor: str,
    progress: Progress,
) -> Benchmark:
    """Every model draws its specification and its tasks; a model that cannot is left out and counted."""
    shared = {prompt.id for prompt in construction.prompts} & {prompt.id for prompt in construction.tasks}
    if shared:
        raise PalateError("prompts_overlap", f"{len(shared)} prompts are both specification and task")
    able, everything = ordering.able_models(home, None)
    with home.writing():
        drawers = ordering.with_full_hashes(home, able)
        wanted = ordering.wanted_settings(settings)
        plans = (
            orders.Plan(tuple(drawers), construction.prompts, 1, wanted),
            orders.Plan(tuple(drawers), construction.tasks, construction.seeds, wanted),
        )
        keys = [[task.key for task in orders.tasks_of(plan, everything)] for plan in plans]
        work = [task for plan in plans for task in orders.tasks_of(plan, everything)]
        ordering.run_tasks(
            home, settings, {"what": "identification"}, work, everything, executor=executor, progress=progress
        )
        encode_missing(home, encoder, progress=progress)
    return _gather(home, space_of(encoder), encoder, drawers, construction, keys, captioner)


def _gather(
    home: Home,
    space: Space,
    encoder: Encoder,
    drawers: Sequence[Model],
    construction: Construction,
    keys: Sequence[Sequence[str]],
    captioner: Captioner | None,
) -> Benchmark:
    models, prompts, tasks = len(drawers), len(construction.prompts), len(construction.tasks)
    with home.read() as connection:
        drawn = picture_rows.of_drawings(connection, [digest("drawing", key) for part in keys for key in part])
        ids, rows = vectors.load(connection, space, "picture", sorted(set(drawn.values())))
    place = {id: row for row, id in enumerate(ids)}

    def row_of(key: str) -> int:
        return place.get(drawn.get(digest("drawing", key), ""), -1)

    spec = np.array([row_of(key) for key in keys[0]]).reshape(models, prompts)
    task = np.array([row_of(key) for key in keys[1]]).reshape(models, tasks, construction.seeds)
    whole = (spec >= 0).all(axis=1) & (task >= 0).all(axis=(1, 2))
    if whole.sum() < 2:
        raise PalateError("too_few_models", "fewer than two models drew all that was asked", hint="see `palate models`")
    kept = np.flatnonzero(whole).tolist()
    words = encoder.encode_words([spoken(prompt.text) for prompt in construction.prompts])
    asked = encoder.encode_words([spoken(prompt.text) for prompt in construction.tasks])
    captions = np.broadcast_to(asked[None, :, None], (len(kept), tasks, construction.seeds, space.dim))
    said = "the true prompts (no captioner is set)"
    if captioner is not None:
        captions, said = _captioned(home, encoder, captioner, [ids[row] for row in task[kept].ravel()]), captioner.name
    known = Specifications.build(
        [drawers[m].id for m in kept],
        np.repeat(np.arange(len(kept)), prompts),
        rows[spec[kept].ravel()],
        prompts=np.tile(words, (len(kept), 1)),
        prompt_ids=[prompt.id for prompt in construction.prompts] * len(kept),
        downloads=[_downloads(drawers[m]) for m in kept],
        encoder_id=space.id,
    )
    kept_tasks = task[kept]

    def show(places: Sequence[Place]) -> list[Image.Image]:
        return [open_stored(home, ids[kept_tasks[place]]) for place in places]

    return Benchmark(
        tuple(drawers[m] for m in kept),
        known,
        rows[kept_tasks],
        captions.reshape(len(kept), tasks, construction.seeds, -1),
        said,
        int((~whole).sum()) * tasks * construction.seeds,
        show,
        tuple(prompt.text for prompt in construction.tasks),
    )


def _downloads(model: Model) -> float | None:
    return None if model.downloads is None else float(model.downloads)


def _captioned(home: Home, encoder: Encoder, captioner: Captioner, ids: Sequence[str]) -> Vectors:
    texts: list[str] = []
    for start in range(0, len(ids), 64):
        opened = [one for one in open_all(home, ids[start : start + 64]) if not isinstance(one, PalateError)]
        texts += captioner.caption(opened)
    return encoder.encode_words(texts)


def method_rows(name: str, benchmark: Benchmark) -> Floats:
    """(cases, M) what each task picture alone says of each model, higher is better; several pictures are the mean."""
    known, d = benchmark.known, benchmark.tasks.shape[-1]
    asked, captions = benchmark.tasks.reshape(-1, d), benchmark.captions.reshape(-1, d)
    if name == "popularity":
        counts = np.nan_to_num(known.downloads, nan=-1.0)
        return np.broadcast_to(counts, (len(asked), len(counts)))
    if name == "pmi":
        return np.asarray(-fit_pmi(known).distances(asked, captions), dtype=np.float64)
    if name == "mms":
        return np.asarray(-fit_mms(known).distances(asked), dtype=np.float64)
    if name == "rkme":
        return np.asarray(fit_rkme(known).picture_scores(asked), dtype=np.float64)
    index = fit_style(known)
    queries = index.queries(asked, captions if name == "style" else None)
    return index.scores(queries).astype(np.float64)


def picture_sets(shape: Sequence[int], count: int, seed: int = 0) -> NDArray[np.intp]:
    """(cases, count) positions of the pictures each task shows: its own, then the model's for other task prompts."""
    models, tasks, seeds = shape
    rng = np.random.default_rng(seed)
    sets = np.empty((models, tasks, seeds, count), dtype=np.intp)
    for model, task, drawn in np.ndindex(models, tasks, seeds):
        others = rng.permutation(np.setdiff1d(np.arange(tasks), task))[: count - 1]
        picked = [model * tasks * seeds + int(other) * seeds + int(rng.integers(seeds)) for other in others]
        sets[model, task, drawn] = [model * tasks * seeds + task * seeds + drawn, *picked]
    return sets.reshape(-1, count)


def measure(
    benchmark: Benchmark, rows: Mapping[str, Floats]
) -> tuple[dict[str, Metric], tuple[list[dict[str, Any]], list[dict[str, Any]]], dict[str, list[dict[str, Any]]]]:
    """Top-k, mean rank and FID for one to six pictures, each with its interval over models; ties count against."""
    shape = (len(benchmark.models), benchmark.tasks.shape[1], benchmark.tasks.shape[2])
    truth = np.repeat(np.arange(shape[0]), shape[1] * shape[2])
    clusters = truth
    metrics: dict[str, Metric] = {}
    hits: dict[tuple[str, int], Floats] = {}
    scores: list[dict[str, Any]] = []
    distances = Distances(benchmark)
    for count in range(1, min(MOST_PICTURES, shape[1]) + 1):
        sets = picture_sets(shape, count)
        for name, table in rows.items():
            summed = table[sets].mean(axis=1)
            rank = target_rank(summed, truth)
            for k in range(1, 6):
                metrics[f"{name}/top{k}@{count}"] = bootstrap(rank <= k, clusters=clusters)
            metrics[f"{name}/rank@{count}"] = bootstrap(rank, clusters=clusters)
            hits[name, count] = (rank <= 1).astype(np.float64)
            named = summed.argmax(axis=1)
            metrics[f"{name}/fid@{count}"] = distances.of(named)
            scores.append({"method": name, "pictures": count, "ranks": rank.tolist(), "named": named.tolist()})
            of_model = {kind: per_model(one, shape[0]) for kind, one in (("top1", rank <= 1), ("rank", rank))}
            scores.append({"method": name} | {f"{kind}@{count}": one for kind, one in of_model.items()})
        metrics[f"style-pmi/top1@{count}"] = paired(hits["style", count], hits["pmi", count], clusters=clusters)
    cases = [
        {"case": case, "model": benchmark.models[m].id, "task": t, "seed": s}
        for case, (m, t, s) in enumerate(np.ndindex(*shape))
    ]
    return metrics, (cases, scores), tables_of(metrics, benchmark)


def per_model(values: NDArray[Any], models: int) -> list[float]:
    """(models,) means: what runs are compared by, since one model's cases are not independent."""
    means: list[float] = np.asarray(values, dtype=np.float64).reshape(models, -1).mean(axis=1).round(6).tolist()
    return means


class Distances:
    """FID between all task pictures and the named models' of the same prompts and seeds; intervals over models.

    Resampled models are sums of each model's moments, and the task pictures' side is the same for every method.
    """

    def __init__(self, benchmark: Benchmark) -> None:
        models, tasks, seeds, d = benchmark.tasks.shape
        self.grid = benchmark.tasks.reshape(models, tasks * seeds, d).astype(np.float64)
        rng = np.random.default_rng(0)
        drawn = [np.bincount(rng.choice(models, size=models), minlength=models) for _ in range(FID_DRAWS)]
        self.weights = [np.ones(models, dtype=np.intp), *drawn]
        asked = moments_of(self.grid)
        self.asked = [Moments.of(asked, each) for each in self.weights]
        self.roots = [symmetric_root(each.covariance) for each in self.asked]

    def of(self, chosen: NDArray[np.intp]) -> Metric:
        models, each, _ = self.grid.shape
        answered = moments_of(self.grid[chosen, np.tile(np.arange(each), models)].reshape(self.grid.shape))
        value, *again = [
            frechet_of_moments(asked, Moments.of(answered, weights), root)
            for asked, weights, root in zip(self.asked, self.weights, self.roots, strict=True)
        ]
        low, high = np.percentile(again, [2.5, 97.5])
        return Metric(value, (min(float(low), value), max(float(high), value)), models * each)


def tables_of(metrics: Mapping[str, Metric], benchmark: Benchmark) -> dict[str, list[dict[str, Any]]]:
    """The paper's Tables 1 to 3 for this hub; its 4 and 5 are the same with the default prompts, as these are."""
    shown = [name for name in METHODS if f"{name}/top1@1" in metrics]
    counts = [count for count in range(1, MOST_PICTURES + 1) if f"pmi/top1@{count}" in metrics]
    first = [
        {
            "method": name,
            **{f"top-{k}": _percent(metrics[f"{name}/top{k}@1"]) for k in range(1, 6)},
            "mean rank": round(metrics[f"{name}/rank@1"].value, 3),
            "FID": round(metrics[f"{name}/fid@1"].value, 4),
        }
        for name in shown
    ]
    second = [
        {
            "pictures": count,
            **{f"{name} top-1": _percent(metrics[f"{name}/top1@{count}"]) for name in shown},
            **{
                f"{name} FID": round(metrics[f"{name}/fid@{count}"].value, 4) for name in ("popularity", "pmi", "style")
            },
        }
        for count in counts
    ]
    third = [
        {
            "model matching space": space,
            "task-specific matching": matching,
            "FID": round(metrics[f"{name}/fid@1"].value, 4),
            "top-1": _percent(metrics[f"{name}/top1@1"]),
            "mean rank": round(metrics[f"{name}/rank@1"].value, 3),
        }
        for name, space, matching in (("rkme", "", ""), ("mms", "yes", ""), ("pmi", "yes", "yes"))
    ]
    said = f"captions: {benchmark.captioned_by}"
    return {
        f"Table 1: one picture, {len(benchmark.models)} models; {said}": first,
        "Table 2: one to six pictures": second,
        "Table 3: what each part adds": third,
    }


def _percent(metric: Metric) -> str:
    return f"{100 * metric.value:.1f} %"


def construction_of(seeds: int, prompts: Path | None, tasks: Path | None) -> Construction:
    return Construction(
        seeds,
        orders.read_prompts(prompts) if prompts else orders.default_prompts(),
        orders.read_prompts(tasks) if tasks else orders.task_prompts(),
    )
