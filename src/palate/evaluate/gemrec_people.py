"""GEMRec's open questions with made people: two stages against one, all models against some, and domain by domain.

A made person likes a picture for how well it keeps to the words and for its look, in a mixture of their own:
liking = w z(CLIP-Score) + sqrt(1 - w^2) z(h . look), w uniform, h a direction in the eight that set models most apart,
z over the models of a prompt. Looking at a picture, they see their liking with noise of half a standard deviation.

    single-stage:<score>   the model that a score puts first; nobody looks
    two-stage:<score>      the score's first k are looked at, and the person takes the best
    dice                   k models by chance are looked at
    full                   every model's picture is looked at

`pleased@k` is the share of the models that the person truly likes less than the one they end with, 0.5 by chance;
`carried@k` the same for another prompt, with the model that was taken for this one. People are made: which way is
better for the effort can be learned from them, not how pleased anybody would be.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.evaluate.gemrec_find import Hub as Gemrec
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric, Report, write_run
from palate.find.scores import clip_score, gre_score, mcos, norm_clip, norm_mcos, norm_pop
from palate.metrics.picture_sets import vendi

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
LOOKS = 8
"""Directions of look that people differ in."""
NOISE = 0.5
SHORT = (2, 4, 8, 16, 32)
SHOWN = 8
"""Pictures of a shortlist wherever one length is named."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Every model's picture of every prompt. P prompts, M models."""

    name: str
    tags: tuple[str, ...]
    """(P,)"""
    pictures: NDArray[np.float32]
    """(P, M, d) unit rows"""
    clip: Floats
    """(P, M) norm_clip"""
    mcos: Floats
    popularity: Floats
    """(M,)"""

    @property
    def scores(self) -> dict[str, Floats]:
        """(P, M) each: GEMRec's ensemble and its parts, an unknown popularity last."""
        popular = np.broadcast_to(np.nan_to_num(self.popularity, nan=-1.0), self.clip.shape)
        gre = gre_score(self.clip, self.mcos, self.popularity)
        return {"gre": gre, "clip": self.clip, "mcos": self.mcos, "popularity": popular}


def of_gemrec(hub: Gemrec) -> Grid:
    return Grid("gemrec", hub.tags, hub.pictures, hub.clip, hub.mcos, hub.popularity)


def of_home(folder: Path) -> Grid:
    """The prompts that most models of a home drew, and the models that drew them all."""
    from palate.catalogue import pictures as picture_rows
    from palate.catalogue.home import Home
    from palate.find.loading import load_specifications
    from palate.find.requirement import space_of_home
    from palate.settings import read

    home = Home.open(folder)
    try:
        space = space_of_home(home, read(folder).encoder)
        with home.read() as connection:
            known, _ = load_specifications(connection, space)
            said = picture_rows.prompts(connection, sorted(set(known.prompt_ids) - {""}))
    finally:
        home.close()
    ids = sorted({id for id, drawn in zip(known.prompt_ids, known.has_prompt, strict=True) if drawn})
    place = {id: at for at, id in enumerate(ids)}
    rows = np.full((len(ids), len(known.model_ids)), -1, dtype=np.intp)
    for row, (model, id) in enumerate(zip(known.model_index.tolist(), known.prompt_ids, strict=True)):
        if id in place:
            rows[place[id], model] = row
    chosen = densest(rows >= 0)
    if chosen is None:
        raise PalateError("no_grid", "no four models of this hub drew the same four prompts", about=str(folder))
    prompts, models = chosen
    table = rows[np.ix_(prompts, models)]
    pictures, words = known.pictures[table], known.prompts[table[:, 0]]
    tags = tuple(said[ids[at]].tag or "other" if ids[at] in said else "other" for at in prompts.tolist())
    downloads = known.downloads[models]
    return Grid(
        "hub",
        tags,
        pictures,
        norm_clip(clip_score(pictures, words)),
        norm_mcos(mcos(pictures)),
        norm_pop(downloads) if np.isfinite(downloads).any() else np.full(len(models), np.nan),
    )


def densest(drawn: NDArray[np.bool_], least: int = 4) -> tuple[Indices, Indices] | None:
    """(P, M) who drew what -> prompts and models of the largest full table, prompts that most drew coming first."""
    order = np.argsort(-drawn.sum(axis=1), kind="stable")
    best: tuple[int, Indices, Indices] | None = None
    for count in range(least, len(order) + 1):
        prompts = order[:count]
        models = np.flatnonzero(drawn[prompts].all(axis=0))
        if len(models) >= least and (best is None or count * len(models) > best[0]):
            best = (count * len(models), np.sort(prompts), models)
    return None if best is None else best[1:]


def standard(values: Floats) -> Floats:
    """z over the last axis; 0 where all are equal."""
    spread = values.std(axis=-1, keepdims=True)
    found: Floats = np.where(spread > 1e-12, (values - values.mean(axis=-1, keepdims=True)) / spread.clip(1e-12), 0.0)
    return found


