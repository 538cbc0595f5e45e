"""The pocket DINO's recipe: its arithmetic, and two steps of it on pictures made here."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pocket_world import small_world
from recipes import dino


def test_balanced_shares_give_every_prototype_as_much() -> None:
    shares = dino.balanced(torch.randn(8, 4, generator=torch.Generator().manual_seed(0)) * 0.05, rounds=50)
    assert torch.allclose(shares.sum(1), torch.ones(8), atol=1e-4)
    assert torch.allclose(shares.sum(0), torch.full((4,), 2.0), atol=1e-3)


def test_a_student_that_is_sure_of_what_the_teacher_says_loses_nothing() -> None:
    told = [torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0]])]
    said = [torch.tensor([[9.0, -9.0]]), torch.tensor([[9.0, -9.0]]), torch.tensor([[9.0, -9.0]])]
    assert float(dino.agreement_loss(told, said)) == pytest.approx(0.0, abs=1e-6)
    unsure = [torch.zeros(1, 2)] * 3
    assert float(dino.agreement_loss(told, unsure)) == pytest.approx(np.log(2))


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
