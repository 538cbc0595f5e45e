"""Two runs side by side, and bars for a team's CI."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from palate.cli.main import app
from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric, Report, write_run
from palate.evaluate.runs import bars_of, compare, gate, p_value, read_run


def run(folder: Path, *, scenario: str = "recommend", metrics: Mapping[str, Metric] | None = None) -> Path:
    write_run(folder, {}, [], [], Report(scenario, metrics or {}, 1, 0, 0.0))
    return folder


def test_only_what_chance_would_rarely_do_is_a_sure_difference(tmp_path: Path) -> None:
    first = run(
        tmp_path / "a",
        metrics={
            "x/up": Metric(0.5, (0.48, 0.52), 9),
            "x/same": Metric(0.5, (0.4, 0.6), 9),
            "x/s": Metric(3, (3, 3), 1),
        },
    )
    second = run(
        tmp_path / "b",
        metrics={
            "x/up": Metric(0.6, (0.58, 0.62), 9),
            "x/same": Metric(0.52, (0.4, 0.6), 9),
            "x/s": Metric(9, (9, 9), 1),
        },
    )
    found = {row.name: row for row in compare(first, second)}
    assert list(found) == ["x/up", "x/same", "x/s"]
    assert found["x/up"].sure
    assert found["x/up"].change == pytest.approx(0.1)
    assert not found["x/same"].sure
    assert not found["x/s"].sure


def test_a_p_value_is_that_of_the_normal_distribution() -> None:
    se = 0.01
    interval = 1.959964 * se
    first, second = (
        Metric(value, (value - interval, value + interval), 9) for value in (0.5, 0.5 + 1.959964 * se * 2**0.5)
    )
    assert p_value(first, second) == pytest.approx(0.05, abs=1e-6)


def test_many_metrics_are_corrected_for(tmp_path: Path) -> None:
    names = [f"m_{number}" for number in range(20)]
    narrow = 0.01
    first = run(tmp_path / "a", metrics={name: Metric(0.5, (0.5 - narrow, 0.5 + narrow), 9) for name in names})
    second = run(tmp_path / "b", metrics={name: Metric(0.515, (0.515 - narrow, 0.515 + narrow), 9) for name in names})
    assert all(row.p < 0.05 and not row.sure for row in compare(first, second))


def test_runs_of_two_scenarios_are_not_compared(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="nothing to compare"):
        compare(run(tmp_path / "a"), run(tmp_path / "b", scenario="gemrec"))


def scored(folder: Path, seed: int, worse: float = 1.0) -> Path:
    """2,000 people's scores, the same in the mean whatever the seed."""
    values = np.random.default_rng(seed).beta(2, 2, 2000) * worse
    return run(folder, metrics={"ease/ndcg": bootstrap(values, seed=seed)})


def test_a_scorer_made_5_percent_worse_is_stopped_and_noise_is_not(tmp_path: Path) -> None:
    bars = tmp_path / "bars.toml"
    bars.write_text('"ease/ndcg" = {least = 0.5}\n')
    for seed in range(20):
        [verdict] = gate(scored(tmp_path / str(seed), seed), bars)
        assert verdict.passed, verdict
    [verdict] = gate(scored(tmp_path / "worse", 100, worse=0.95), bars)
    assert not verdict.passed


def test_bars_from_below_from_above_strict_and_of_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "bars.toml").write_text(
        '"a/b" = {least = 0.5, strict = true}\n"a/c" = {most = 10}\n"a/d" = {least = 1}\n"a/e" = {least = 0.5}\n'
    )
    here = run(
        tmp_path / "run",
        metrics={
            "a/b": Metric(0.49, (0.4, 0.6), 9),
            "a/c": Metric(12, (12, 12), 1),
            "a/e": Metric(0.49, (0.4, 0.6), 9),
        },
    )
    said = {row.name: (row.passed, row.bar, row.said) for row in gate(here, tmp_path / "bars.toml")}
    assert said["a/b"] == (False, "at least 0.5", "0.49 [0.4, 0.6]")
    assert said["a/c"][:2] == (False, "at most 10")
    assert said["a/d"] == (False, "at least 1", "not in this run")
    assert said["a/e"][0]


