"""The steering scenario on a made bank: better, same and worse are shares of people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate import steering
from palate.evaluate.steering import SteeringDesign, compared, evaluate_steering
from palate.steer import rounds
from palate.steer.transitions import Transitions
from palate.steer.value import ValueLearning, train_value


def test_better_same_and_worse_by_hand() -> None:
    worth = {
        "unranked": np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]]),
        "greedy": np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 0.0], [0.0, 2.0]]),
        "first": np.zeros((4, 2)),
    }
    metrics = compared(worth, 0)
    values = [metrics[f"greedy/{what}@2"].value for what in ("better", "same", "worse", "better-worse")]
    assert values == [0.5, 0.25, 0.25, 0.25]
    assert metrics["greedy-vs-first/better@2"].value == 0.75
    assert "first/better@2" not in metrics


def test_taste_leads_to_what_people_truly_like(tmp_path: Path) -> None:
    learning = ValueLearning(steps=20, hidden=16)
    design = SteeringDesign(people=60, recorded=60, simulated=20, ablation=True, learning=learning)
    report = evaluate_steering(design, out=tmp_path / "run")
    assert report.metrics["greedy/better-worse@5"].ci95[0] > 0
    for policy in ("greedy", "exploring", "foreseeing", "iql", "iql-recorded", "iql-simulated"):
        shares = [report.metrics[f"{policy}/{what}@5"].value for what in ("better", "same", "worse")]
        assert sum(shares) == pytest.approx(1)
    assert {"iql-vs-greedy/better@5", "iql-vs-iql-recorded/better-worse@5"} <= set(report.metrics)
    assert len((tmp_path / "run" / "scores.jsonl").read_text().splitlines()) == 8 * 60


def test_a_run_that_was_stopped_goes_on_and_may_ask_for_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    design = SteeringDesign(people=10, recorded=30, simulated=12, rounds=1, learning=ValueLearning(steps=4, hidden=8))
    whole = evaluate_steering(design)
    taught: list[int] = []

    def counted(data: Transitions, learning: ValueLearning, **rest: Any) -> Any:
        taught.append(len(data.states))
        return train_value(data, learning, **rest)

    for place in (rounds, steering):
        monkeypatch.setattr(place, "train_value", counted)
    first = evaluate_steering(design, out=tmp_path)
    assert first.metrics == whole.metrics
    again = evaluate_steering(replace(design, each=2, ablation=True), out=tmp_path)
    assert {name: table.n for name, table in again.metrics.items()}["iql/better@5"] == 20
    # The value of both kinds was learned once; its turns were let go, and made again for the value of made ones alone.
    assert len(taught) == 4
    with pytest.raises(PalateError, match="another design"):
        evaluate_steering(replace(design, recorded=31), out=tmp_path)


def test_a_made_bank_has_no_other_things() -> None:
    with pytest.raises(PalateError, match="no things"):
        evaluate_steering(SteeringDesign(people=10, recorded=20, simulated=0, other_things=True))
