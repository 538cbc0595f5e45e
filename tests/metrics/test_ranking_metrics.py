"""Rankings small enough to check on paper, and scipy as the oracle for the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palate.metrics.ranking import hit_at, mean_ranks, ndcg, overlap_at, ranks, spearman, target_rank


def test_tied_scores_all_take_the_worst_rank_of_their_tie() -> None:
    assert ranks([0.9, 0.5, 0.5, 0.1]).tolist() == [1, 3, 3, 4]
    assert mean_ranks([0.9, 0.5, 0.5, 0.1]).tolist() == [1, 2.5, 2.5, 4]


def test_a_method_that_cannot_tell_models_apart_never_hits() -> None:
    flat = np.zeros((2, 65))
    assert target_rank(flat, [0, 64]).tolist() == [65, 65]
    assert not hit_at(flat, [0, 64], 64).any()
    assert hit_at(flat, [0, 64], 65).all()


def test_the_targets_rank_counts_everything_at_least_as_high() -> None:
    assert target_rank([[0.2, 0.7, 0.7], [3.0, 2.0, 1.0]], [1, 2]).tolist() == [2, 3]


def test_spearman_of_equal_and_opposite_orders() -> None:
    assert spearman([1, 2, 3], [[10, 20, 30], [3, 2, 1]]).tolist() == pytest.approx([1.0, -1.0])


def test_spearman_without_an_order_is_not_a_number() -> None:
    assert np.isnan(spearman([1, 1, 1], [1, 2, 3]))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=30))
def test_spearman_agrees_with_scipy_whatever_the_ties(pairs: list[tuple[int, int]]) -> None:
    stats = pytest.importorskip("scipy.stats")
    a, b = np.array(pairs, dtype=float).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert np.isnan(spearman(a, b))
    else:
        assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


def test_overlap_counts_what_both_put_on_top() -> None:
    assert overlap_at([4, 3, 2, 1], [4, 1, 3, 2], 2) == 0.5
    assert overlap_at([4, 3, 2, 1], [[4, 3, 2, 1], [1, 2, 3, 4]], 2).tolist() == [1.0, 0.0]


def test_a_tie_across_the_cut_is_not_on_top() -> None:
    assert overlap_at([4, 3, 3, 1], [4, 3, 2, 1], 2) == 0.5


def test_ndcg_by_hand() -> None:
    # Order of gains by score: 0, 2, 1. DCG = 2/log2(3) + 1/2; ideal = 2 + 1/log2(3).
    expected = (2 / np.log2(3) + 0.5) / (2 + 1 / np.log2(3))
    assert ndcg([3, 2, 1], [0, 2, 1]) == pytest.approx(expected)
    assert ndcg([3, 2, 1], [0, 2, 1], k=1) == 0.0
    assert ndcg([1, 3, 2], [0, 2, 1]) == pytest.approx(1.0)


def test_ndcg_gives_nothing_for_a_tie() -> None:
    assert ndcg([1, 1], [1, 0]) == pytest.approx(1 / np.log2(3))
    assert np.isnan(ndcg([1, 2], [0, 0]))


def test_what_is_not_a_number_is_not_ranked() -> None:
    with pytest.raises(ValueError, match="finite"):
        ranks([1.0, float("nan")])
    with pytest.raises(ValueError, match="negative"):
        ndcg([1.0, 2.0], [-1.0, 0.0])
