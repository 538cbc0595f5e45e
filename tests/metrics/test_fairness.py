"""Lists for a neutral wish and for one that says who asks."""

from __future__ import annotations

import pytest

from palate.metrics import fairness

ABCD = ["a", "b", "c", "d"]
ALL = (fairness.jaccard_at, fairness.serp_at, fairness.prag_at)


@pytest.mark.parametrize("alike", ALL)
def test_equal_lists_are_1_and_lists_that_share_nothing_0(alike: object) -> None:
    assert callable(alike)
    assert alike(ABCD, ABCD, 4) == 1
    assert alike(ABCD, ["w", "x", "y", "z"], 4) == 0
    assert alike([], [], 4) == 1


def test_measures_by_hand() -> None:
    told = ["b", "x", "a", "d"]
    assert fairness.jaccard_at(ABCD, told, 4) == 3 / 5
    assert fairness.serp_at(ABCD, told, 4) == (4 + 2 + 1) / 10
    # Of the pairs bx, ba, bd, xa, xd, ad, the neutral list orders bx, bd and ad alike.
    assert fairness.prag_at(ABCD, told, 4) == 3 / 6


def test_only_the_first_k_count() -> None:
    assert fairness.jaccard_at(ABCD, ["a", "b", "x", "y"], 2) == 1


def test_order_counts_for_prag_alone() -> None:
    assert fairness.prag_at(ABCD, ABCD[::-1], 4) == 0
    assert fairness.serp_at(ABCD, ABCD[::-1], 4) == 1


def test_spread_over_the_values_of_an_attribute() -> None:
    assert fairness.snsr({"young": 0.5, "old": 0.25, "middle": 0.5}) == 0.25
    assert fairness.snsv({"young": 0.5, "old": 0.25}) == 0.125


def test_the_worst_gap_is_between_groups_that_are_large_enough() -> None:
    values, groups = [1.0] * 10 + [0.5] * 10 + [0.0], ["a"] * 10 + ["b"] * 10 + ["c"]
    assert fairness.worst_gap(values, groups) == 0.5
    assert fairness.worst_gap(values[:10], groups[:10]) == 0
