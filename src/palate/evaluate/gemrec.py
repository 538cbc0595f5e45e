"""The `gemrec` scenario: *identify* and *find* on GEMRec's real CLIP features, five splits of its prompts.

DIR holds the features (.npz), the roster and the prompts of any number of models, see `palate.importers.gemrec`. Each
split sets 14 of 90 prompts apart (the same share of any other number), near-duplicates on one side; everything learned
comes from the other prompts.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from palate.errors import PalateError
from palate.evaluate.gemrec_evidence import evaluate_evidence
from palate.evaluate.gemrec_find import Hub, Splits, evaluate_find, hub_of
from palate.evaluate.gemrec_identify import evaluate_identify
from palate.evaluate.gemrec_people import evaluate_people, of_gemrec
from palate.evaluate.report import Metric, Report, write_run
from palate.evaluate.splits import family_splits, task_count
from palate.importers.gemrec import read_gemrec

SCENARIO = "gemrec"
LEAST_PROMPTS = 12
LEAST_MODELS = 3


def evaluate_gemrec(folder: Path, *, seed: int = 0, splits: int = 5, out: Path | None = None) -> Report:
    """Every method of both verbs with 95 % intervals; `out`: where the run's plain files go, none without it."""
    began = time.perf_counter()
    hub = _hub(folder)
    made = family_splits(hub.families, test=task_count(len(hub.words)), splits=splits, seed=seed)
    identified = evaluate_identify(hub, made, seed=seed)
    found = evaluate_find(hub, made, seed=seed)
    together = evaluate_evidence(hub, made, seed=seed, styles=identified.styles, learned=found.learned)
    asked, told = evaluate_people(of_gemrec(hub), seed=seed)
    report = Report(
        scenario=SCENARIO,
        metrics={**identified.metrics, **found.metrics, **together, **asked},
        cases=identified.cases + found.cases,
        unscored=found.unscored,
        took_s=time.perf_counter() - began,
        run=None if out is None else str(out),
        tables={**identified.tables, **found.tables, **_evidence_table(together), **told},
    )
    if out is not None:
        write_run(out, _specification(folder, hub, seed), _cases(hub, made, identified.tuned), found.scores, report)
    return report


def _hub(folder: Path) -> Hub:
    """The folder's arrays, or what is missing of them."""
    data = read_gemrec(folder)
    if data.features is None:
        raise PalateError(
            "features_missing",
            "this evaluation needs ready CLIP features, an .npz of images, prompts and their ids",
            about=str(folder),
        )
    hub = hub_of(data)
    if len(hub.words) < LEAST_PROMPTS or len(hub.model_ids) < LEAST_MODELS:
        raise PalateError(
            "too_few_cases",
            f"{len(hub.model_ids)} models and {len(hub.words)} prompts are too few to split and rank",
            about=str(folder),
            hint=f"at least {LEAST_MODELS} models and {LEAST_PROMPTS} prompts",
        )
    return hub


def _evidence_table(metrics: Mapping[str, Metric]) -> dict[str, list[dict[str, Any]]]:
    """Definitions by method, for people."""
    meanings = {
        "top1": "alike and fitting",
        "top1_chosen": "a person's own choice",
        "top1_drew": "who drew it",
    }
    rows = []
    for name, meaning in meanings.items():
        row: dict[str, Any] = {"right is": meaning}
        for method in ("words", "picture", "words+picture", "words+picture-words", "words+picture-picture"):
            metric = metrics.get(f"{method}/{name}")
            if metric is not None:
                row[method] = f"{metric.value:.3f} [{metric.ci95[0]:.3f}, {metric.ci95[1]:.3f}]"
        rows.append(row)
    return {"Words and a picture in one ranking: top-1": rows}


def _specification(folder: Path, hub: Hub, seed: int) -> dict[str, Any]:
    """What has to be the same for the numbers to be the same."""
    return {
        "scenario": SCENARIO,
        "seed": seed,
        "models": len(hub.model_ids),
        "prompts": len(hub.words),
        "files": {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.iterdir())
            if path.suffix in {".npz", ".csv"}
        },
        "numpy": np.__version__,
    }


def _cases(hub: Hub, splits: Splits, tuned: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """Which prompts each split asks; all others specify the models. And what the methods chose for themselves."""
    return [
        {
            "split": number,
            "asked": [hub.prompt_names[prompt] for prompt in asked],
            "known": len(known),
            "tuned": dict(tuned[number]),
        }
        for number, (known, asked) in enumerate(splits)
    ]
