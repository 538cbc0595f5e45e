"""What an evaluation answers: metrics with their intervals, and the folder of plain files behind them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Metric:
    """A value, its 95 % interval, and how many cases stand behind it."""

    value: float
    ci95: tuple[float, float]
    n: int

    def as_json(self) -> dict[str, object]:
        return {"value": self.value, "ci95": list(self.ci95), "n": self.n}


@dataclass(frozen=True, slots=True)
class Report:
    """Metrics are named `<method>/<metric>`; `unscored` counts the cases that no number stands for."""

    scenario: str
    metrics: Mapping[str, Metric]
    cases: int
    unscored: int
    took_s: float
    run: str | None = None
    tables: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The papers' tables, for people to read: a title to rows."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """What could have been measured and was not, and why."""

    def as_json(self) -> dict[str, object]:
        return {
            "scenario": self.scenario,
            "metrics": {name: metric.as_json() for name, metric in self.metrics.items()},
            "cases": self.cases,
            "unscored": self.unscored,
            "took_s": round(self.took_s, 3),
            "run": self.run,
            "tables": dict(self.tables),
            "left_out": dict(self.left_out),
        }

    def write(self, folder: Path) -> None:
        """summary.json alone, of a run whose other files are there."""
        (folder / "summary.json").write_text(json.dumps(self.as_json(), indent=2) + "\n")


def write_run(
    folder: Path,
    specification: Mapping[str, Any],
    cases: Iterable[Mapping[str, Any]],
    scores: Iterable[Mapping[str, Any]],
    report: Report,
) -> None:
    """specification.json, cases.jsonl, scores.jsonl and summary.json: readable without Palate."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "specification.json").write_text(json.dumps(specification, indent=2, sort_keys=True) + "\n")
    for name, rows in (("cases", cases), ("scores", scores)):
        with (folder / f"{name}.jsonl").open("w") as lines:
            for row in rows:
                lines.write(json.dumps(row, sort_keys=True, allow_nan=False) + "\n")
    report.write(folder)
