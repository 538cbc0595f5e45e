"""Search in cells: the exact answer where nothing may be dismissed, nearly always where something may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palate.catalogue import cells
from palate.catalogue.cells import CellConfig, CellIndex
from palate.catalogue.index import exact_search
from palate.errors import PalateError


def styles(count: int, dim: int = 20) -> tuple[Any, Any]:
    """Vectors whose first coordinates matter most, and their penalties."""
    rng = np.random.default_rng(0)
    vectors = (rng.standard_normal((count, dim)) * np.geomspace(2.0, 0.05, dim)).astype(np.float32)
    return vectors, -0.5 * (vectors**2).sum(axis=1)


def questions(vectors: Any, count: int = 40) -> tuple[Any, Any]:
    """Pictures by some of the models: their vectors and noise of variance 1, twice as heavy for two pictures."""
    rng = np.random.default_rng(1)
    weights = np.where(np.arange(count) % 2, 2.0, 1.0).astype(np.float32)
    rows = vectors[:count] + rng.standard_normal((count, vectors.shape[1]))
    return (rows * weights[:, None]).astype(np.float32), weights


def recall(found: Any, truth: Any) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, truth, strict=True)]))


def test_with_endless_doubt_the_answer_is_exact() -> None:
    vectors, bias = styles(3000)
    q, w = questions(vectors)
    index = CellIndex.build(vectors, bias, config=CellConfig(leading=5, trailing_doubt=100.0))
    found, scores = index.search(q, 10, weights=w, doubt=100.0)
    truth, exact = exact_search(vectors, bias, q, w, 10)
    assert (found == truth).all()
    assert scores == pytest.approx(exact, abs=1e-3)


def test_with_usual_doubt_nearly_all_is_found() -> None:
    vectors, bias = styles(20_000)
    q, w = questions(vectors)
    index = CellIndex.build(vectors, bias, config=CellConfig(leading=8))
    assert recall(index.search(q, 10, weights=w)[0], exact_search(vectors, bias, q, w, 10)[0]) > 0.95


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_handful_of_rows_is_searched_whole(count: int) -> None:
    vectors, bias = styles(count)
    found, _ = CellIndex.build(vectors, bias).search(vectors[:1], 10)
    assert sorted(found[0].tolist()) == list(range(count))


def test_equal_rows_do_not_trip_it() -> None:
    found, scores = CellIndex.build(np.ones((500, 4))).search([[1.0, 1.0, 1.0, 1.0]], 3)
    assert len(set(found[0].tolist())) == 3
    assert scores[0].tolist() == [4.0, 4.0, 4.0]


def test_what_is_not_finite_is_refused() -> None:
    vectors, bias = styles(100)
    vectors[42, 3] = np.nan
    with pytest.raises(PalateError, match="number 42"):
        CellIndex.build(vectors, bias)
    with pytest.raises(PalateError, match="does not go"):
        CellIndex.build(*styles(100)).search([[np.inf] * 20], 1)


def test_only_what_is_allowed_is_answered_and_the_best_of_it() -> None:
    vectors, bias = styles(30_000)
    q, w = questions(vectors)
    index = CellIndex.build(vectors, bias, config=CellConfig(cells=200, leading=5, trailing_doubt=100.0))
    for share in (0.9, 0.1):  # many, and so few that all are scored
        allowed = np.random.default_rng(2).random(len(vectors)) < share
        found, scores = index.search(q, 10, weights=w, doubt=100.0, allowed=allowed[index.position])
        kept = np.flatnonzero(allowed)
        truth, exact = exact_search(vectors[kept], bias[kept], q, w, 10)
        assert (found == kept[truth]).all()
        np.testing.assert_allclose(scores, exact, rtol=1e-4, atol=1e-4)
    none = np.zeros(len(vectors), dtype=bool)
    assert index.search(q, 10, weights=w, allowed=none)[0].shape == (len(q), 0)


def test_so_few_that_are_allowed_are_all_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit as well: with no doubt and one cell looked into, most would be dismissed."""
    vectors, bias = styles(2000)
    q, w = questions(vectors, 8)
    index = CellIndex.build(vectors, bias, config=CellConfig(cells=100, leading=5, first=1, trailing_doubt=0.0))
    allowed = np.arange(2000) % 2 == 0
    truth, _ = exact_search(vectors[allowed], bias[allowed], q, w, 3)
    for few, exact in ((1000, True), (999, False)):
        monkeypatch.setattr(cells, "FEW", few)
        found, _ = index.search(q, 3, weights=w, doubt=0.0, allowed=allowed[index.position])
        assert bool((found == np.flatnonzero(allowed)[truth]).all()) is exact


def test_what_is_kept_in_a_folder_answers_the_same(tmp_path: Path) -> None:
    vectors, bias = styles(3000)
    q, w = questions(vectors)
    index = CellIndex.build(vectors, bias)
    index.save(tmp_path)
    opened = CellIndex.open(tmp_path)
    assert (opened.search(q, 10, weights=w)[0] == index.search(q, 10, weights=w)[0]).all()
    np.testing.assert_array_equal(opened.vectors(np.array([7, 3])), np.column_stack([bias, vectors])[[7, 3]])
    (tmp_path / "start.npy").write_bytes(b"no array")
    with pytest.raises(PalateError, match="does not hold together"):
        CellIndex.open(tmp_path)


