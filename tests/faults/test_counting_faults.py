"""What counts kills and planted faults counts right."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from typing import Any

from kills import compared, summed

WANTED = {
    "drawn": {"a": "p", "b": "q"},
    "blobs": ["p", "q"],
    "leftovers": [],
    "drawings": 2,
    "credits": 3,
    "pictures": ["p", "q"],
    "vectors": [("picture", "p"), ("picture", "q")],
}


def mutants() -> Any:
    path = Path(__file__).parents[2] / "checks" / "mutants.py"
    specification = importlib.util.spec_from_file_location("mutants", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_equal_homes_differ_in_nothing() -> None:
    assert compared(WANTED, WANTED) == {"lost": 0, "doubled": 0, "phantom": 0}


def test_what_is_lost_doubled_or_phantom_is_counted() -> None:
    gone = {**WANTED, "drawn": {"a": "p"}, "blobs": ["p"], "pictures": ["p"]}
    assert compared(WANTED, gone)["lost"] == 3
    assert compared(WANTED, {**WANTED, "drawings": 4})["doubled"] == 2
    assert compared(WANTED, {**WANTED, "blobs": ["p", "q", "r"], "leftovers": [".half"]})["phantom"] == 2
    other = {**WANTED, "drawn": {"a": "p", "b": "p"}}
    assert compared(WANTED, other)["lost"] == 1  # the right number of pictures, and one is of another task


def test_homes_are_added_up_and_the_slowest_start_is_told() -> None:
    line = {
        "lost": 0,
        "doubled": 0,
        "phantom": 0,
        "wrong": 0,
        "kills": 40,
        "again": 20,
        "claimed": 16,
        "cold_s": [4.5, 3.0],
    }
    total = summed([line, {**line, "cold_s": None, "lost": 1}])
    assert (total["kills"], total["lost"], total["again"], total["claimed"], total["cold_s"]) == (
        80,
        1,
        40,
        16,
        (4.5, 3.0),
    )


def test_every_kind_of_fault_is_planted_where_it_says() -> None:
    source = "def f(x: int = 1) -> int:\n    if x < 2 and not g(x):\n        g(x)\n        return x + 3\n    raise E\n"
    found = mutants()
    told = [(line, what) for line, what, _ in found.faults(ast.parse(source))]
    assert sorted(told) == [
        (1, "1 to 2"),
        (2, "2 to 3"),
        (2, "And to Or"),
        (2, "Lt to LtE"),
        (2, "condition turned round"),
        (3, "left out"),
        (4, "3 to 4"),
        (4, "Add to Sub"),
        (4, "answers None"),
        (5, "left out"),
    ]
    lines = [ast.unparse(found.planted(source, number)).splitlines() for number in range(len(told))]
    whole = ast.unparse(ast.parse(source)).splitlines()
    for (line, what), changed in zip(told, lines, strict=True):
        assert [place for place, text in enumerate(whole, 1) if text != changed[place - 1]] == [line], what
    assert "    return None" in {text[4:] for text in lines[told.index((4, "answers None"))]}


def test_a_test_that_meets_a_line_is_among_those_that_run_and_the_slow_come_last() -> None:
    chosen = mutants().chosen
    slow, quick, unknown, above, own = (
        f"tests/{name}" for name in ("grow/slow", "grow/quick", "grow/unknown", "serve/above", "people/own")
    )
    seconds = {slow: 59.0, quick: 0.1, above: 0.2, own: 0.5}
    assert chosen("people", {slow, quick, unknown}, set(), seconds) == [quick, slow]
    assert chosen("people", {above, quick}, set(), seconds) == [quick, above]
    assert chosen("people", {quick, own}, set(), seconds) == [own, quick]
    assert chosen("people", {above}, {quick, above}, seconds) == [above, quick]  # who meets the line comes first
    assert chosen("people", {slow}, set(), {slow: 1000.0}) == [slow]
    assert json.dumps(chosen("people", set(), set(), {})) == "[]"


def test_a_test_that_imports_a_file_meets_what_is_run_at_its_import() -> None:
    found = mutants()
    here, other = "tests/catalogue/test_values_on_paper.py::one", "tests/people/test_people.py::another"
    known = {"met": {}, "failed": [], "seconds": {here: 0.1, other: 0.1}}
    cells = "src/palate/catalogue/cells.py"
    assert found.tests_of(known, cells, 45, at_import=True) == [here]
    assert found.tests_of(known, cells, 45, at_import=False) == []


def test_a_function_is_given_its_fault_where_it_is_imported_already() -> None:
    found = mutants()
    path = found.ROOT / "src" / "palate" / "people" / "gate.py"
    places = list(enumerate(found.faults(ast.parse(path.read_text()))))
    inside = next(number for number, (_, what, _) in places if what == "left out")
    [(name, (was, now))] = found.changed(path, inside).items()
    assert (name, was != now, was.co_name) == ("authorize", True, "authorize")


def test_nothing_is_planted_where_coverage_is_told_not_to_look() -> None:
    found, path = mutants(), Path(__file__).parents[2] / "src" / "palate" / "catalogue" / "lock.py"
    lines = [line for line, _, _ in found.faults(ast.parse(path.read_text()))]
    kept = {lines[number] for number in found.places_in(path)}
    told = path.read_text().splitlines()
    windows = next(at for at, text in enumerate(told, 1) if text.startswith("def _try_lock_windows"))
    assert max(lines) > windows > max(kept)
    assert len(kept) > 10
