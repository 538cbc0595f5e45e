"""Which branches of the store, of jobs and of who may do what no test takes, and how many planted faults tests find.

`python checks/mutants.py [--some 100] [--seed 0] [--kept FOLDER] [--tests PATH ...]`. The tests run once and say which
of them meets which line. Then so many of all small faults that can be planted, drawn by the seed, are planted one at a
time: a comparison, a sign, a number, a condition turned round, an answer or a step left out. The tests that meet its
line run, at most a minute of them, those beside the store first; what none of them notices has survived. A fault in
what is run when a file is imported meets every test that meets the file or imports it. `--kept` holds what was found
so far, and the same command goes on from there; remove it when the code has changed. Below 90 in 100 it exits with 1.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import inspect
import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).parents[1]
MUTATED = ("catalogue", "jobs", "people")
TESTS = ("catalogue", "jobs", "people", "grow", "faults", "specify", "serve")
BUILT_ON_IT = ("faults", "specify", "serve")
BAR = 0.9
MOST_SECONDS = 60.0
LONGEST = 900.0
AT_ONCE = 75
STANDS_STILL, HARDLY = 3000, 1.0
"""So many looks, fifty a second, at a process that hardly takes a processor's time: it waits for what never comes."""
TOO_LONG = -1
NOTICED = (0, 1, 2)
"""How tests end that pass, fail, or cannot be collected; below zero are those that did not end in time."""
QUIETLY = ("-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Others' modules that are here already need not be rewritten."""
PAIRS: tuple[tuple[type[ast.AST], type[ast.AST]], ...] = (
    (ast.Eq, ast.NotEq),
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.In, ast.NotIn),
    (ast.Is, ast.IsNot),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
    (ast.BitAnd, ast.BitOr),
)
SWAPPED = {**dict(PAIRS), **{other: one for one, other in PAIRS}, ast.FloorDiv: ast.Mult}

Fault = tuple[int, str, Callable[[], None]]
"""The line, what is done to it, and a function that does it to the tree it was found in."""


def faults(tree: ast.AST) -> Iterator[Fault]:
    """Every fault that can be planted in a tree, in its order; annotations and docstrings are not code."""
    for node in _code(tree):
        if isinstance(node, ast.Compare):
            for place, operator in enumerate(node.ops):
                if type(operator) in SWAPPED:
                    yield node.lineno, _named(operator), _set(node.ops, place, SWAPPED[type(operator)]())
        elif isinstance(node, (ast.BoolOp, ast.BinOp, ast.AugAssign)) and type(node.op) in SWAPPED:
            yield node.lineno, _named(node.op), _put(node, "op", SWAPPED[type(node.op)]())
        elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
            other = not node.value if isinstance(node.value, bool) else node.value + 1
            yield node.lineno, f"{node.value} to {other}", _put(node, "value", other)
        elif isinstance(node, (ast.If, ast.IfExp, ast.While)):
            yield node.lineno, "condition turned round", _put(node, "test", _not(node.test))
        elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
            yield node.lineno, "answers None", _put(node, "value", ast.copy_location(ast.Constant(None), node))
        elif isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
            yield node.lineno, "left out", _leave_out(tree, node)


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """Nodes that are run: no type, nothing that a type checker alone reads."""
    skipped = {"annotation", "returns", "decorator_list"}
    for name, value in ast.iter_fields(tree):
        for node in value if isinstance(value, list) else [value]:
            typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
            alias = isinstance(node, ast.Assign) and "Literal" in ast.dump(node.value)
            if isinstance(node, ast.AST) and name not in skipped and not typing and not alias:
                yield node
                yield from _code(node)


def _named(operator: ast.AST) -> str:
    return f"{type(operator).__name__} to {SWAPPED[type(operator)].__name__}"


def _not(test: ast.expr) -> ast.expr:
    return ast.fix_missing_locations(ast.copy_location(ast.UnaryOp(ast.Not(), test), test))


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _set(values: list[Any], place: int, new: Any) -> Callable[[], None]:
    return lambda: values.__setitem__(place, new)


def _put(node: ast.AST, name: str, new: Any) -> Callable[[], None]:
    return lambda: setattr(node, name, new)


