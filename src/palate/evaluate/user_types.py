"""The `user-types` scenario: on planted people whose types are known, or on a folder of real people's ratings."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from palate.evaluate.film_types import Design, evaluate_films
from palate.evaluate.planted_types import evaluate_planted, table
from palate.evaluate.poisoned_types import poisoned_table, poisoned_types
from palate.evaluate.report import Metric, Report, write_run
from palate.importers.movielens import read_movielens
from palate.taste.planted import Planting
from palate.taste.types import Learning

SCENARIO = "user-types"


def evaluate_planted_types(
    *, planting: Planting | None = None, worlds: int = 3, seed: int = 0, out: Path | None = None
) -> Report:
    """Are the types of planted people found again? `out`: where the run's plain files go, none without it."""
    began = time.perf_counter()
    planting = replace(planting or Planting(), seed=seed)
    learning = Learning(ridge=0.1, apart=0.1, starts=3, seed=seed)
    metrics, cases = evaluate_planted(planting, learning, worlds)
    report = _reported(metrics, cases, began, {"Which of two pictures, by planted people": table(metrics)}, out)
    if out is not None:
        _write(out, {"planted": asdict(planting), "worlds": worlds, "learning": asdict(learning)}, report)
    return report


def evaluate_poisoned_types(*, people: int = 200, seed: int = 0, out: Path | None = None) -> Report:
    """What 1, 5 and 10 % of loud people can do to what others are shown, with and without the cap on influence."""
    began = time.perf_counter()
    metrics = poisoned_types(people, seed=seed)
    report = _reported(metrics, people, began, {"What attackers change": poisoned_table(metrics)}, out)
    if out is not None:
        _write(out, {"poisoned": {"people": people, "seed": seed}}, report)
    return report


def evaluate_film_types(
    folder: Path, *, design: Design | None = None, seed: int = 0, out: Path | None = None
) -> Report:
    """Which of two films a real person prefers, by K types and by their own offset; MovieLens 100K's form."""
    began = time.perf_counter()
    design = replace(design or Design(), seed=seed)
    metrics, rows, cases = evaluate_films(read_movielens(folder), design)
    report = _reported(metrics, cases, began, {"Which of two films: accuracy by number of types": rows}, out)
    if out is not None:
        files = {name: folder / name for name in ("u.data", "items.csv")}
        hashes = {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items() if file.is_file()}
        _write(out, {"design": asdict(design), "files": hashes}, report)
    return report


def _reported(
    metrics: Mapping[str, Metric],
    cases: int,
    began: float,
    tables: Mapping[str, list[dict[str, Any]]],
    out: Path | None,
) -> Report:
    return Report(SCENARIO, metrics, cases, 0, time.perf_counter() - began, None if out is None else str(out), tables)


def _write(out: Path, specification: dict[str, Any], report: Report) -> None:
    whole = {"scenario": SCENARIO, "numpy": np.__version__, **specification}
    scores = [{"metric": name, **metric.as_json()} for name, metric in report.metrics.items()]
    write_run(out, whole, [], scores, report)
