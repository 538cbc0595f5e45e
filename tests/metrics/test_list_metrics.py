"""Lists of items against hand-made answers and against ir-measures."""

from __future__ import annotations

import numpy as np
import pytest

from palate.metrics import cost
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


def test_auc_by_hand_and_ties_against() -> None:
    scores = np.array([[4, 3, 2, 1], [1, 1, 1, 1], [4, 3, 2, 1]], np.float32)
    seen = [EMPTY, EMPTY, np.array([0])]
    wanted = [np.array([1, 3]), np.array([0]), np.array([2])]
    # 3 is above 2 only; 1 is above neither: (1/2 + 0) / 2. Equals are not below. Without the known 4: above one of two.
    assert measures.auc(scores, seen, wanted).tolist() == [0.25, 0.0, 0.5]


def test_auc_agrees_with_another_library() -> None:
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional")
    rng = np.random.default_rng(1)
    scores = rng.standard_normal((5, 40)).astype(np.float32)
    wanted = [rng.choice(40, 6, replace=False) for _ in range(5)]
    ours = measures.auc(scores, [EMPTY] * 5, wanted)
    for row, want, one in zip(scores, wanted, ours, strict=True):
        truth = np.isin(np.arange(40), want).astype(int)
        theirs = functional.auroc(torch.from_numpy(row), torch.from_numpy(truth), task="binary")
        assert one == pytest.approx(float(theirs), abs=1e-6)


def test_only_hits_that_popularity_would_not_have_shown_are_serendipitous() -> None:
    lists, expected = np.array([[0, 1, 2], [3, -1, -1]]), np.array([[0, 5, 6], [0, 1, 2]])
    hits = np.array([[True, True, False], [True, False, False]])
    np.testing.assert_allclose(measures.serendipity(lists, hits, expected, 3), [1 / 3, 1 / 3])


def test_diversity_by_hand() -> None:
    vectors = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    lists = np.array([[0, 1, -1], [0, 2, -1], [0, 1, 2], [0, -1, -1]])
    np.testing.assert_allclose(measures.diversity(lists, vectors), [0, 1, 2 / 3, 0], atol=1e-12)


def test_the_reward_of_a_slate_by_hand() -> None:
    slates = np.array([[1, 2, 3], [2, 2, -1]])
    wanted = [np.array([1, 3]), np.array([2])]
    assert measures.list_reward(slates, wanted).tolist() == [2, 1]
    assert measures.list_reward(slates, wanted, bored=0.5).tolist() == [1.25, 1]


def test_costs_by_hand() -> None:
    assert cost.watt_hours(7200, watts=15) == 30
    state: dict[str, np.ndarray] = {"W": np.zeros((3, 4), np.float32), "names": np.zeros(5, np.int64)}
    assert cost.parameters(state) == 12
    assert cost.megabytes(state) == pytest.approx((48 + 40) / 1e6)
    with cost.costing() as spent:
        sum(range(10000))
    assert 0 < spent.seconds < 5
    assert spent.watt_hours == cost.watt_hours(spent.cpu_seconds)
