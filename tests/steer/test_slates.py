"""A slate is exact: nothing that looks at every slate finds a better one."""

from __future__ import annotations

import numpy as np
import pytest

from palate.errors import PalateError
from palate.steer.slates import best_slate, best_slate_by_trying_all, best_slates, slate_value


def test_it_takes_the_best_of_each_category_and_of_these_the_best() -> None:
    assert best_slate([5, 4, 3, 2, 1], ["a", "a", "b", "c", "b"], 2) == [0, 2]
    assert slate_value([5, 4, 3, 2, 1], [0, 2]) == 4


def test_it_equals_every_slate_tried_in_a_thousand_random_cases() -> None:
    rng = np.random.default_rng(0)
    for _ in range(1000):
        count, size = int(rng.integers(1, 13)), int(rng.integers(1, 5))
        values = rng.standard_normal(count).tolist()
        categories = rng.integers(0, 5, count).tolist()
        assert best_slate(values, categories, size) == best_slate_by_trying_all(values, categories, size)


def test_many_at_once_are_each_alone_ties_included() -> None:
    rng = np.random.default_rng(1)
    categories = rng.integers(0, 5, 25).tolist()
    values = np.round(rng.standard_normal((300, 25)), 1)
    alone = [best_slate(row.tolist(), categories, 4) for row in values]
    assert best_slates(values, categories, 4).tolist() == alone


def test_of_equals_the_earlier_is_shown() -> None:
    assert best_slate([1.0, 1.0, 1.0], ["a", "a", "b"], 2) == [0, 2]


def test_fewer_categories_make_a_shorter_slate() -> None:
    assert best_slate([1.0, 2.0], ["a", "a"], 4) == [1]
    assert best_slate([], [], 4) == []


def test_values_must_fit_the_candidates() -> None:
    with pytest.raises(PalateError, match="2 values for 1"):
        best_slate([1.0, 2.0], ["a"], 4)