def _leave_out(tree: ast.AST, gone: ast.stmt) -> Callable[[], None]:
    def act() -> None:
        for parent in ast.walk(tree):
            for _, body in ast.iter_fields(parent):
                if isinstance(body, list) and gone in body:
                    body[body.index(gone)] = ast.copy_location(ast.Pass(), gone)

    return act


def planted(source: str, number: int) -> ast.Module:
    """The tree with its many-th fault in it."""
    tree = ast.parse(source)
    *_, (_, _, plant) = (fault for place, fault in enumerate(faults(tree)) if place <= number)
    plant()
    return copy.deepcopy(tree)


class Planting(MetaPathFinder, Loader):
    """Imports one module from a tree instead of its file."""

    def __init__(self, module: str, path: Path, tree: ast.Module) -> None:
        self.module, self.path, self.tree = module, path, tree

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        return spec_from_loader(name, self, origin=str(self.path)) if name == self.module else None

    def exec_module(self, module: Any) -> None:
        module.__file__ = str(self.path)
        exec(compile(self.tree, str(self.path), "exec"), module.__dict__)


def functions(code: CodeType, inside: str = "") -> Iterator[tuple[str, CodeType]]:
    """Functions of a module and of its classes, by their names; what is inside a function is a part of it."""
    for one in code.co_consts:
        if isinstance(one, CodeType):
            name = f"{inside}{one.co_name}"
            if one.co_flags & inspect.CO_NEWLOCALS:
                yield name, one
            else:
                yield from functions(one, f"{name}.")


def run_at_import(code: CodeType) -> list[Any]:
    """What is run when a module is imported: its own code and that of its classes, functions left out."""
    own = [one for one in code.co_consts if not isinstance(one, CodeType)]
    bodies = [one for one in code.co_consts if isinstance(one, CodeType) and not one.co_flags & inspect.CO_NEWLOCALS]
    return [code.co_code, own, code.co_names, *map(run_at_import, bodies)]


def changed(path: Path, number: int) -> dict[str, tuple[CodeType, CodeType]]:
    """The function that a fault is in, as it was and as it is; none where the fault is run at import."""
    source = path.read_text()
    before, after = compile(source, str(path), "exec"), compile(planted(source, number), str(path), "exec")
    pairs = zip(functions(before), functions(after), strict=True)
    found = {name: (was, now) for (name, was), (_, now) in pairs if was != now}
    return {} if run_at_import(before) != run_at_import(after) or any("<" in name for name in found) else found


def put_into(module: Any, name: str, was: CodeType, now: CodeType) -> None:
    """Give a function that is imported already another code, wherever it was imported to."""
    found = module
    for part in name.split("."):
        found = vars(found)[part]
    for attribute in ("__func__", "fget", "func", "__wrapped__"):
        found = getattr(found, attribute, found)
    if found.__code__ != was:
        raise ValueError(name)
    found.__code__ = now


class Meeting:
    """Says to the coverage which test runs, and remembers how long it took and whether it failed by itself."""

    def __init__(self, coverage: Any) -> None:
        self.coverage = coverage
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed.append(report.nodeid)


def meet(kept: Path, tests: list[str]) -> int:
    """Run the tests once: `kept` then says which lines each test meets, and which branches none takes."""
    import coverage
    import pytest

    sources = [f"palate.{name}" for name in MUTATED]
    measured = coverage.Coverage(data_file=str(kept / "coverage"), branch=True, source=sources)
    meeting = Meeting(measured)
    measured.start()
    status = pytest.main(["-q", "-m", "not long", "-p", "no:cacheprovider", *tests], plugins=[meeting])
    measured.stop()
    measured.save()
    with (kept / "branches.txt").open("w") as file:
        share = measured.report(file=file, show_missing=True, skip_covered=True)
    data, met = measured.get_data(), {}
    for path in sorted(data.measured_files()):
        lines = data.contexts_by_lineno(path)
        met[str(Path(path).relative_to(ROOT))] = {
            str(line): sorted({*names} - {"", *meeting.failed}) for line, names in lines.items()
        }
    found = {"status": int(status), "failed": meeting.failed, "branches": share, "seconds": meeting.seconds, "met": met}
    (kept / "met.json").write_text(json.dumps(found))
    return 0


