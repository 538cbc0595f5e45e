"""Lists of items against hand-made answers and against ir-measures."""

from __future__ import annotations

import numpy as np
import pytest

from palate.metrics import recommending as measures

EMPTY = np.array([], np.int64)


def test_items_that_are_known_are_never_shown_and_short_lists_end_in_nothing() -> None:
    lists, hits = measures.top_lists(np.array([[3, 2, 1]], np.float32), [np.array([0])], [np.array([2])], 3)
    assert lists.tolist() == [[1, 2, -1]]
    assert hits.tolist() == [[False, True, False]]


def test_ties_are_counted_against_the_list() -> None:
    lists, hits = measures.top_lists(np.ones((1, 4), np.float32), [EMPTY], [np.array([0])], 3)
    assert 0 not in lists
    assert not hits.any()


def test_measures_by_hand() -> None:
    hits = np.array([[False, True, True], [False, False, False]])
    wanted = np.array([4, 1])
    assert measures.recall(hits, wanted, 3).tolist() == [0.5, 0]
    assert measures.precision(hits, 2).tolist() == [0.5, 0]
    assert measures.hit_rate(hits, 1).tolist() == [0, 0]
    assert measures.reciprocal_rank(hits, 3).tolist() == [0.5, 0]
    ideal = 1 + 1 / np.log2(3) + 0.5
    np.testing.assert_allclose(measures.ndcg(hits, wanted, 3), [(1 / np.log2(3) + 0.5) / ideal, 0])


def test_the_catalogue_s_side_by_hand() -> None:
    lists = np.array([[0, 1], [0, -1]])
    assert measures.coverage(lists, 4) == 0.5
    assert measures.gini(np.array([[0, 1], [2, 3]]), 4) == 0
    assert measures.gini(np.array([[0], [0]]), 4) == 0.75
    np.testing.assert_allclose(measures.novelty(lists, np.array([4, 1, 0, 0]), 4), [1.0, 0.0])


def test_measures_agree_with_another_library() -> None:
    ir_measures = pytest.importorskip("ir_measures")
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((20, 30)).astype(np.float32)
    wanted = [rng.choice(30, rng.integers(1, 8), replace=False) for _ in range(20)]
    _, hits = measures.top_lists(scores, [EMPTY] * 20, wanted, 10)
    sizes = np.array([len(want) for want in wanted])
    run = {str(q): {str(i): float(s) for i, s in enumerate(row)} for q, row in enumerate(scores)}
    truth = {str(q): {str(int(i)): 1 for i in want} for q, want in enumerate(wanted)}
    names = {
        "nDCG@10": measures.ndcg(hits, sizes, 10),
        "R@10": measures.recall(hits, sizes, 10),
        "P@5": measures.precision(hits, 5),
        "RR@10": measures.reciprocal_rank(hits, 10),
        "Success@5": measures.hit_rate(hits, 5),
    }
    theirs = ir_measures.calc_aggregate([ir_measures.parse_measure(name) for name in names], truth, run)
    for name, ours in names.items():
        assert ours.mean() == pytest.approx(theirs[ir_measures.parse_measure(name)], abs=1e-9), name
