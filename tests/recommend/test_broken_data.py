"""Broken data, for every method: an error that says what is wrong, or a defined answer; never something silent."""

from __future__ import annotations

import numpy as np
import pytest
from recommend_world import ITEMS, checkerboard, content

from palate.errors import PalateError
from palate.recommend.methods import METHODS, Method
from palate.recommend.protocol import Recommender

EVERY = pytest.mark.parametrize("method", METHODS.values(), ids=lambda method: method.name)
QUICK = {"epochs": 1, "steps": 5}


def quick(method: Method) -> dict[str, object]:
    """The small settings with hardly any training, down to the parts of a method that has parts."""

    def less(settings: object) -> object:
        if not isinstance(settings, dict):
            return settings
        return {name: QUICK.get(name, less(value)) for name, value in settings.items()}

    made = less(dict(method.small))
    assert isinstance(made, dict)
    return made


def fitted(method: Method, histories: list[np.ndarray], items: int) -> Recommender:
    known = {name: rows[:items] for name, rows in content().items()}
    return method.made(quick(method), known).fit(histories, items)


@EVERY
def test_items_that_do_not_exist_are_named_when_learning_and_when_asking(method: Method) -> None:
    learned = list(checkerboard()[0][:20])
    with pytest.raises(PalateError, match=f"{ITEMS} items") as caught:
        fitted(method, [*learned, np.array([1, ITEMS])], ITEMS)
    assert caught.value.code == "unknown_item"
    assert caught.value.about == "history 20"
    with pytest.raises(PalateError, match=f"{ITEMS} items"):
        fitted(method, learned, ITEMS).score([np.array([-1])])


@EVERY
def test_what_is_no_item_number_is_an_error(method: Method) -> None:
    for broken in (np.array([0.0, np.nan]), np.array([0.5]), np.array(["a"])):
        with pytest.raises(PalateError, match="whole numbers"):
            fitted(method, [np.array([0, 1]), broken], ITEMS)


@EVERY
def test_duplicates_change_no_score_of_a_method_without_order(method: Method) -> None:
    learned = list(checkerboard()[0][:20])
    recommender = fitted(method, learned, ITEMS)
    once, twice = recommender.score([np.array([2, 4, 6])]), recommender.score([np.array([2, 4, 6, 2, 4, 6])])
    assert np.isfinite(twice).all()
    if not method.sequential and "words" not in method.content:
        np.testing.assert_allclose(once, twice, rtol=1e-4, atol=1e-5)


@EVERY
@pytest.mark.parametrize("histories", [[], [np.array([], np.int64)] * 3], ids=["nobody", "nobody-who-chose"])
def test_nothing_to_learn_from_gives_the_same_finite_answer_to_all(method: Method, histories: list[np.ndarray]) -> None:
    recommender = fitted(method, histories, 3)
    scores = recommender.score([np.array([], np.int64), np.array([], np.int64), np.array([1])])
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4, atol=1e-5)


@EVERY
def test_one_person_and_one_item_are_enough(method: Method) -> None:
    scores = fitted(method, [np.array([0])], 1).score([np.array([0]), np.array([], np.int64)])
    assert scores.shape == (2, 1)
    assert np.isfinite(scores).all()


@EVERY
def test_nobody_asked_is_no_error(method: Method) -> None:
    assert fitted(method, list(checkerboard()[0][:8]), ITEMS).score([]).shape == (0, ITEMS)


@EVERY
def test_a_catalogue_without_items_is_an_error(method: Method) -> None:
    with pytest.raises(PalateError, match="no items"):
        fitted(method, [], 0)


def test_a_catalogue_that_ease_cannot_hold_is_a_clear_error() -> None:
    with pytest.raises(PalateError, match="too many") as refused:
        METHODS["ease"].make().fit([np.array([0, 99_999])], 100_000)
    assert "itemknn" in str(refused.value.hint)
