"""What is shown of what was drawn: known answers."""

from __future__ import annotations

import numpy as np
import pytest

from palate.personalise.choosing import best_fitting, fits

LIKED = np.array([[1.0, 0.0], [1.0, 0.0]])


def test_what_is_nearer_to_the_liked_than_the_rest_fits_best() -> None:
    drawn = np.array([[0.0, 1.0], [1.0, 0.0], [0.6, 0.8]])
    assert best_fitting([(drawn, LIKED)], 2) == [1, 2]
    assert fits(drawn, LIKED).mean() == pytest.approx(0.0, abs=1e-12)
    assert fits(drawn, LIKED).std() == pytest.approx(1.0, abs=1e-2)


def test_what_all_have_in_common_says_nothing_of_one() -> None:
    drawn = np.array([[0.0, 1.0, 5.0], [1.0, 0.0, 5.0], [0.6, 0.8, 5.0]])
    liked = np.hstack([LIKED, [[0.0], [0.0]]])
    assert best_fitting([(drawn, liked)], 3) == [1, 2, 0]


def test_encoders_are_weighed_alike_and_equals_keep_their_order() -> None:
    one, other = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 9.0], [9.0, 0.0]])
    assert best_fitting([(one, LIKED), (one, LIKED), (other, LIKED)], 1) == [0]
    assert best_fitting([(one, LIKED), (other, LIKED), (other, LIKED)], 1) == [1]
    assert best_fitting([(np.ones((3, 2)), LIKED)], 2) == [0, 1]