def alone(act: Callable[[], int], seconds: float, processor_seconds: int | None = None) -> int:
    """What a fork of this process answers; below zero if it takes too long."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(1, 2)
        if processor_seconds is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (processor_seconds, processor_seconds))
        try:
            os._exit(act())
        except BaseException:
            os._exit(3)
    end, still, seen = time.monotonic() + seconds, 0, 0.0
    while time.monotonic() < end and still < STANDS_STILL:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
        spent = processor_time(child)
        seen, still = (spent, 0) if spent > seen + HARDLY else (seen, still + 1)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TOO_LONG


def processor_time(process: int) -> float:
    """Seconds that a process and those that it waited for have taken; ever more where the system does not tell."""
    try:
        ticks = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:15]
    except OSError:
        return time.monotonic()
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def chosen(own: str, meeting: set[str], others: set[str], seconds: dict[str, float]) -> list[str]:
    """A minute of tests: those that meet a line before others, those beside the store before those of what is built on
    it, those of its `own` folder before its neighbours', and of each the quickest first."""
    spent, some = 0.0, list[str]()

    def rank(name: str) -> tuple[bool, bool, bool, float, str]:
        folder = Path(name).parts[1]
        return name not in meeting, folder in BUILT_ON_IT, folder != own, seconds.get(name, MOST_SECONDS), name

    for name in sorted(meeting | others, key=rank):
        spent += seconds.get(name, MOST_SECONDS)
        if some and spent > MOST_SECONDS:
            break
        some.append(name)
    return some


class Noticing:
    """Writes down the test that fails."""

    def __init__(self, told: Path) -> None:
        self.told = told

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.told.write_text(report.nodeid)


def run_tests(names: list[str], told: Path) -> int:
    import pytest

    return int(pytest.main(["-x", *QUIETLY, *names], plugins=[Noticing(told)]))


def survives(path: Path, number: int | None, names: list[str], told: Path, *, warm: bool) -> bool:
    """Whether none of these tests fails with this fault; without one, none may. `told` says which one failed."""
    module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    told.write_text("")

    def act() -> int:
        if number is not None and warm:
            for name, (was, now) in changed(path, number).items():
                put_into(import_module(module), name, was, now)
        elif number is not None:
            sys.meta_path.insert(0, Planting(module, path, planted(path.read_text(), number)))
        return run_tests(names, told)

    status = alone(act, LONGEST, int(3 * MOST_SECONDS))
    if status > max(NOTICED) and not told.read_text():
        raise RuntimeError(f"the tests of {path} did not run: {status}")
    return status == 0


def tests_of(known: dict[str, Any], shown: str, line: int, *, at_import: bool) -> list[str]:
    """Tests that meet a line, then those that meet another of its file: what is kept once it was made, only the first
    test that needs it is seen to meet. What is run at import, all that meet the file meet, and all of a file that
    imports it: a value is read without a line of its file."""
    met = known["met"].get(shown, {})
    failed, meeting = set(known["failed"]), set(met.get(str(line), []))
    all_of_it = {name for some in met.values() for name in some}
    surely, perhaps = meeting, (all_of_it if meeting else set[str]())
    if at_import:
        module = ".".join(Path(shown).with_suffix("").parts[1:])
        surely = all_of_it | {name for name in known["seconds"] if module in imported_by(name.partition("::")[0])}
    return chosen(Path(shown).parent.name, surely - failed, perhaps - failed, known["seconds"])


@cache
def imported_by(test: str) -> frozenset[str]:
    """Modules that a file of tests imports, or from which it imports something."""
    nodes = [node for node in ast.walk(ast.parse((ROOT / test).read_text())) if isinstance(node, ast.ImportFrom)]
    inside = {f"{node.module}.{name.name}" for node in nodes for name in node.names}
    return frozenset(inside | {node.module for node in nodes if node.module})


