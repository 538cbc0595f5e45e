"""How alike two groupings are."""

from __future__ import annotations

import numpy as np
import pytest

from palate.metrics.clusters import adjusted_rand


def test_the_same_groups_under_other_names_are_one() -> None:
    assert adjusted_rand([0, 0, 1, 1], ["b", "b", "a", "a"]) == 1.0
    assert adjusted_rand([0, 0, 0], [1, 1, 1]) == 1.0


def test_it_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import adjusted_rand_score  # type: ignore[import-untyped]

    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = rng.integers(0, 4, 50), rng.integers(0, 6, 50)
        assert adjusted_rand(one, other) == pytest.approx(adjusted_rand_score(one, other))
