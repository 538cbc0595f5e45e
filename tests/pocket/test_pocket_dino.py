"""The pocket DINO's recipe: its arithmetic, and two steps of it on pictures made here."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pocket_world import small_world
from recipes import dino


def test_a_student_that_says_what_the_teacher_says_loses_nothing() -> None:
    told, others = torch.eye(3)[:2], torch.eye(3)[2:]
    assert float(dino.telling_loss(told, told, others)) == pytest.approx(np.log(1 + 2 * np.exp(-10)), rel=1e-3)
    assert float(dino.telling_loss(told, others.repeat(2, 1), others)) == pytest.approx(np.log(3))


def test_the_oldest_crops_are_forgotten_first() -> None:
    kept = torch.arange(4.0)[:, None]
    dino.remember(kept, torch.tensor([[8.0], [9.0]]))
    assert kept.flatten().tolist() == [8.0, 9.0, 0.0, 1.0]


def test_a_crop_of_white_is_white() -> None:
    assert torch.allclose(dino.recoloured(dino.crops(torch.ones(3, 3, 64, 64), 32, 0.5, 1.1)), torch.ones(3, 3, 32, 32))


def test_neighbours_count_sets_and_concepts_of_other_families() -> None:
    rows = [
        {"set": of, "name": name} for of, name in (("tabler", "cat"), ("tabler", "dog"), ("ri", "cat"), ("ri", "dog"))
    ]
    by_concept = np.array([[1, 0], [0, 1], [1, 0.1], [0.1, 1]], np.float32)
    assert dino.neighbours(by_concept, rows) == {"set@1": 0.0, "concept@1": 1.0}
    by_set = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], np.float32)
    assert dino.neighbours(by_set, rows)["set@1"] == 1.0


def test_two_steps_train_and_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path))
    small_world(tmp_path)
    numbers = {"steps": 2, "batch": 8, "width": 64, "layers": 1, "tests": 20, "every": 1}
    small = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    dino.main([*small, "--stop-after", "1"])
    last = dino.main([*small, "--resume"])
    assert last["step"] == 2
    assert 0 <= last["set@1"] <= 1
