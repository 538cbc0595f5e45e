"""Blurred counts: EASE where nothing is blurred, and no single person to be seen where it is."""

from __future__ import annotations

import numpy as np
import pytest

from palate.recommend.blurred import BlurredEase, symmetric_noise
from palate.recommend.ease import Ease

HISTORIES = [np.array(one) for one in ([0, 1, 2], [0, 1], [2, 3], [1, 2, 3], [0, 3])]


def test_without_noise_and_cap_it_is_ease() -> None:
    plain, blurred = Ease(penalty=2.0).fit(HISTORIES, 4), BlurredEase(penalty=2.0, most=9, noise=0.0).fit(HISTORIES, 4)
    np.testing.assert_allclose(blurred.B, plain.B, atol=1e-6)


def test_noise_is_the_same_for_a_pair_in_either_order_and_has_its_spread() -> None:
    noise = symmetric_noise(200, 3.0, np.random.default_rng(0))
    assert (noise == noise.T).all()
    assert noise.std() == pytest.approx(3.0, rel=0.02)


def test_a_seed_is_one_blur_and_nobody_counts_for_more_than_a_few_choices() -> None:
    first, again, other = (BlurredEase(seed=seed).fit(HISTORIES, 4).B for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()
    loud = [*HISTORIES, np.arange(4)]
    one = BlurredEase(penalty=2.0, most=1, noise=0.0).fit(loud, 4)
    assert np.abs(one.B).max() < 1e-9, "with one choice each, no two items have common people"


def test_much_noise_stays_finite() -> None:
    assert np.isfinite(BlurredEase(penalty=1.0, noise=1000.0).fit(HISTORIES, 4).B).all()
