"""Many scenarios in a given time: each in a process of its own, what is done already not done again, nothing silent."""

from __future__ import annotations

import json
import multiprocessing
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any, Literal

from palate.errors import PalateError
from palate.evaluate.budget import limit, planned
from palate.evaluate.report import Report, write_run
from palate.evaluate.scenario import Scenario, Size, Specification, named, shipped
from palate.metrics.cost import watt_hours

State = Literal["done", "kept", "left out", "failed", "stopped"]
LIBRARIES = ("palate", "numpy", "scipy", "torch", "transformers", "diffusers")
RECORD, PLAN, SUMMARY = "run.json", "plan.json", "summary.json"
ERROR, LACKS = "error.txt", "lacks.txt"
SPARE = 0.03
"""Share of the time for the report."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scenario. `why` says so in words where there are no numbers."""

    scenario: str
    state: State
    why: str = ""
    cases: int = 0
    of: int = 0
    record: Mapping[str, Any] | None = None
    summary: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        metrics = 0 if self.summary is None else len(self.summary["metrics"])
        return {
            "scenario": self.scenario,
            "state": self.state,
            "why": self.why,
            "cases": self.cases,
            "of": self.of,
            "metrics": metrics,
        }


def evaluate_all(
    names: Sequence[str],
    out: Path,
    *,
    seconds: float,
    seed: int = 0,
    data: Path | None = None,
    hub: Path | None = None,
    apart: bool = True,
    began: float | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Every scenario (or those of `names`), within `seconds`; `out` gets a folder each and `suite.json`.

    `apart`: each in a process that is ended when its share of the time is over. `began`: since when the time counts,
    by `time.monotonic()`; a hub that had to be made ready took some of it.
    """
    began = time.monotonic() if began is None else began
    asked = {scenario.name: (name, scenario) for name, scenario in ((n, named(n)) for n in _names(names))}
    scenarios = [scenario for _, scenario in asked.values()]
    lacking = {one.name: why for one in scenarios if (why := one.lacking(data, hub)) is not None}
    out.mkdir(parents=True, exist_ok=True)
    slow = slowness()
    sizes = _plan(out, [one for one in scenarios if one.name not in lacking], seconds, slow)
    found: dict[str, Outcome] = {}
    waiting = dict(sizes)
    for scenario in scenarios:
        if scenario.name in lacking or scenario.name not in sizes:
            why = lacking.get(scenario.name, f"its {scenario.sizes[0].seconds:.0f} s do not fit into the time")
            found[scenario.name] = Outcome(scenario.name, "left out", why, 0, scenario.all_cases)
    for name in sorted(sizes, key=lambda one: sizes[one].seconds):
        path, scenario = asked[name]
        left = seconds * (1 - SPARE) - (time.monotonic() - began)
        specification = Specification(name, sizes[name].cases, seed, data, hub, out / name)
        seconds_for = limit(name, left, waiting, slow)
        del waiting[name]
        if left < sizes[name].seconds and not (out / name / RECORD).is_file():
            found[name] = Outcome(name, "left out", "no time was left for it", 0, scenario.all_cases)
            continue
        progress(f"{name}: {sizes[name].cases} of {scenario.all_cases} cases")
        found[name] = _one(path, scenario, specification, max(seconds_for, 1.0), apart=apart)
        slow = felt(found[name], slow)
        if found[name].state not in ("done", "kept"):
            progress(f"{name} {found[name].state}: {found[name].why}")
    outcomes = [found[scenario.name] for scenario in scenarios]
    _write(
        out / "suite.json",
        {
            "seconds": seconds,
            "seed": seed,
            "took_s": round(time.monotonic() - began, 1),
            **about_here(),
            "scenarios": [outcome.as_json() for outcome in outcomes],
        },
    )
    return outcomes


def _plan(out: Path, scenarios: Sequence[Scenario], seconds: float, slow: float) -> dict[str, Size]:
    """What fits, and what was planned here before for the same time: a machine that is busier now changes no size."""
    try:
        before = json.loads((out / PLAN).read_text())
        earlier = before["cases"] if before["seconds"] == seconds else {}
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        earlier = {}
    sizes = planned(scenarios, seconds, slow)
    for scenario in scenarios:
        same = [size for size in scenario.sizes if size.cases == earlier.get(scenario.name)]
        sizes |= {scenario.name: same[0]} if same else {}
    _write(out / PLAN, {"seconds": seconds, "cases": {name: size.cases for name, size in sizes.items()}})
    return sizes


def _names(names: Sequence[str]) -> list[str]:
    return list(names) or [scenario.name for scenario in shipped()]


def _one(path: str, scenario: Scenario, asked: Specification, seconds: float, *, apart: bool) -> Outcome:
    kept = read_outcome(asked.out, identity(scenario, asked)) if asked.out else None
    if kept is not None:
        return replace(kept, of=scenario.all_cases)
    assert asked.out is not None
    code, late = "", False
    if not apart:
        run_here(path, asked)
    else:
        # Spawned and not forked: libraries with threads do not survive a fork.
        worker = multiprocessing.get_context("spawn").Process(target=run_apart, args=(path, asked), name=scenario.name)
        with leaving_orderly():
            worker.start()
            try:
                worker.join(seconds)
            finally:
                late = end(worker)
        code = f" (exit code {worker.exitcode})" if worker.exitcode else ""
    done = read_outcome(asked.out, identity(scenario, asked))  # even if it was ended while it was leaving
    if done is not None:
        return replace(done, state="done", of=scenario.all_cases)
    if late:
        return stopped(scenario, asked, seconds)
    lacks = (asked.out / LACKS).is_file()
    said = _said(asked.out / (LACKS if lacks else ERROR)) or f"its process ended without an answer{code}"
    return Outcome(scenario.name, "left out" if lacks else "failed", said, asked.cases, scenario.all_cases)


def stopped(scenario: Scenario, asked: Specification, seconds: float) -> Outcome:
    """What was written before the end counts: numbers come first, pictures after them. It is not kept for next time."""
    assert asked.out is not None
    why = f"not ready after its {seconds:.0f} s"
    try:
        summary = json.loads((asked.out / SUMMARY).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return Outcome(scenario.name, "stopped", why, asked.cases, scenario.all_cases)
    why += "; what was measured by then is here, what comes after it is not"
    record = {"specification": asked.as_json()}
    return Outcome(scenario.name, "stopped", why, asked.cases, scenario.all_cases, record, summary)


@contextmanager
def leaving_orderly() -> Iterator[None]:
    """Whoever ends the suite (a CI's time limit) ends what it started: SIGTERM becomes an exit that `finally` sees."""
    if threading.current_thread() is not threading.main_thread():  # only there can signals be caught
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_apart(path: str, asked: Specification) -> None:
    """The same, as the head of a group of processes, so that what a scenario starts ends with it."""
    os.setpgrp()
    run_here(path, asked)


def end(worker: SpawnProcess) -> bool:
    """Ends a scenario's process and all that it started; whether it was still running."""
    if not worker.is_alive() or worker.pid is None:
        return False
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(worker.pid, how)
        except ProcessLookupError:  # it has hardly begun, and heads no group yet
            os.kill(worker.pid, how)
        worker.join(5)
        if not worker.is_alive():
            break
    return True


def run_here(path: str, asked: Specification) -> None:
    """Runs one scenario in this process and leaves its files; an error is written down and not raised."""
    assert asked.out is not None
    scenario = named(path)
    asked.out.mkdir(parents=True, exist_ok=True)
    for stale in (RECORD, SUMMARY, ERROR, LACKS):
        (asked.out / stale).unlink(missing_ok=True)
    began, worked = time.perf_counter(), time.process_time()
    try:
        report = scenario.run(asked)
    except PalateError as error:
        # `no_...`: something is not at hand. That is no fault of what is measured, and no reason for a CI to fail.
        (asked.out / (LACKS if error.code.startswith("no_") else ERROR)).write_text(str(error) + "\n")
        return
    except Exception as error:  # a stranger's scenario may raise anything, and the others go on
        (asked.out / ERROR).write_text(f"{type(error).__name__}: {error}\n")
        return
    if not (asked.out / SUMMARY).is_file():
        write_run(asked.out, asked.as_json(), [], [], report)
    cpu = time.process_time() - worked
    _write(
        asked.out / RECORD,
        {
            "identity": identity(scenario, asked),
            "specification": asked.as_json(),
            "of": scenario.all_cases,
            **about_here(),
            "cost": {
                "seconds": round(time.perf_counter() - began, 2),
                "cpu_s": round(cpu, 2),
                "peak_mb": round(peak_megabytes(), 1),
                "wh": round(watt_hours(cpu), 4),
            },
        },
    )


def run_one(path: str, asked: Specification) -> Report:
    """One scenario, here and now; errors are the caller's."""
    scenario = named(path)
    lacking = scenario.lacking(asked.data, asked.hub)
    if lacking is not None:
        raise PalateError("scenario_lacks", f"'{scenario.name}' {lacking}")
    report = scenario.run(asked)
    if asked.out is not None and not (asked.out / SUMMARY).is_file():
        write_run(asked.out, asked.as_json(), [], [], report)
    return report


def identity(scenario: Scenario, asked: Specification) -> dict[str, Any]:
    """What has to be the same for an earlier run to stand for this one."""
    needs = [need for needs in scenario.needs for need in needs.split("|") if need != "hub"]
    files = {need: stamp(asked.data / need) for need in needs if asked.data}
    return {
        **asked.as_json(),
        "version": scenario.version,
        "palate": _version("palate"),
        "files": {need: found for need, found in files.items() if found},
    }


def stamp(path: Path) -> list[list[Any]]:
    """Names, sizes and times of the files at a path."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]


def read_outcome(folder: Path, wanted: Mapping[str, Any] | None = None) -> Outcome | None:
    """A run that is whole and, where something is `wanted`, of that specification."""
    try:
        record = json.loads((folder / RECORD).read_text())
        summary = json.loads((folder / SUMMARY).read_text())
        if wanted is not None and record["identity"] != json.loads(json.dumps(wanted)):
            return None
        specification = record["specification"]
        name, cases = specification["scenario"], specification["cases"]
        return Outcome(name, "kept", "", cases, record["of"], record, summary)
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return None


def about_here() -> dict[str, Any]:
    """The machine, the versions and the commit that numbers come from."""
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "versions": {name: found for name in LIBRARIES if (found := _version(name))},
        "commit": _commit(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Of the checkout that this package lies in, if it does."""
    try:
        said = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607  # whichever git there is
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip() or None


def slowness(work: float = 0.5) -> float:
    """How many times longer than on a quiet machine a moment's work takes, by the clock; at least 1."""
    began, worked = time.perf_counter(), time.process_time()
    while time.process_time() - worked < work:
        sum(range(10_000))
    return max((time.perf_counter() - began) / work, 1.0)


def felt(outcome: Outcome, before: float) -> float:
    """How slow the machine was for the scenario that ended last, where it worked for long enough to tell."""
    cost = (outcome.record or {}).get("cost", {}) if outcome.state == "done" else {}
    return max(cost["seconds"] / cost["cpu_s"], 1.0) if cost.get("cpu_s", 0.0) >= 1.0 else before


def peak_megabytes() -> float:
    """The most memory that this process has held."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


def _said(file: Path) -> str:
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        return ""


def _write(path: Path, said: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n")
    new.replace(path)


def sizes_of(scenario: Scenario, cases: int | None) -> Size:
    """The size that was asked for by its number of cases; the smallest without one."""
    if cases is None:
        return scenario.sizes[0]
    return next((size for size in scenario.sizes if size.cases >= cases), scenario.sizes[-1])
