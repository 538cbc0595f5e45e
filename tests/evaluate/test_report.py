"""Reports as programs read them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palate.evaluate.report import Metric, Report, write_run

REPORT = Report(
    scenario="gemrec",
    metrics={"find/spearman": Metric(0.4, (0.3, 0.5), 70)},
    cases=70,
    unscored=2,
    took_s=1.23456,
    run="runs/one",
)


def test_a_report_is_json_of_the_documented_shape() -> None:
    answer = json.loads(json.dumps(REPORT.as_json()))
    assert answer["metrics"] == {"find/spearman": {"value": 0.4, "ci95": [0.3, 0.5], "n": 70}}
    assert (answer["scenario"], answer["cases"], answer["unscored"]) == ("gemrec", 70, 2)
    assert (answer["took_s"], answer["run"]) == (1.235, "runs/one")


def test_a_run_is_a_folder_of_plain_files(tmp_path: Path) -> None:
    write_run(tmp_path / "run", {"seed": 1}, [{"split": 0}, {"split": 1}], [{"prompt": "1", "find": 0.5}], REPORT)
    read = {path.name: path.read_text() for path in (tmp_path / "run").iterdir()}
    assert set(read) == {"specification.json", "cases.jsonl", "scores.jsonl", "summary.json"}
    assert json.loads(read["specification.json"]) == {"seed": 1}
    assert [json.loads(line)["split"] for line in read["cases.jsonl"].splitlines()] == [0, 1]
    assert json.loads(read["summary.json"]) == REPORT.as_json()


def test_a_score_that_is_not_a_number_is_not_written_as_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_run(tmp_path / "run", {}, [], [{"prompt": "1", "find": float("nan")}], REPORT)
