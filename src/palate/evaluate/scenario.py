"""What a scenario is: one file with a `SCENARIO`, found by its name, by a dotted path, or by the path of a file.

Those that ship lie in `palate/evaluate/scenarios`, a file each; whatever is put beside them is found without being
listed anywhere. A team's own need not be there: `palate evaluate all --only gemrec,ours/flicker.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from palate.errors import PalateError
from palate.evaluate.measures import Measure
from palate.evaluate.report import Report

SHIPPED = "palate.evaluate.scenarios"


@dataclass(frozen=True, slots=True)
class Size:
    """So many cases, and how many seconds they take on two quiet cores; what a budget is planned with."""

    cases: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Specification:
    """All that decides a run's numbers, and where its files go."""

    scenario: str
    cases: int
    seed: int = 0
    data: Path | None = None
    """The folder of data sets, each a folder of its own."""
    hub: Path | None = None
    """The folder of a home."""
    out: Path | None = None
    """Where the run's plain files go; decides no number."""

    def as_json(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "cases": self.cases,
            "seed": self.seed,
            "data": None if self.data is None else str(self.data),
            "hub": None if self.hub is None else str(self.hub),
        }

    def folder(self, name: str) -> Path:
        """A data set that `needs` named, so that it is there."""
        if self.data is None:
            raise PalateError("no_data", f"the data set '{name}' is needed", hint="--data-dir DIR")
        return self.data / name


@dataclass(frozen=True, slots=True)
class Scenario:
    """`run` measures as many cases as the specification says. `sizes` go up; the last one is everything."""

    name: str
    aspects: tuple[str, ...]
    asks: str
    run: Callable[[Specification], Report]
    sizes: tuple[Size, ...]
    needs: tuple[str, ...] = ()
    """Data sets as paths below the folder of data; `hub` for a home; `a|b` where either will do."""
    measures: Mapping[str, Measure] = field(default_factory=dict)
    """Of metrics that are this scenario's own: which aspect they are of, and which direction is better."""
    headline: Mapping[str, str] = field(default_factory=dict)
    """Metrics that a report names first, in plain words; without any, the best method by the first measure."""
    version: int = 1
    """Goes up where the same specification gives other numbers than before, so that no old run stands for a new one."""

    @property
    def all_cases(self) -> int:
        return self.sizes[-1].cases

    def lacking(self, data: Path | None, hub: Path | None) -> str | None:
        """What is needed and not there, in words, or None."""
        for need in self.needs:
            faults = [_fault(one, data, hub) for one in need.split("|")]
            if all(faults):
                return "needs " + " or ".join(fault for fault in faults if fault)
        return None


def _fault(need: str, data: Path | None, hub: Path | None) -> str | None:
    if need == "hub":
        return "a hub (--hub HOME)" if hub is None else None
    if data is None:
        return f"the data set {need} (--data-dir DIR)"
    return None if (data / need).exists() else f"{need}, which the folder of data does not have"


def shipped() -> list[Scenario]:
    """In the order of their names."""
    package = importlib.import_module(SHIPPED)
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    found = [scenario_in(f"{SHIPPED}.{name}") for name in names]
    return sorted(found, key=lambda scenario: scenario.name)


def named(name: str) -> Scenario:
    """A scenario that ships by its name, any other by a dotted path or a file."""
    if name.endswith(".py"):
        return scenario_in(name)
    by_name = {scenario.name: scenario for scenario in shipped()}
    if name in by_name:
        return by_name[name]
    if "." in name:
        return scenario_in(name)
    raise PalateError("unknown_scenario", f"there is no scenario '{name}'", hint=f"one of {', '.join(by_name)}")


def scenario_in(path: str) -> Scenario:
    """The `SCENARIO` of a module, by its dotted path or its file, which is run."""
    try:
        module = _module_in(Path(path)) if path.endswith(".py") else importlib.import_module(path)
    except (ModuleNotFoundError, FileNotFoundError):
        raise PalateError("unknown_scenario", "there is no such module or file", about=path) from None
    found = getattr(module, "SCENARIO", None)
    if not isinstance(found, Scenario):
        raise PalateError("unknown_scenario", "it has no SCENARIO", about=path)
    return found


def _module_in(file: Path) -> Any:
    name = "palate_scenario_" + sha256(str(file.resolve()).encode()).hexdigest()[:12]
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:
        del sys.modules[name]
        raise
    return module
