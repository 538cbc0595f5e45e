"""People whose taste is known by construction, and an independent solver as the oracle of the SVM."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.find.scores import Weights
from palate.find.weights import (
    Selection,
    greedy_weights,
    grid_weights,
    learn_weights,
    rank_sum,
    svm_weights,
)

# Columns: clip, mcos, popularity.
PICTURES = np.array([[0.9, 0.1, 0.5], [0.2, 0.8, 0.5], [0.1, 0.1, 0.9], [0.5, 0.5, 0.1]])


def chosen_by(weights: tuple[float, float, float], *, prompts: int = 12, top: int = 2) -> list[Selection]:
    """Someone who always selects the two pictures that these weights put on top of 30."""
    rng = np.random.default_rng(4)
    batches = [rng.random((30, 3)) for _ in range(prompts)]
    return [Selection(parts, tuple(np.argsort(-(parts @ weights))[:top].tolist())) for parts in batches]


def test_grid_search_finds_weights_that_put_the_selected_first() -> None:
    selections = chosen_by((0.3, -0.9, 0.6))
    learned = grid_weights(selections)
    # Ranks 1 and 2 at each of twelve prompts: nothing can be lower.
    assert rank_sum(selections, learned) == 36
    direction = np.asarray(learned) / np.linalg.norm(learned)
    assert direction @ np.array([0.3, -0.9, 0.6]) / np.linalg.norm([0.3, -0.9, 0.6]) > 0.98


def test_the_grid_is_searched_exhaustively() -> None:
    rng = np.random.default_rng(2)
    selections = [Selection(rng.random((6, 3)), (0, 3)), Selection(rng.random((5, 3)), (4,))]
    steps = [i / 10 for i in range(-10, 10)]
    least = min(rank_sum(selections, Weights(a, b, c)) for a in steps for b in steps for c in steps)
    assert rank_sum(selections, grid_weights(selections)) == least


def test_weights_that_tell_nothing_apart_lose() -> None:
    assert rank_sum([Selection(PICTURES, (0,))], Weights(0.0, 0.0, 0.0)) == 4
    assert rank_sum([Selection(PICTURES, (0,))], Weights(0.5, 0.0, 0.0)) == 1


def test_where_every_weight_is_as_good_it_stays_near_gemrecs() -> None:
    learned = grid_weights([Selection(np.ones((3, 3)), (0,))])
    assert learned.clip > learned.mcos > learned.popularity > 0


def test_an_unknown_popularity_is_dropped_from_the_rank() -> None:
    parts = np.array([[0.6, 0.6, np.nan], [0.5, 0.5, 1.0]])
    # 0.6 and 0.6 are rescaled from 1.8 to 2.0: 1.2 against 0.5 + 0.4 + 0.2 = 1.1.
    assert rank_sum([Selection(parts, (0,))], Weights(1.0, 0.8, 0.2)) == 1


def test_the_svm_has_the_right_sign() -> None:
    learned = svm_weights(chosen_by((1.0, 0.0, 0.0), top=10))
    assert learned.clip > learned.mcos
    assert learned.clip > learned.popularity
    disliked = svm_weights(chosen_by((-1.0, 0.0, 0.0), top=10))
    assert disliked.clip < disliked.mcos


def test_the_svm_by_hand() -> None:
    # One selected picture at (1, 0, 0), nothing else: min w^2/2 + (1 - w)^2 at w = 2/3.
    assert svm_weights([Selection(np.array([[1.0, 0.0, 0.0]]), (0,))]) == pytest.approx((2 / 3, 0.0, 0.0))


@pytest.mark.parametrize("taste", [(1.0, 0.8, 0.2), (-0.5, 1.0, 0.0), (0.0, 0.1, 1.0)])
def test_the_svm_agrees_with_liblinear(taste: tuple[float, float, float]) -> None:
    svm = pytest.importorskip("sklearn.svm")
    selections = chosen_by(taste, prompts=5, top=6)
    rows: NDArray[np.float64] = np.concatenate([selection.parts for selection in selections])
    labels = np.concatenate([[1 if i in s.selected else -1 for i in range(len(s.parts))] for s in selections])
    oracle = svm.LinearSVC(C=1.0, fit_intercept=False, dual=False, tol=1e-10, max_iter=100_000).fit(rows, labels)
    assert svm_weights(selections) == pytest.approx(tuple(oracle.coef_[0]), abs=1e-5)


def test_greedy_counts_what_was_largest() -> None:
    assert greedy_weights([Selection(PICTURES, (0, 1, 2))]) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert greedy_weights([Selection(PICTURES, (0,)), Selection(PICTURES, (0, 2))]) == pytest.approx((2 / 3, 0, 1 / 3))
    # Clip and mcos tie at 0.5: half a share each.
    assert greedy_weights([Selection(PICTURES, (3,))]) == pytest.approx((0.5, 0.5, 0.0))


@pytest.mark.parametrize("by", ["grid", "svm", "greedy"])
def test_nothing_selected_teaches_nothing(by: str) -> None:
    with pytest.raises(PalateError, match="none is selected"):
        learn_weights([Selection(PICTURES, ())], by)
    with pytest.raises(PalateError, match="not among"):
        learn_weights([Selection(PICTURES, (9,))], by)
    with pytest.raises(PalateError, match="three finite"):
        learn_weights([Selection(np.full((2, 3), np.inf), (0,))], by)
    with pytest.raises(PalateError, match="no score"):
        learn_weights([Selection(np.full((2, 3), np.nan), (0,))], by)


def test_an_unknown_way_names_the_known_ones() -> None:
    with pytest.raises(PalateError) as caught:
        learn_weights([Selection(PICTURES, (0,))], "magic")
    assert "grid, svm, greedy" in str(caught.value)
