"""Likeness of two pictures, with answers that can be worked out, and torchmetrics' SSIM as the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from palate.errors import PalateError
from palate.metrics.likeness import mean_pairwise, perceptual_distance, sharpness, ssim


def pictures() -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    one = chance.integers(0, 256, (40, 48, 3)).astype(np.float64)
    return one, np.clip(one + chance.normal(0, 40, one.shape), 0, 255)


def test_a_picture_is_like_itself() -> None:
    one, two = pictures()
    assert ssim(one, one) == pytest.approx(1.0)
    assert ssim(one, two) == pytest.approx(ssim(two, one))


def test_it_agrees_with_torchmetrics() -> None:
    one, two = (picture @ np.array([0.299, 0.587, 0.114]) for picture in pictures())
    wanted = structural_similarity_index_measure(
        torch.tensor(one)[None, None], torch.tensor(two)[None, None], data_range=255.0
    )
    assert isinstance(wanted, torch.Tensor)
    assert ssim(one, two) == pytest.approx(float(wanted), abs=1e-4)


def test_pictures_of_two_sizes_do_not_compare() -> None:
    with pytest.raises(PalateError, match="do not compare"):
        ssim(np.zeros((8, 8)), np.zeros((8, 9)))


def test_two_flat_greys_differ_by_their_means_alone() -> None:
    c1 = (0.01 * 255) ** 2
    assert ssim(np.full((16, 16), 100.0), np.full((16, 16), 50.0)) == pytest.approx(
        (2 * 100 * 50 + c1) / (100**2 + 50**2 + c1), abs=1e-6
    )


def test_features_at_right_angles_are_two_apart_and_length_does_not_count() -> None:
    layer = np.array([[1.0, 0.0], [0.0, 2.0]])
    assert perceptual_distance([layer], [5 * layer]) == pytest.approx(0.0)
    assert perceptual_distance([layer], [layer[:, ::-1]]) == pytest.approx(2.0)
    assert perceptual_distance([layer, layer], [layer, -layer]) == pytest.approx((0 + 4) / 2)


def test_a_ramp_of_three_levels_a_pixel_is_three_sharp() -> None:
    assert sharpness(np.tile(3.0 * np.arange(20), (20, 1))) == pytest.approx(3.0)
    assert sharpness(np.full((5, 5, 3), 77.0)) == 0.0


def test_pairs_are_counted_without_each_with_itself() -> None:
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert mean_pairwise(rows) == pytest.approx(1 / 3)
    with pytest.raises(PalateError):
        mean_pairwise(rows[:1])