def looks_of(pictures: NDArray[np.float32], wide: int = LOOKS) -> Floats:
    """(P, M, wide): what a picture has beyond its prompt's mean, where that varies most, of unit spread."""
    apart = (pictures - pictures.mean(axis=1, keepdims=True)).astype(np.float64)
    flat = apart.reshape(-1, apart.shape[-1])
    _, directions = np.linalg.eigh(flat.T @ flat)
    found = apart @ directions[:, ::-1][:, :wide]
    spread: Floats = found / found.std(axis=(0, 1)).clip(1e-12)
    return spread


def likings(grid: Grid, people: int, seed: int) -> Floats:
    """(people, P, M)"""
    rng = np.random.default_rng([seed, 21])
    looks = looks_of(grid.pictures)
    heads = rng.standard_normal((people, looks.shape[-1]))
    heads /= np.linalg.norm(heads, axis=1, keepdims=True)
    words = rng.uniform(size=people)[:, None, None]
    by_look = standard(np.einsum("pmk,nk->npm", looks, heads))
    return standard(words * standard(grid.clip)[None] + np.sqrt(1 - words**2) * by_look)


def pleased(liked: Floats, taken: Indices) -> Floats:
    """(n, P, M) and (n, P) -> the share of the other models that are liked less, ties half."""
    own = np.take_along_axis(liked, taken[..., None], axis=-1)
    below = (liked < own).sum(axis=-1) + ((liked == own).sum(axis=-1) - 1) / 2
    found: Floats = below / (liked.shape[-1] - 1)
    return found


def taken_of(seen: Floats, order: Indices, count: int) -> Indices:
    """Of the first `count` of an order (P, M) or (n, P, M), the one that looks best to each person (n, P, M)."""
    short = np.broadcast_to(order, seen.shape)[..., :count]
    best = np.take_along_axis(seen, short, axis=-1).argmax(axis=-1)
    found: Indices = np.take_along_axis(short, best[..., None], axis=-1)[..., 0]
    return found


def evaluate_people(
    grid: Grid, people: int = 100, seed: int = 0
) -> tuple[dict[str, Metric], dict[str, list[dict[str, Any]]]]:
    """Metrics and tables; a case is a person and a prompt, intervals are over people."""
    rng = np.random.default_rng([seed, 22])
    liked = likings(grid, people, seed)
    seen = liked + NOISE * rng.standard_normal(liked.shape)
    orders: dict[str, Indices] = {
        name: np.argsort(-score, axis=-1, kind="stable") for name, score in grid.scores.items()
    }
    dice = np.argsort(rng.random(liked.shape), axis=-1)
    models = liked.shape[-1]
    counts = [count for count in SHORT if count < models]
    taken: dict[str, Indices] = {"full": taken_of(seen, dice, models)}
    for name, order in orders.items():
        taken[f"single-stage:{name}"] = np.broadcast_to(order[:, 0], liked.shape[:2])
    for count in counts:
        taken[f"dice@{count}"] = taken_of(seen, dice, count)
        taken |= {f"two-stage:{name}@{count}": taken_of(seen, order, count) for name, order in orders.items()}
    values = {name: pleased(liked, one) for name, one in taken.items()}
    metrics = {metric_name(grid, name, "pleased", models): over_people(one, seed) for name, one in values.items()}
    metrics |= differences(grid, values, counts, seed)
    metrics |= variety(grid, orders, dice, counts, seed)
    metrics |= by_domain(grid, values, seed)
    metrics |= carried(grid, liked, taken, seed)
    return metrics, tables_of(grid, metrics, counts, models)


def evaluate_home(folder: Path, *, people: int = 100, seed: int = 0, out: Path | None = None) -> Report:
    """The same on a hub's own models, as a run."""
    began = time.perf_counter()
    metrics, tables = evaluate_people(of_home(folder), people, seed)
    where = None if out is None else str(out)
    left_out = {"GEMRec's own models and prompts": "need its features (--data or --data-dir DIR)"}
    report = Report("gemrec", metrics, people, 0, time.perf_counter() - began, where, tables, left_out)
    if out is not None:
        write_run(out, {"scenario": "gemrec", "of": "hub", "people": people, "seed": seed}, [], [], report)
    return report


def metric_name(grid: Grid, way: str, kind: str, models: int) -> str:
    """`dice@8` -> `hub:dice/pleased@8`; one stage is one picture, and all are as many as there are models."""
    name, _, count = way.partition("@")
    return f"{grid.name}:{name}/{kind}@{count or (models if name == 'full' else 1)}"


def over_people(values: Floats, seed: int) -> Metric:
    """(n, P), the prompts of one person being one cluster."""
    return bootstrap(values.ravel(), clusters=np.repeat(np.arange(len(values)), values.shape[1]), seed=seed)