def try_one(known: dict[str, Any], path: Path, number: int, told: Path, *, warm: bool) -> dict[str, Any]:
    """What fails with the fault has to pass without it, after the same tests; one that does not is asked no more."""
    line, what, _ = list(faults(ast.parse(path.read_text())))[number]
    shown = str(path.relative_to(ROOT))
    while names := tests_of(known, shown, line, at_import=not warm):
        lives = survives(path, number, names, told, warm=warm)
        by = told.read_text()
        if lives or survives(path, None, names[: names.index(by) + 1] if by in names else names, told, warm=warm):
            break
        if not told.read_text():
            raise SystemExit(f"the tests of {shown}, line {line}, do not end without a fault")
        known["failed"].append(told.read_text())
    else:
        lives = True
    return {"file": shown, "number": number, "line": line, "fault": what, "tests": len(names), "survived": lives}


def try_all(kept: Path, some: int, seed: int) -> list[dict[str, Any]]:
    """So many faults, each a line of `kept` once it was tried.

    Those in functions are put into a process that has imported everything; those that are run at import cannot be.
    """
    files = [path for name in MUTATED for path in sorted((ROOT / "src" / "palate" / name).glob("*.py"))]
    places = [(path, number) for path in files for number in places_in(path)]
    wanted = random.Random(seed).sample(places, min(some, len(places)))
    done = {(one["file"], one["number"]) for one in tried(kept)}
    left = [(path, number) for path, number in wanted if (str(path.relative_to(ROOT)), number) not in done]
    import_much()
    for begin in range(0, len(left), AT_ONCE):  # whoever stops it has tried a sample as well
        part = left[begin : begin + AT_ONCE]
        child = os.fork()
        if child == 0:
            try:
                try_some(kept, part, warm=True)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            raise SystemExit("the faults in functions were not all tried")
        try_some(kept, part, warm=False)
    return tried(kept)


def places_in(path: Path) -> list[int]:
    """The numbers of a file's faults, but of those on lines that coverage is told to leave out, each with its reason:
    what another system alone runs cannot be tested here."""
    import coverage

    _, _, left_out, _, _ = coverage.Coverage(data_file=None).analysis2(str(path))
    found = faults(ast.parse(path.read_text()))
    return [number for number, (line, _, _) in enumerate(found) if line not in set(left_out)]


def tried(kept: Path) -> list[dict[str, Any]]:
    log = kept / "tried.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def try_some(kept: Path, places: list[tuple[Path, int]], *, warm: bool) -> None:
    known = json.loads((kept / "met.json").read_text())
    if warm:
        collect(known)
    for path, number in places:
        if bool(changed(path, number)) == warm:
            line = json.dumps(try_one(known, path, number, kept / "failed", warm=warm))
            with (kept / "tried.jsonl").open("a") as file:
                file.write(line + "\n")


def collect(known: dict[str, Any]) -> None:
    """Import the tests, and all of ours that they import, once for all forks."""
    import pytest

    files = sorted({name.split("::")[0] for name in known["seconds"]})
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        pytest.main(["--collect-only", *QUIETLY, *files])


def import_much() -> None:
    """What tests import of others, once, so that each fork has it; nothing of ours, in which faults are planted."""
    import fastapi  # noqa: F401
    import numpy  # noqa: F401
    import PIL.Image  # noqa: F401
    import pytest  # noqa: F401
    import sqlalchemy  # noqa: F401
    import torch
    import transformers  # noqa: F401

    torch.set_num_threads(1)


def main(some: int, seed: int, kept: Path, tests: list[str]) -> dict[str, Any]:
    kept.mkdir(parents=True, exist_ok=True)
    if not (kept / "met.json").exists() and alone(lambda: meet(kept, tests), 3600):
        raise SystemExit("the tests did not end")
    known = json.loads((kept / "met.json").read_text())
    lines = try_all(kept, some, seed)
    killed = sum(not one["survived"] for one in lines)
    unmet = sum(not one["tests"] for one in lines)
    counted = {"planted": len(lines), "found": killed, "on_lines_no_test_meets": unmet}
    return {
        **counted,
        "share": round(killed / len(lines), 3) if lines else None,
        "branches": round(known["branches"], 1),
        "fail_anyway": known["failed"],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--some", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path, default=ROOT / ".cache" / "mutants")
    parser.add_argument("--tests", nargs="+", default=[str(ROOT / "tests" / name) for name in TESTS])
    told = main(**vars(parser.parse_args()))
    print(json.dumps(told))
    sys.exit(told["share"] is not None and told["share"] < BAR)
