"""Methods that make whole lists: what a slate may hold, and the worlds in which the right one is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from recommend_world import ITEMS, checkerboard

from palate.recommend.gfn4rec import GFN4Rec
from palate.recommend.methods import METHODS
from palate.recommend.slates import Slates, filled

EMPTY = np.array([], np.int64)


def test_slots_are_filled_best_first_without_repeats_and_without_what_is_known() -> None:
    chances = torch.tensor([[[5.0, 4.0, 3.0], [5.0, 4.0, 3.0], [5.0, 4.0, 3.0]]]).repeat(2, 1, 1)
    assert filled(chances, [EMPTY, np.array([1])]).tolist() == [[0, 1, 2], [0, 2, -1]]


@pytest.mark.parametrize("name", ["listcvae", "pivotcvae", "gfn4rec"])
def test_a_slate_holds_what_the_person_lacks_of_their_colour(name: str) -> None:
    learned, asked, missing = checkerboard()
    method = METHODS[name]
    fitted = method.make(**method.small).fit(learned, ITEMS)
    assert isinstance(fitted, Slates)
    few = [one[:9] for one in asked[:6]]
    lacking = [{*one[9:].tolist(), int(last)} for one, last in zip(asked[:6], missing, strict=False)]
    slates = fitted.slate(few, 3)
    assert slates.shape == (6, 3)
    found = [len(wanted & set(slate.tolist())) for wanted, slate in zip(lacking, slates, strict=True)]
    assert min(found) >= 2
    assert sum(found) >= 15
    long = fitted.slate([EMPTY], 12)[0]
    assert len(set(long.tolist())) == 12
    assert (fitted.slate([np.arange(ITEMS)], 2) == -1).all()


def test_slates_to_learn_from_hold_choices_that_are_not_told_and_answers_that_are_true() -> None:
    fitted = GFN4Rec(epochs=0, own=0.6, slots=4).fit([np.arange(10)], 100)
    torch.manual_seed(0)
    known, slates, answers = fitted.made_up([np.arange(10)] * 50)
    for told, slate, answer in zip(known, slates.numpy(), answers.numpy(), strict=True):
        assert (answer == (slate < 10)).all()
        assert 1 <= len(told) <= 10
        hidden = set(range(10)) - set(told.tolist())
        assert hidden <= set(slate.tolist())
    assert 0.4 < float(answers.mean()) < 0.8


def test_detailed_balance_draws_lists_as_often_as_their_reward() -> None:
    """Two items, one slot: after learning, p(own item) : p(the other) is R(1) : R(0) = e^sharp : 1."""
    people = [np.array([0, 1])] * 64
    fitted = GFN4Rec(epochs=300, batch=64, rate=1e-2, width=8, hidden=16, slots=1, own=0.5, sharp=1.0)
    learned = fitted.fit(people, 4)
    chances = np.exp(learned.score([np.array([0])])[0])
    assert chances.sum() == pytest.approx(1.0, abs=1e-4)
    assert chances[1] / chances[2] == pytest.approx(math.e, rel=0.15)
    assert chances[2] == pytest.approx(chances[3], rel=0.15)
