"""The steering scenario on a made bank: better, same and worse are shares of people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palate.evaluate.steering import SteeringDesign, compared, evaluate_steering
from palate.steer.value import ValueLearning


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
