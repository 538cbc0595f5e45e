"""A training shared by two processes takes the steps that one would, and stops where it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from pocket_world import small_world
from recipes import autoencoder, course, together, work

RECIPES = Path(course.__file__).parents[1]


def test_a_recipe_alone_is_the_first_of_one(tmp_path: Path) -> None:
    del tmp_path
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.full((2,), 3.0)
    assert together.share() == (0, 1)
    assert together.average([weight], 1.0) == 1.0
    assert weight.grad.tolist() == [3.0, 3.0]
    with together.in_turn():
        pass


def test_each_process_draws_its_own_part() -> None:
    one, _ = course.chance(0, 5)
    again, _ = course.chance(0, 5)
    assert one.integers(1000, size=4).tolist() == again.integers(1000, size=4).tolist()


@pytest.mark.long
def test_two_processes_make_one_network_and_go_on_after_being_stopped(tmp_path: Path) -> None:
    os.environ["PALATE_POCKET_WORK"] = str(tmp_path)
    try:
        small_world(tmp_path)
        autoencoder.main(["--steps", "2", "--batch", "4", "--width", "16", "--tests", "4"])
    finally:
        del os.environ["PALATE_POCKET_WORK"]
    command = [sys.executable, "-m", "recipes.together", "autoencoder", "--steps", "4000", "--batch", "4"]
    command += ["--width", "16", "--tests", "4", "--resume"]
    there = {**os.environ, "PALATE_POCKET_WORK": str(tmp_path)}
    with subprocess.Popen(command, cwd=RECIPES, env=there, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert any("/4000] loss" in line for line in running.stdout)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=120)
    assert running.returncode == 0
    state = work.read_json(tmp_path / "autoencoder" / "state.json")
    assert 2 < state["step"] < 4000
    assert state["options"]["batch"] == 4
    assert np.isfinite(state["history"][-1]["error"])
