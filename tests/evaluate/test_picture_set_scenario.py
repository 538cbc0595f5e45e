"""Models' pictures as sets: one that draws otherwise is further from the others than they are from each other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.page import unnamed
from palate.evaluate.picture_sets import PictureSet, evaluate_pictures, read_training

PROMPTS, MODELS, WIDE = 30, 4, 8


def world(shift: float = 0.0) -> PictureSet:
    """Each picture is its prompt's vector and noise; the last model's are all moved one way."""
    rng = np.random.default_rng(0)
    words = rng.normal(size=(PROMPTS, WIDE))
    model, prompt = np.tile(np.arange(MODELS), PROMPTS), np.repeat(np.arange(PROMPTS), MODELS)
    pictures = words[prompt] + 0.3 * rng.normal(size=(PROMPTS * MODELS, WIDE))
    pictures[model == MODELS - 1, 0] += shift
    return PictureSet("made", tuple("abcd"), model, prompt, pictures, words[prompt])


def test_the_odd_model_is_furthest_and_like_ones_are_at_the_floor(tmp_path: Path) -> None:
    report = evaluate_pictures(world(shift=4.0), models=MODELS, out=tmp_path)
    [rows] = report.tables.values()
    assert rows[-1]["model"] == "d"
    assert rows[-1]["fid"] > 3 * rows[-2]["fid"]
    assert report.metrics["models/kid"].value > report.metrics["floor/kid"].value
    assert not unnamed(report.metrics, {})
    assert json.loads((tmp_path / "summary.json").read_text())["left_out"].keys() == {"memorisation", "aesthetics"}


def test_without_a_difference_models_are_at_the_floor() -> None:
    report = evaluate_pictures(world(), models=MODELS)
    low, high = report.metrics["models/kid"].ci95
    assert low - 0.5 < report.metrics["floor/kid"].value < high + 0.5
    assert report.metrics["models/clip_score"].value > 90


def test_only_so_many_models_are_asked() -> None:
    assert evaluate_pictures(world(), models=2, seed=1).cases == 2


def test_pictures_drawn_from_memory_are_told_from_fresh_ones() -> None:
    rng = np.random.default_rng(1)
    training = rng.normal(size=(200, WIDE))
    copies = world()
    rows = training[:100][np.arange(len(copies.pictures)) % 100] + 1e-3
    drawn = PictureSet("made", copies.models, copies.model, copies.prompt, rows, copies.words)
    report = evaluate_pictures(drawn, models=MODELS, training=training)
    assert report.metrics["drawn/copied"].value == 1.0
    assert report.metrics["held-out/copied"].value < 0.75
    assert "memorisation" not in report.left_out


def test_what_was_trained_on_is_read_from_a_file_of_ones_own(tmp_path: Path) -> None:
    assert read_training(None, 4) is None
    assert read_training(tmp_path, 4) is None
    np.savez(tmp_path / "training.npz", seen=np.zeros((5, 4)), unseen=np.ones((5, 4)))
    found = read_training(tmp_path, 4)
    assert found is not None
    assert found.sum(axis=1).tolist() == [0.0] * 5 + [4.0] * 5
    for wrong in (8, 2):
        with pytest.raises(PalateError, match="one shape"):
            read_training(tmp_path, wrong)
    np.savez(tmp_path / "training.npz", seen=np.zeros((5, 4)))
    with pytest.raises(PalateError, match="seen and unseen"):
        read_training(tmp_path, 4)


def test_too_few_pictures_are_an_error() -> None:
    few = world()
    with pytest.raises(PalateError, match="pictures each"):
        part = PictureSet("made", few.models, few.model[:12], few.prompt[:12], few.pictures[:12], few.words[:12])
        evaluate_pictures(part, models=2)