@pytest.mark.parametrize("text", ["", "x = 1", "[a]\nlowest = 3", 'a = {least = "x"}', "a = "])
def test_bars_that_say_nothing_clear_are_errors(tmp_path: Path, text: str) -> None:
    (tmp_path / "bars.toml").write_text(text)
    with pytest.raises(PalateError):
        gate(run(tmp_path / "run"), tmp_path / "bars.toml")


def test_a_folder_that_is_no_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="no run"):
        read_run(tmp_path)
    (tmp_path / "summary.json").write_text('{"scenario": 1}')
    with pytest.raises(PalateError, match="not a run"):
        read_run(tmp_path)


def suite(folder: Path, seed: int, worse: float = 1.0) -> Path:
    """A folder as `palate evaluate all` leaves it, of one scenario."""
    scored(folder / "recommend", seed, worse)
    (folder / "suite.json").write_text("{}")
    return folder


def test_whole_suites_are_compared_and_gated_by_names_that_begin_with_the_scenario(tmp_path: Path) -> None:
    good, worse = suite(tmp_path / "good", 0), suite(tmp_path / "worse", 1, worse=0.95)
    [row] = compare(good, worse)
    assert (row.name, row.sure, row.said) == ("recommend/ease/ndcg", True, "worse")
    (tmp_path / "bars.toml").write_text('"recommend/ease/ndcg" = {least = 0.5}\n')
    assert [gate(one, tmp_path / "bars.toml")[0].passed for one in (good, worse)] == [True, False]
    with pytest.raises(PalateError, match="no metric in common"):
        compare(good, scored(tmp_path / "alone", 0))
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "suite.json").write_text("{}")
    with pytest.raises(PalateError, match="no finished run"):
        compare(good, tmp_path / "empty")


def test_bars_of_a_run_pass_its_reruns_and_stop_what_is_five_percent_worse(tmp_path: Path) -> None:
    bars = tmp_path / "bars.toml"
    bars.write_text(bars_of(scored(tmp_path / "first", 0)))
    assert '"ease/ndcg" = {least = 0.4' in bars.read_text()
    passed = [gate(scored(tmp_path / str(seed), seed), bars)[0].passed for seed in range(1, 21)]
    assert all(passed)
    assert not gate(scored(tmp_path / "worse", 30, worse=0.95), bars)[0].passed


def test_a_run_has_bars_on_the_side_that_is_worse_and_none_for_its_clock(tmp_path: Path) -> None:
    metrics = {
        "a/ndcg": Metric(0.5, (0.4, 0.6), 9),
        "a/fid": Metric(3.0, (2.0, 4.0), 9),
        "a/p50_ms": Metric(3.0, (2.0, 4.0), 9),
        "a/exposure_gini": Metric(0.5, (0.4, 0.6), 9),
        "a/unheard-of": Metric(0.5, (0.4, 0.6), 9),
    }
    lines = bars_of(run(tmp_path / "run", metrics=metrics)).splitlines()
    assert lines[1:] == ['"a/fid" = {most = 4}', '"a/ndcg" = {least = 0.4}']


def test_the_commands_say_what_is_wrong_in_one_line_and_answer_json(tmp_path: Path) -> None:
    good, worse = scored(tmp_path / "good", 0), scored(tmp_path / "worse", 1, worse=0.95)
    told = CliRunner().invoke(app, ["evaluate", "compare", str(good), str(worse), "--json"])
    [row] = json.loads(told.output)["differences"]
    assert (row["metric"], row["second_is"]) == ("ease/ndcg", "worse")
    shown = CliRunner().invoke(app, ["evaluate", "compare", str(good), str(worse)])
    assert "1 of 1 metrics differ for sure" in shown.output
    written = CliRunner().invoke(app, ["evaluate", "bars", str(good)])
    (tmp_path / "bars.toml").write_text(written.output)
    gated = CliRunner().invoke(app, ["evaluate", "gate", str(worse), "--bars", str(tmp_path / "bars.toml"), "--json"])
    assert gated.exit_code == 1
    assert json.loads(gated.output)["passed"] is False
    for wrong in (tmp_path / "nowhere", tmp_path / "bars.toml"):
        failed = CliRunner().invoke(app, ["evaluate", "compare", str(good), str(wrong)])
        assert isinstance(failed.exception, PalateError)
        assert failed.exception.hint
    listed = CliRunner().invoke(app, ["evaluate", "--list"])
    assert listed.exit_code == 0
    assert "red-team" in listed.output
