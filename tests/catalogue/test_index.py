"""Nearest by inner product: exact, by graph, and refusing what would spoil it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from palate.catalogue.index import GraphConfig, VectorIndex
from palate.errors import PalateError


def test_inner_product_and_weighted_bias_by_hand() -> None:
    # q . v = 2, 1, 0; with the bias counted twice: 2 - 4, 1 + 0, 0 + 3 / 2 * 2
    index = VectorIndex.build(list("abc"), [[2.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [-2.0, 0.0, 1.5])
    positions, scores = index.search([[1.0, 0.0]], 3, weights=[2.0])
    assert [index.ids[at] for at in positions[0]] == ["c", "b", "a"]
    assert scores[0].tolist() == [3.0, 1.0, -2.0]


def test_a_graph_is_asked_for_forty_at_least_and_for_no_more_than_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).standard_normal((50, 6))
    for count, top, wanted in ((50, 3, 40), (50, 45, 45), (20, 3, 20)):
        index = VectorIndex.build([str(i) for i in range(count)], rows[:count], exact=False)
        graph, asked = index.graph, list[int]()
        assert graph is not None

        class Noticed:
            ndim = graph.ndim
            expansion_search = 0

            def search(self, rows: object, count: int, graph: Any = graph, asked: list[int] = asked) -> Any:
                asked.append(count)
                return graph.search(rows, count)

        noticed = replace(index, graph=Noticed())
        assert noticed.search(rows[:1], top)[0].shape == (1, top)
        assert asked == [wanted]


def test_asking_for_more_than_there_is_gives_all() -> None:
    positions, _ = VectorIndex.build(["a"], [[1.0]]).search([[1.0]], 10)
    assert positions.tolist() == [[0]]


def test_blocks_do_not_change_the_exact_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    index = VectorIndex.build([str(i) for i in range(1000)], rng.standard_normal((1000, 6)))
    queries = rng.standard_normal((5, 6))
    whole, _ = index.search(queries, 7)
    monkeypatch.setattr("palate.catalogue.index.BLOCK", 64)
    assert (index.search(queries, 7)[0] == whole).all()


@pytest.mark.parametrize("biased", [False, True])
def test_the_graph_finds_what_exact_search_finds(biased: bool) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((3000, 10)).astype(np.float32)
    bias = -0.5 * (vectors**2).sum(axis=1) if biased else None
    ids = [str(i) for i in range(3000)]
    queries = rng.standard_normal((50, 10))
    truth, _ = VectorIndex.build(ids, vectors, bias, exact=True).search(queries, 10)
    found, _ = VectorIndex.build(ids, vectors, bias, exact=False).search(queries, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, found, strict=True)])
    assert recall > 0.95


def test_a_graph_guided_by_the_first_coordinates_scores_with_all() -> None:
    rng = np.random.default_rng(2)
    vectors = (rng.standard_normal((2000, 12)) * np.geomspace(1, 0.05, 12)).astype(np.float32)
    bias = -0.5 * (vectors**2).sum(axis=1)
    config = GraphConfig(dimensions=6)
    index = VectorIndex.build([str(i) for i in range(2000)], vectors, bias, exact=False, config=config)
    assert index.graph is not None
    assert index.graph.ndim == 6 + 1  # and the penalty of all of them
    positions, scores = index.search(vectors[:20], 5)
    assert (positions[:, 0] == np.arange(20)).mean() > 0.9
    assert scores[:, 0] == pytest.approx(-bias[:20], rel=1e-4)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@pytest.mark.parametrize("exact", [True, False])
def test_one_bad_vector_in_ten_thousand_is_refused_by_its_id(poison: float, exact: bool) -> None:
    vectors = np.ones((10_000, 3))
    vectors[7_777, 1] = poison
    with pytest.raises(PalateError, match="number 7777") as refused:
        VectorIndex.build([f"id{i}" for i in range(10_000)], vectors, exact=exact)
    assert refused.value.about == "id7777"


def test_a_question_that_is_not_finite_or_of_another_width_is_refused() -> None:
    index = VectorIndex.build(["a"], [[1.0, 0.0]])
    for question in ([[np.nan, 0.0]], [[1.0, 0.0, 0.0]]):
        with pytest.raises(PalateError, match="does not go"):
            index.search(question, 1)


def test_a_graph_is_made_above_so_many_rows_and_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(5).standard_normal((30, 4)).astype(np.float32)
    ids = [str(n) for n in range(30)]
    monkeypatch.setattr("palate.catalogue.index.EXACT_UP_TO", 30)
    assert VectorIndex.build(ids, rows).graph is None
    monkeypatch.setattr("palate.catalogue.index.EXACT_UP_TO", 29)
    graph = VectorIndex.build(ids, rows).graph
    assert (len(graph), graph.ndim) == (30, 5)  # one more coordinate makes distances of inner products
    assert VectorIndex.build(ids, rows, exact=True).graph is None
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert VectorIndex.build(ids, units, exact=False).graph.ndim == 4  # which vectors of one length do not need


def test_a_graph_scores_with_bias_and_weights_by_hand() -> None:
    vectors = np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    index = VectorIndex.build(list("abc"), vectors, [-2.0, 0.0, 1.5], exact=False)
    positions, scores = index.search([[1.0, 0.0], [0.0, 1.0]], 2, weights=[2.0, 1.0])
    assert positions.tolist() == [[2, 1], [2, 1]]
    assert scores.tolist() == [[3.0, 1.0], [2.5, 0.0]]


def test_of_equal_scores_the_first_comes_first_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("palate.catalogue.index.BLOCK", 3)
    index = VectorIndex.build([str(n) for n in range(40)], np.ones((40, 2)))
    positions, scores = index.search([[1.0, 1.0]], 2)
    assert scores.tolist() == [[2.0, 2.0]]
    assert len(set(positions[0].tolist())) == 2
    assert positions[0].tolist() == sorted(positions[0].tolist())


@pytest.mark.parametrize("weights", [[0.0], [-1.0]])
def test_a_weight_is_more_than_nothing(weights: list[float]) -> None:
    with pytest.raises(PalateError, match="does not go"):
        VectorIndex.build(["a"], [[1.0]]).search([[1.0]], 1, weights=weights)
