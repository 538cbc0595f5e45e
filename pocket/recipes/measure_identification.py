"""The CGI benchmark on the hub that ships, and the same among the models whose sets look alike."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes import captions, package, work

if TYPE_CHECKING:
    from palate.evaluate.report import Report

METHODS = ("popularity", "rkme", "pmi", "style")
COUNTS = (1, 6)


def alike(sets: dict[str, str]) -> set[str]:
    """Models with another model of the same family of sets in the hub: chosen before anything is drawn."""
    families = {model: captions.family({"set": name}) for model, name in sets.items()}
    sizes = Counter(families.values())
    return {model for model, family in families.items() if sizes[family] > 1}


def hits(run: Path, method: str, count: int) -> NDArray[np.float64]:
    """1 for each case whose right model is the single best of all, by a run's own files; empty where it has none."""
    rows = work.read_lines(run / "scores.jsonl")
    asked = (row["ranks"] for row in rows if (row["method"], row.get("pictures")) == (method, count))
    return np.array([float(rank <= 1) for rank in next(asked, ())])


def difference(
    ours: NDArray[np.float64], theirs: NDArray[np.float64], model_of: list[str], chosen: set[str], draws: int = 2000
) -> dict[str, Any]:
    """Shares of hits among the chosen models, and the difference with its 95 % bootstrap interval over models."""
    models = sorted(chosen)
    place = {model: number for number, model in enumerate(models)}
    both: NDArray[np.float64] = np.zeros((len(models), 3))
    for mine, other, model in zip(ours, theirs, model_of, strict=True):
        if model in place:
            both[place[model]] += (mine, other, 1.0)
    draw = np.random.default_rng(0).integers(0, len(models), (draws, len(models)))
    summed = both[draw].sum(1)
    low, high = np.quantile((summed[:, 0] - summed[:, 1]) / summed[:, 2], (0.025, 0.975))
    mine, other, count = both.sum(0)
    found = {"models": len(models), "style": mine / count, "pmi": other / count}
    return {**found, "difference": (mine - other) / count, "low": float(low), "high": float(high)}


def lines_of(
    metrics: dict[str, Any], among: dict[int, dict[str, Any]], models: int, cases: int, command: str
) -> list[str]:
    """What the card says."""
    rows = [
        f"{models} models, {cases} tasks; `palate evaluate identification {command}`.",
        "",
        "| top-1 (FID of the chosen models' pictures) | 1 picture | 6 pictures |",
        "|---|---|---|",
    ]
    for name in METHODS:
        cells = [(metrics.get(f"{name}/top1@{count}"), metrics.get(f"{name}/fid@{count}")) for count in COUNTS]
        shown = [f"{top.value:.1%} ({fid.value:.3f})" if top and fid else "" for top, fid in cells]
        rows.append(f"| {name} | {' | '.join(shown)} |")
    for count, found in among.items():
        rows += [
            "",
            f"Among the {found['models']} models whose family of sets has several models here, {count} picture(s):",
            f"style {found['style']:.1%}, PMI {found['pmi']:.1%}, difference {found['difference']:+.1%}",
            f"({found['low']:+.1%} to {found['high']:+.1%}).",
        ]
    return rows


def measure(seeds: int, executor: str) -> dict[str, Any]:
    """Draws what is missing in a home of its own, and writes into the diffusion's card."""
    os.environ["PALATE_POCKET_HOME"] = str(work.folder("identification"))
    from palate.cli.printing import progress
    from palate.studio import Studio

    opened = Studio.open("pocket")
    with progress(quiet=False) as bar:
        report = opened.evaluate_identification(seeds=seeds, executor=executor, progress=bar)
    opened.close()
    return told(report, "--hub pocket", "Who drew this?")


def measure_banked(seeds: int) -> dict[str, Any]:
    """On the pictures of the bank, up to four seeds each: nothing is drawn."""
    from palate.evaluate.identification_banked import evaluate_banked

    run = work.folder("identification-bank")
    return told(evaluate_banked(min(seeds, 4), out=run), "--bank", "Who drew this? On the bank")


def told(report: Report, command: str, title: str) -> dict[str, Any]:
    """Everything of a run, and style beside PMI among look-alikes, into the diffusion's card."""
    from palate.importers.pocket import drawing_models, shipped

    _, adapters = drawing_models(shipped())
    sets = {model.id: str(model.card.get("set", model.id)) for model in adapters.values()}
    run = Path(str(report.run))
    model_of = [str(row["model"]) for row in work.read_lines(run / "cases.jsonl")]
    chosen = alike({model: sets.get(model, model) for model in set(model_of)})
    among = {}
    for count in COUNTS if chosen else ():
        ours, theirs = hits(run, "style", count), hits(run, "pmi", count)
        if len(ours):
            among[count] = difference(ours, theirs, model_of, chosen)
    lines = lines_of(dict(report.metrics), among, len(set(model_of)), report.cases, command)
    shown = {f"{method}/{what}@{count}" for method in METHODS for what in ("top1", "fid") for count in COUNTS}
    metrics: Any = report.as_json()["metrics"]
    kept = {name: metric for name, metric in metrics.items() if name in shown}
    numbers = {"metrics": kept, "alike": among, "models alike": sorted(chosen)}
    package.note(package.WEIGHTS / "diffusion", title, lines, numbers)
    print("\n".join(lines))
    return numbers