def differences(grid: Grid, values: Mapping[str, Floats], counts: list[int], seed: int) -> dict[str, Metric]:
    """Two stages less one, and less as many pictures by chance, person by person; all models less some."""
    found = {}
    for count in counts:
        two = values[f"two-stage:gre@{count}"].mean(axis=1)
        for name, other in (
            ("two-stage-less-single", values["single-stage:gre"]),
            ("two-stage-less-dice", values[f"dice@{count}"]),
        ):
            found[f"{grid.name}:{name}/pleased@{count}"] = paired(two, other.mean(axis=1), seed=seed)
        found[f"{grid.name}:full-less-two-stage/pleased@{count}"] = paired(values["full"].mean(axis=1), two, seed=seed)
    return found


def variety(
    grid: Grid, orders: Mapping[str, Indices], dice: Indices, counts: list[int], seed: int
) -> dict[str, Metric]:
    """How many different pictures a shortlist amounts to; a case is a prompt."""
    found = {}
    for count in (one for one in counts if one in (SHOWN, counts[-1])):
        for name, order in [*orders.items(), ("dice", dice[0])]:
            each = [vendi(grid.pictures[p, order[p, :count]]) for p in range(len(order))]
            title = name if name == "dice" else f"two-stage:{name}"
            found[f"{grid.name}:{title}/vendi@{count}"] = bootstrap(each, seed=seed)
    return found


def by_domain(grid: Grid, values: Mapping[str, Floats], seed: int) -> dict[str, Metric]:
    """One stage, two, and by chance, in each domain of prompts."""
    found = {}
    tags = np.array(grid.tags)
    ways = [name for name in values if name.startswith("single-stage:") or name.endswith(f"@{SHOWN}")]
    for tag in sorted(set(grid.tags)):
        for name in ways:
            way, _, count = name.partition("@")
            title = f"{grid.name}:{way}:{tag.replace('/', '-')}/pleased@{count or 1}"
            found[title] = over_people(values[name][:, tags == tag], seed)
    return found


def carried(grid: Grid, liked: Floats, taken: Mapping[str, Indices], seed: int) -> dict[str, Metric]:
    """The model that was taken for one prompt, asked about every other prompt: of the same domain, and of others."""
    tags = np.array(grid.tags)
    same = (tags[:, None] == tags[None]) & ~np.eye(len(tags), dtype=bool)
    other = tags[:, None] != tags[None]
    higher = np.argsort(np.argsort(liked, axis=-1), axis=-1) / (liked.shape[-1] - 1)
    found = {}
    for name in (f"two-stage:gre@{SHOWN}", "full"):
        if name not in taken:
            continue
        # (n, P, Q): how much the model taken for prompt P is liked for prompt Q.
        worth = np.stack([higher[n][:, taken[name][n]].T for n in range(len(liked))])
        for title, mask in (("same-domain", same), ("other-domain", other)):
            if mask.any():
                each = worth[:, mask].mean(axis=1)
                way, _, count = name.partition("@")
                found[f"{grid.name}:{way}:{title}/carried@{count or liked.shape[-1]}"] = bootstrap(each, seed=seed)
    return found


def tables_of(
    grid: Grid, metrics: Mapping[str, Metric], counts: list[int], models: int
) -> dict[str, list[dict[str, Any]]]:
    """For people: effort by way, and domains."""

    def said(name: str) -> str:
        metric = metrics.get(f"{grid.name}:{name}")
        return "" if metric is None else f"{metric.value:.3f} [{metric.ci95[0]:.3f}, {metric.ci95[1]:.3f}]"

    def way(name: str, count: int) -> str:
        return said(f"two-stage:{name}/pleased@{count}" if count > 1 else f"single-stage:{name}/pleased@1")

    effort: list[dict[str, Any]] = [
        {
            "pictures looked at": count,
            "two stages, GRE-Score": way("gre", count),
            "by CLIP-Score": way("clip", count),
            "by downloads": way("popularity", count),
            "dice": said(f"dice/pleased@{count}"),
            "two stages less dice": said(f"two-stage-less-dice/pleased@{count}"),
        }
        for count in (1, *counts)
    ]
    effort.append({"pictures looked at": f"all {models}", "dice": said(f"full/pleased@{models}")})
    domains: list[dict[str, Any]] = []
    for tag in sorted(set(grid.tags)):
        name = tag.replace("/", "-")
        domains.append(
            {
                "domain": tag,
                "prompts": grid.tags.count(tag),
                "one stage, GRE-Score": said(f"single-stage:gre:{name}/pleased@1"),
                "one stage, CLIP-Score": said(f"single-stage:clip:{name}/pleased@1"),
                f"two stages, {SHOWN} pictures": said(f"two-stage:gre:{name}/pleased@{SHOWN}"),
                f"dice, {SHOWN} pictures": said(f"dice:{name}/pleased@{SHOWN}"),
            }
        )
    title = f"Two stages against one, {grid.name}: share of {models} models that a made person likes less than theirs"
    return {title: effort, f"By domain of prompts, {grid.name}": domains}
