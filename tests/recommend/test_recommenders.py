"""What every method keeps to, and what it finds in a world with a known answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recommend_world import ITEMS, checkerboard, content

from palate.errors import PalateError
from palate.recommend import keeping
from palate.recommend.histories import checked, matrix_of
from palate.recommend.methods import METHODS, Method, chosen
from palate.recommend.protocol import Recommender

Fitted = Callable[[Method], Recommender]
PERSONAL = [method for method in METHODS.values() if method.name != "popularity"]


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    """Each method once."""
    known: dict[str, Recommender] = {}
    learned, _, _ = checkerboard()

    def fit(method: Method) -> Recommender:
        if method.name not in known:
            known[method.name] = method.made(method.small, content()).fit(learned, ITEMS)
        return known[method.name]

    return fit


@pytest.mark.parametrize("method", PERSONAL, ids=lambda method: method.name)
def test_the_withheld_item_of_the_right_colour_is_recovered(method: Method, fitted: Fitted) -> None:
    _, asked, missing = checkerboard()
    scores = fitted(method).score(asked)
    for row, history in zip(scores, asked, strict=True):
        row[history] = -np.inf
    assert (scores.argmax(axis=1) == missing).all()


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_scores_are_finite_for_everybody_also_for_somebody_unknown(method: Method, fitted: Fitted) -> None:
    scores = fitted(method).score([np.array([], np.int64), np.array([3]), np.array([5, 5, 5]), np.arange(ITEMS)])
    assert scores.shape == (4, ITEMS)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_a_person_is_scored_alike_alone_and_among_others(method: Method, fitted: Fitted) -> None:
    _, asked, _ = checkerboard()
    together = fitted(method).score(asked)
    alone = np.concatenate([fitted(method).score([history]) for history in asked])
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
def test_what_is_kept_scores_like_what_was_fitted(method: Method, fitted: Fitted, tmp_path: Path) -> None:
    _, asked, _ = checkerboard()
    keeping.save(fitted(method), tmp_path, method=method.name, settings=method.small, items=ITEMS, data="checkerboard")
    again = keeping.load(tmp_path)
    np.testing.assert_array_equal(again.recommender.score(asked), fitted(method).score(asked))
    assert (again.method, again.items, again.about["data"]) == (method.name, ITEMS, "checkerboard")


@pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
@pytest.mark.parametrize(
    "histories",
    [[np.array([0])], [np.array([1, 1])], [np.array([], np.int64), np.array([0, 1])]],
    ids=["one-choice", "twice-the-same", "one-without-any"],
)
def test_very_little_to_learn_from_is_no_error(method: Method, histories: list[np.ndarray]) -> None:
    two = {name: known[:2] for name, known in content().items()}
    scores = method.made(method.small, two).fit(histories, 2).score([np.array([0])])
    assert np.isfinite(scores).all()


def test_a_folder_without_a_recommender_or_with_a_broken_one_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="no trained recommender"):
        keeping.load(tmp_path)
    (tmp_path / keeping.ABOUT).write_text('{"method": "ease", "settings": {}, "items": 2}')
    (tmp_path / keeping.WEIGHTS).write_bytes(b"not weights")
    with pytest.raises(PalateError) as caught:
        keeping.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_unknown_items_are_an_error_that_says_whose() -> None:
    with pytest.raises(PalateError, match="2 items") as caught:
        checked([[0, 1], [2]], 2)
    assert caught.value.about == "history 1"


def test_a_thing_chosen_twice_counts_once_in_the_matrix() -> None:
    assert matrix_of([np.array([2, 0, 2]), np.array([], np.int64)], 3).toarray().tolist() == [[1, 0, 1], [0, 0, 0]]


def test_methods_are_asked_for_by_name() -> None:
    assert [method.name for method in chosen("ease, popularity")] == ["ease", "popularity"]
    assert chosen("all") == list(METHODS.values())
    with pytest.raises(PalateError, match="nearest"):
        chosen("ease,nearest")


def test_no_method_learns_for_more_epochs_than_it_is_given() -> None:
    short, closed = chosen("autorec,ease", 1, 5)
    assert (short.tried[0]["epochs"], closed.tried) == (5, METHODS["ease"].tried[:1])
    assert chosen("autorec", 1, 1000)[0].tried == METHODS["autorec"].tried[:1]
