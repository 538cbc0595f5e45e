"""The red team's counting: what a report of tests says, and what lists give away."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palate.evaluate import redteam
from palate.evaluate.crowds import made, most_chosen
from palate.evaluate.redteam import ATTACKS, checkout, evaluate_red_team, extraction, held, overlap, read_answers

JUNIT = """<testsuites><testsuite>
<testcase name="a" time="0"/><testcase name="b" time="0"><failure>x</failure></testcase>
<testcase name="c" time="0"><skipped/></testcase><testcase name="d" time="0"><error>y</error></testcase>
<testcase name="e" time="0"><failure message="hypothesis.errors.DeadlineExceeded: took 400 ms">z</failure></testcase>
</testsuite></testsuites>"""


def test_failures_and_errors_are_not_held_and_skipped_ones_are_not_counted() -> None:
    assert read_answers(JUNIT) == [("a", True), ("b", False), ("d", False)]


def test_every_kind_of_attack_names_tests_that_are_there() -> None:
    root = checkout()
    assert root is not None
    assert len(ATTACKS) >= 9
    assert all((root / file).is_file() for files in ATTACKS.values() for file in files)


def test_a_kinds_tests_are_run_beside_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_two.py").write_text("def test_one():\n    pass\n\ndef test_other():\n    assert False\n")
    monkeypatch.setattr(redteam, "ATTACKS", {"made": ("tests/test_two.py",)})
    assert held("made", tmp_path, 60) == [("test_one", True), ("test_other", False)]
    assert held("made", tmp_path, 0.01) == []


def test_more_queries_give_more_away() -> None:
    found = extraction(most_chosen("made people", made(0, people=120)), (10, 300))
    assert found["ease:300-queries/extracted"].value > found["ease:10-queries/extracted"].value
    assert all(0.0 <= metric.value <= 1.0 for metric in found.values())


def test_overlap_by_hand() -> None:
    one = np.arange(10)[None]
    assert overlap(one, one, 0).value == 1.0
    assert overlap(one, one + 5, 0).value == 0.5


def test_what_was_not_tried_is_said() -> None:
    report = evaluate_red_team(None, kinds=0)
    assert {"service", "prompt-injection"} <= set(report.left_out)
    assert not any(name.endswith("/held") for name in report.metrics)