def test_cells_are_around_their_own_middle() -> None:
    chance = np.random.default_rng(3)
    middles = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [30.0, 30.0]], dtype=np.float32)
    rows = (np.repeat(middles, 50, axis=0) + chance.standard_normal((200, 2))).astype(np.float32)
    distances = ((rows[:, None] - middles) ** 2).sum(axis=2)
    assert (cells._nearest(rows, middles) == distances.argmin(axis=1)).all()
    found = cells._cells(rows, np.zeros(200, dtype=np.float32), 4)
    assert [len(set(found[part : part + 50])) for part in range(0, 200, 50)] == [1, 1, 1, 1]
    assert len(set(found)) == 4


def test_the_bias_parts_rows_that_are_otherwise_equal() -> None:
    bias = np.repeat(np.array([0.0, 5.0], dtype=np.float32), 30)
    found = cells._cells(np.ones((60, 3), dtype=np.float32), bias, 2)
    assert (len(set(found[:30])), len(set(found[30:])), len(set(found))) == (1, 1, 2)


def test_moments_by_hand_and_none_of_an_empty_cell() -> None:
    rows = np.array([[1.0, 0.0], [3.0, 4.0], [5.0, 6.0]], dtype=np.float32)
    means, variances = cells._moments(rows, np.array([0, 2, 2, 3]))
    assert means.tolist() == [[2.0, 2.0], [0.0, 0.0], [5.0, 6.0]]
    assert variances.tolist() == [[1.0, 4.0], [0.0, 0.0], [0.0, 0.0]]


def test_every_row_lies_in_one_cell_with_its_moments_and_is_found_again() -> None:
    vectors, bias = styles(900)
    index = CellIndex.build(vectors, bias, config=CellConfig(leading=7))
    assert sorted(index.position.tolist()) == list(range(900))
    assert (index.start[0], index.start[-1], len(index.start)) == (0, 900, int(6 * np.sqrt(900)) + 1)
    assert (index.leading.shape, index.trailing.shape) == ((900, 8), (900, 13))
    assert (index.position[index.row] == np.arange(900)).all()
    whole = np.column_stack([bias, vectors])
    for cell in (0, 90, 179):
        inside = whole[index.position[index.start[cell] : index.start[cell + 1]]]
        if len(inside):
            np.testing.assert_allclose(index.means[cell], inside.mean(axis=0), atol=1e-4)
            np.testing.assert_allclose(index.variances[cell], inside.var(axis=0), atol=1e-4)


def test_without_either_doubt_much_is_dismissed_and_what_is_found_has_its_own_score() -> None:
    vectors, bias = styles(5000)
    q, w = questions(vectors)
    truth, _ = exact_search(vectors, bias, q, w, 10)
    for doubts, low, high in (((3.45, 1.5), 0.9, 1.0), ((0.0, 1.5), 0.5, 0.75), ((3.45, 0.0), 0.5, 0.75)):
        config = CellConfig(leading=4, doubt=doubts[0], trailing_doubt=doubts[1])
        found, scores = CellIndex.build(vectors, bias, config=config).search(q, 10, weights=w)
        assert low < recall(found, truth) < high
        asked = np.column_stack([w, q])[:, None, :]
        np.testing.assert_allclose(
            scores, (asked * np.column_stack([bias, vectors])[found]).sum(axis=2), rtol=1e-4, atol=1e-3
        )


def test_of_all_that_there_are_each_has_its_own_score() -> None:
    vectors, bias = styles(300)
    q, w = questions(vectors, 5)
    index = CellIndex.build(vectors, bias, config=CellConfig(cells=20, leading=4, first=1))
    found, scores = index.search(q, 300, weights=w)
    truth, exact = exact_search(vectors, bias, q, w, 300)
    assert (np.sort(found) == np.sort(truth)).all()
    np.testing.assert_allclose(scores, exact, rtol=1e-4, atol=1e-4)


def test_rows_that_are_scored_in_parts_have_the_same_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, bias = styles(3000)
    q, w = questions(vectors)
    index = CellIndex.build(vectors, bias, config=CellConfig(leading=5, trailing_doubt=100.0))
    found, scores = index.search(q, 10, weights=w, doubt=100.0)
    monkeypatch.setattr(cells, "PAIRS", 7)
    again, same = index.search(q, 10, weights=w, doubt=100.0)
    assert (again == found).all()
    np.testing.assert_allclose(same, scores, rtol=1e-5)


def test_cells_heed_what_questions_heed() -> None:
    chance = np.random.default_rng(4)
    vectors = chance.standard_normal((400, 2)).astype(np.float32)
    scale = np.array([1.0, 0.0])
    index = CellIndex.build(vectors, scale=scale, config=CellConfig(cells=8))
    spread = np.sqrt(index.variances[:, 1:]).mean(axis=0)
    assert spread[0] < 0.5 * spread[1]  # narrow along what is asked about


@pytest.mark.parametrize("bad", [[1.0] * 20, [[1.0] * 19], [[1.0] * 21]])
def test_a_question_of_another_width_is_refused(bad: Any) -> None:
    with pytest.raises(PalateError, match="does not go"):
        CellIndex.build(*styles(50)).search(bad, 1)
    with pytest.raises(PalateError, match="does not go"):
        CellIndex.build(*styles(50)).search([[1.0] * 20], 1, weights=[np.nan])
