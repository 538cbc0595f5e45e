"""The pocket CLIP's recipe: its arithmetic, and two steps of it on pictures made here."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pocket_world import small_world
from recipes import clip, schedule


def test_infonce_of_equal_scores_is_the_logarithm_of_the_batch() -> None:
    nothing_same = torch.eye(4, dtype=torch.bool)
    assert float(clip.infonce(torch.zeros(4, 4), nothing_same)) == pytest.approx(math.log(4))


def test_equal_captions_are_no_negatives() -> None:
    same = torch.tensor([[True, True, False], [True, True, False], [False, False, True]])
    # Rows 0 and 1 have one negative each, row 2 has two.
    expected = (2 * math.log(2) + math.log(3)) / 3
    assert float(clip.infonce(torch.zeros(3, 3), same)) == pytest.approx(expected)


def test_ties_never_flatter_recall() -> None:
    assert clip.recall_at(np.eye(3, dtype=np.float32), 1) == 1.0
    assert clip.recall_at(np.zeros((3, 3), np.float32), 1) == 0.0
    assert clip.recall_at(np.zeros((3, 3), np.float32), 3) == 1.0


def test_naming_weighs_rare_words_more() -> None:
    guesses = torch.log(torch.tensor([[0.5, 0.25, 0.25]]))
    surprise = torch.tensor([0.0, 1.0, 3.0])
    # The first token says nothing; the others share the target 1 : 3, and both are guessed at 1/4.
    assert float(clip.naming_loss(guesses, torch.tensor([[0, 1, 2]]), surprise)) == pytest.approx(math.log(4))


def test_the_rate_rises_in_a_line_and_ends_near_nothing() -> None:
    assert schedule.learning_rate(0, 100, 10) == pytest.approx(0.1)
    assert schedule.learning_rate(10, 100, 10) == pytest.approx(1.0)
    assert schedule.learning_rate(100, 100, 10) == pytest.approx(0.02)


def test_patches_with_ink_are_seen_first() -> None:
    shown = torch.ones(1, 3, 64, 64)
    shown[:, :, 8:16, 16:20] = -1.0
    assert 8 * 1 + 2 in clip.inked_patches(shown, 1)[0].tolist()


def test_two_steps_train_and_a_stopped_run_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path))
    small_world(tmp_path)
    numbers = {
        "steps": 2,
        "batch": 8,
        "width": 64,
        "layers": 1,
        "text-width": 64,
        "text-layers": 1,
        "tests": 3,
        "every": 1,
    }
    small = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    clip.main([*small, "--name", "whole"])
    clip.main([*small, "--name", "broken", "--stop-after", "1"])
    last = clip.main([*small, "--name", "broken", "--resume"])
    assert last["step"] == 2
    assert set(last["held"]) == {f"{way}_R@{k}" for way in ("picture_to_words", "words_to_picture") for k in (1, 5)}
    from safetensors.torch import load_file

    whole, broken = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "broken"))
    assert whole.keys() == broken.keys()
    assert all(torch.allclose(whole[key].float(), broken[key].float(), atol=1e-5) for key in whole)
