"""The simple methods by hand."""

from __future__ import annotations

import numpy as np
import pytest

from palate.errors import PalateError
from palate.recommend.als import ALS
from palate.recommend.ease import Ease
from palate.recommend.histories import matrix_of
from palate.recommend.itemknn import ItemKNN
from palate.recommend.popularity import Popularity
from palate.recommend.protocol import Streaming

HISTORIES = [np.array([0, 1]), np.array([0, 1]), np.array([2, 1]), np.array([2])]


def test_popularity_counts_people_not_choices() -> None:
    fitted = Popularity().fit([np.array([0, 0, 0]), np.array([1]), np.array([1])], 3)
    assert fitted.score([np.array([0])]).tolist() == [[1, 2, 0]]


def test_item_knn_is_the_cosine_of_columns() -> None:
    scores = ItemKNN(neighbours=2, shrink=0).fit(HISTORIES, 3).score([np.array([0])])
    # Columns: 0 is chosen by a, b; 1 by a, b, c; 2 by c, d.
    np.testing.assert_allclose(scores, [[0, 2 / np.sqrt(6), 0]], rtol=1e-6)


def test_ease_is_the_least_squares_solution_without_a_diagonal() -> None:
    fitted = Ease(penalty=0.7).fit(HISTORIES, 3)
    X = matrix_of(HISTORIES, 3).toarray().astype(float)
    for j in range(3):
        others = [i for i in range(3) if i != j]
        A = X[:, others]
        wanted = np.linalg.solve(A.T @ A + 0.7 * np.eye(2), A.T @ X[:, j])
        np.testing.assert_allclose(fitted.B[others, j], wanted, rtol=1e-5)
        assert fitted.B[j, j] == 0


def test_als_folds_a_person_in_where_the_weighted_squares_are_least() -> None:
    fitted = ALS(factors=2, trust=3.0, penalty=0.5, rounds=5).fit(HISTORIES, 3)
    Y = fitted.Y.astype(float)
    C, p = np.diag([4.0, 1.0, 1.0]), np.array([1.0, 0.0, 0.0])
    x = np.linalg.solve(Y.T @ C @ Y + 0.5 * np.eye(2), Y.T @ C @ p)
    np.testing.assert_allclose(fitted.score([np.array([0])])[0], Y @ x, rtol=1e-4)


def test_als_goes_down_round_by_round() -> None:
    R = matrix_of(HISTORIES, 3).toarray().astype(float)

    def cost(rounds: int) -> float:
        fitted = ALS(factors=2, trust=3.0, penalty=0.1, rounds=rounds).fit(HISTORIES, 3)
        Y = fitted.Y.astype(float)
        total = 0.1 * (Y**2).sum()
        for row, history in zip(R, HISTORIES, strict=True):
            C = 1 + 3.0 * row
            x = np.linalg.solve((Y.T * C) @ Y + 0.1 * np.eye(2), (Y.T * C) @ row)
            assert len(history)
            total += (C * (row - Y @ x) ** 2).sum() + 0.1 * (x**2).sum()
        return float(total)

    costs = [cost(rounds) for rounds in (1, 2, 4, 8)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1] == pytest.approx(cost(9), rel=0.05)


@pytest.mark.parametrize("made", [Popularity(), Ease(penalty=0.7, streaming=True)], ids=["popularity", "ease"])
def test_people_who_come_later_count_as_if_they_had_been_there(made: Streaming) -> None:
    assert isinstance(made, Streaming)
    later = made.fit(HISTORIES[:2], 3).update(HISTORIES[2:3]).update(HISTORIES[3:])
    whole = type(made)(**({"penalty": 0.7} if isinstance(made, Ease) else {})).fit(HISTORIES, 3)
    np.testing.assert_allclose(later.score([np.array([0])]), whole.score([np.array([0])]), rtol=1e-5)
    again = type(made)().restore(later.state()).update([np.array([2])])
    assert np.isfinite(again.score([np.array([0])])).all()


def test_updates_need_what_only_a_streaming_one_keeps() -> None:
    with pytest.raises(PalateError, match="without what updates need"):
        Ease().fit(HISTORIES, 3).update(HISTORIES)
