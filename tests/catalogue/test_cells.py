"""Search in cells: the exact answer where nothing may be dismissed, nearly always where something may."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

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
