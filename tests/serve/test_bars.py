"""A histogram of scores, whatever they are."""

from __future__ import annotations

import numpy as np
import pytest

from palate.serve.gallery import bars


def test_scores_are_counted_between_the_lowest_and_the_highest() -> None:
    counts, edges = bars(np.array([0.0, 0.1, 0.5, 1.0]), 2)
    assert counts.tolist() == [2, 2]
    assert edges.tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("one", [0.0, 0.3, -1.0, 1e6])
def test_scores_that_differ_by_rounding_alone_stand_in_one_bar(one: float) -> None:
    scores = np.array([one, np.nextafter(one, 2 * one + 1), one])
    counts, edges = bars(scores, 40)
    assert counts.sum() == counts.max() == 3
    assert len(edges) == 41
    assert edges[0] < one < edges[-1]


def test_no_scores_have_no_bars() -> None:
    counts, edges = bars(np.zeros(0), 40)
    assert (len(counts), len(edges)) == (0, 0)
