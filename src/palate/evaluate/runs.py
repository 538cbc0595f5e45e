"""Runs read back: what differs between two, and whether one clears its bars."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palate.errors import PalateError
from palate.evaluate.measures import measure_of
from palate.evaluate.paired import CORRECTIONS, compared_by_case, sign_flip
from palate.evaluate.report import Metric

WIDTH_OF_95 = 2 * 1.959964
"""How many standard errors a 95 % interval is wide."""
SURE = 0.05
SUMMARY, SUITE = "summary.json", "suite.json"


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of two runs; `sure` where chance alone would rarely part them so far, all metrics considered."""

    name: str
    first: Metric
    second: Metric
    p: float
    sure: bool
    adjusted: float = 1.0
    """p, corrected for how many metrics were looked at."""
    paired: bool = False
    """Whether the same cases were compared one by one."""

    @property
    def change(self) -> float:
        return self.second.value - self.first.value

    @property
    def said(self) -> str:
        """Where it is sure: whether the second is better, by the measure's own direction."""
        measure = measure_of(self.name, {})
        if not self.sure:
            return ""
        if measure is None or measure.better == "neither":
            return "differs"
        return "better" if (self.change > 0) == (measure.better == "higher") else "worse"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One bar, and what the run has to say to it."""

    name: str
    bar: str
    said: str
    passed: bool


def read_run(folder: Path) -> tuple[str, dict[str, Metric]]:
    """The scenario and the metrics of a run's `summary.json`."""
    try:
        said = json.loads((folder / SUMMARY).read_text())
        metrics = {
            name: Metric(row["value"], (row["ci95"][0], row["ci95"][1]), row["n"])
            for name, row in said["metrics"].items()
        }
        return said["scenario"], metrics
    except (FileNotFoundError, NotADirectoryError):
        hint = "the folder that `--out` named, or one of those in the home's runs/"
        raise PalateError(
            "no_run", "there is no run here: summary.json is missing", about=str(folder), hint=hint
        ) from None
    except (json.JSONDecodeError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise PalateError("run_unreadable", f"summary.json is not a run's: {error}", about=str(folder)) from None


def parts(folder: Path) -> dict[str, Path]:
    """The runs in a folder by the beginning of their metrics' names: `recommend/` and others of a suite, or the run."""
    inside = [] if (folder / SUMMARY).is_file() else sorted(file.parent for file in folder.glob(f"*/{SUMMARY}"))
    if not inside and (folder / SUITE).is_file():
        raise PalateError("no_run", "this suite has no finished run", about=str(folder))
    if not inside:
        return {"": folder}
    return {f"{part.name}/": part for part in inside}


def metrics_of(folder: Path) -> dict[str, Metric]:
    """Of a run, or of all runs of a suite, `recommend/ease/ndcg@10`."""
    return {
        f"{before}{name}": metric
        for before, part in parts(folder).items()
        for name, metric in read_run(part)[1].items()
    }


def compare(first: Path, second: Path, *, by: str = "holm") -> list[Difference]:
    """Metrics that both runs (or suites of runs) have, the surest difference first.

    Where both runs kept a metric's values by case, and the cases are the same, signs are flipped case by case;
    elsewhere the runs are taken as independent, which is cautious. `holm` keeps the chance that any `sure` is wrong
    below 5 %, `bh` the share of the sure that is. What has no interval, such as seconds, is never sure.
    """
    if by not in CORRECTIONS:
        raise PalateError(
            "unknown_correction", f"there is no correction '{by}'", hint=f"one of {', '.join(CORRECTIONS)}"
        )
    one, two = parts(first), parts(second)
    if "" in one and "" in two:
        scenario, other = read_run(first)[0], read_run(second)[0]
        if scenario != other:
            raise PalateError("runs_differ", f"a run of '{scenario}' and one of '{other}' have nothing to compare")
    before, after = metrics_of(first), metrics_of(second)
    shared = [name for name in before if name in after]
    if not shared:
        hint = "a run with a run of its scenario, or the folder of `palate evaluate all` with another"
        raise PalateError("runs_differ", "they have no metric in common", about=f"{first}, {second}", hint=hint)
    cases = {
        f"{part}{name}": pair
        for part in one
        if part in two
        for name, pair in compared_by_case(one[part], two[part]).items()
    }
    p = {name: sign_flip(*cases[name]) if name in cases else p_value(before[name], after[name]) for name in shared}
    adjusted = dict(zip(shared, CORRECTIONS[by]([p[name] for name in shared]), strict=True))
    return [
        Difference(
            name, before[name], after[name], p[name], bool(adjusted[name] <= SURE), float(adjusted[name]), name in cases
        )
        for name in sorted(shared, key=lambda name: p[name])
    ]


def p_value(first: Metric, second: Metric) -> float:
    """Two-sided, of a difference that is normal with the standard errors that the intervals tell."""
    errors = [(metric.ci95[1] - metric.ci95[0]) / WIDTH_OF_95 for metric in (first, second)]
    spread = math.hypot(*errors)
    if not all(errors) or not math.isfinite(spread):
        return 1.0
    return math.erfc(abs(first.value - second.value) / spread / math.sqrt(2))


def gate(run: Path, bars: Path) -> list[Verdict]:
    """Each bar of a TOML file: `"ease/ndcg@10" = {least = 0.09}`, or `most`; of a suite, `"recommend/ease/ndcg@10"`.

    A bar is missed where the whole interval lies on the wrong side of it, so that noise does not stop a team; with
    `strict = true` where the value does. A metric that the run lacks misses its bar.
    """
    metrics = metrics_of(run)
    return [verdict(name, bar, metrics.get(name)) for name, bar in read_bars(bars).items()]


def bars_of(run: Path) -> str:
    """A run as the bars of those to come: what is better when higher stays above its interval's lower end.

    Costs by the clock belong to a machine, and what has no better direction has no bar; differences have none either.
    """
    lines = ["# written by `palate evaluate bars`; take out what does not matter to you"]
    for name, metric in sorted(metrics_of(run).items()):
        measure = measure_of(name, {})
        if measure is None or measure.better == "neither" or measure.aspect == "cost" or "-less-" in name:
            continue
        side, end = ("least", metric.ci95[0]) if measure.better == "higher" else ("most", metric.ci95[1])
        if math.isfinite(end) and metric.ci95[0] < metric.ci95[1]:
            lines.append(f"{json.dumps(name, ensure_ascii=False)} = {{{side} = {end:.6g}}}")
    return "\n".join(lines) + "\n"


def read_bars(path: Path) -> dict[str, dict[str, Any]]:
    try:
        bars = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise PalateError("file_missing", "it is not there", about=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PalateError("bars_unreadable", f"not TOML: {error}", about=str(path)) from None
    for name, bar in bars.items():
        known = isinstance(bar, dict) and bar.keys() <= {"least", "most", "strict"} and bar.keys() & {"least", "most"}
        if not known or not all(isinstance(bar.get(key, 0), int | float) for key in ("least", "most")):
            raise PalateError(
                "bars_unreadable", "a bar is {least = number}, {most = number}, or both", about=f"{path}: {name}"
            )
    if not bars:
        raise PalateError("bars_unreadable", "it has no bars", about=str(path))
    return bars


def verdict(name: str, bar: Mapping[str, Any], metric: Metric | None) -> Verdict:
    wanted = " and ".join(f"at {side} {bar[side]:g}" for side in ("least", "most") if side in bar)
    if metric is None:
        return Verdict(name, wanted, "not in this run", False)
    low, high = (metric.value, metric.value) if bar.get("strict") else metric.ci95
    passed = high >= bar.get("least", -math.inf) and low <= bar.get("most", math.inf)
    said = f"{metric.value:.4g} [{metric.ci95[0]:.4g}, {metric.ci95[1]:.4g}]"
    return Verdict(name, wanted, said, passed)
