"""Numbers of scenarios that can be worked out on paper, of worlds of two or three people."""

from __future__ import annotations

import numpy as np
import pytest

from palate.evaluate.crowds import Crowd
from palate.evaluate.harm import displaced, seen_by_nobody_else
from palate.evaluate.longitudinal import LATE, SHOWN, Catalogue, Lived, measured
from palate.evaluate.poisoning import harm, ndcg
from palate.metrics.ranking import target_rank


def lived(first: list[int], last: list[int], *, worth: float = 1.0) -> Lived:
    """Two people who are shown one slate at first and another late; the second one's taste turns by 90 degrees."""
    rounds = np.array([first] * LATE + [last] * LATE)
    before, after = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 3.0]])
    return Lived(np.full((2, 2 * LATE), worth), np.stack([rounds, rounds]), before, after)


@pytest.fixture
def catalogue() -> Catalogue:
    """Eight entries at right angles to each other, one picture each."""
    return Catalogue(np.eye(8), np.eye(8)[:, None])


def test_lives_by_hand(catalogue: Catalogue) -> None:
    assert SHOWN == 4
    found, of_people = measured(lived([0, 1, 2, 3], [0, 0, 0, 0], worth=0.5), catalogue, 0)
    assert found["satisfaction"].value == 0.5
    assert of_people["drift"] == pytest.approx([0.0, 1.0])
    assert found["variety"].value == pytest.approx(1.0), "one entry again and again"
    assert found["bubble"].value == pytest.approx(3 / 4), "of four kinds, one is left"
    assert found["homogenised"].value == pytest.approx(0.0), "both saw the same all along"
    # One of eight entries has all of the exposure: a Gini of 7/8.
    assert found["exposure_gini"].value == pytest.approx(7 / 8)


def test_people_who_part_are_polarised() -> None:
    before, after = np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[1.0, 0.0], [-1.0, 0.0]])
    made = Lived(np.ones((2, 2 * LATE)), np.zeros((2, 2 * LATE, 4), dtype=np.intp), before, after)
    found, _ = measured(made, Catalogue(np.eye(2), np.eye(2)[:, None]), 0)
    # From 45 degrees, 2 sin(22.5 degrees) apart, to 180 degrees, 2 apart.
    assert found["polarised"].value == pytest.approx(2 / (2 * np.sin(np.pi / 8)) - 1)


def test_what_drawn_pictures_take_is_their_share_of_what_is_shown_less_their_share_of_the_catalogue() -> None:
    late = np.array([[[0, 1], [0, 2]], [[0, 0], [1, 3]]])
    assert displaced(late, drawn=np.array([0, 1]), entries=4).tolist() == [3 / 4 - 1 / 2, 3 / 4 - 1 / 2]
    assert displaced(late, drawn=np.array([2]), entries=4).tolist() == [1 / 4 - 1 / 4, 0 - 1 / 4]


def test_what_nobody_else_is_shown() -> None:
    shown = np.array([[[0, 1, 2, 3]] * 10, [[2, 3, 4, 4]] * 10])
    made = Lived(np.zeros((2, 10)), shown, np.eye(2), np.eye(2))
    assert seen_by_nobody_else(made).tolist() == [2 / 4, 1 / 3]


def test_a_target_that_climbs_by_hand() -> None:
    """One honest person, four things of which they have the first; the target goes from the last place to the first."""
    crowd = Crowd("by hand", 4, [np.array([0])], [1])
    before = np.array([[-np.inf, 3.0, 2.0, 1.0]])
    after = np.array([[-np.inf, 3.0, 2.0, 9.0]])
    found = harm(crowd, before, after, np.array([3]), False, 0)
    assert found["rank_shift"].value == pytest.approx(2 / 4)
    assert found["hijacked"].value == 0.0, "it was among the first ten before"
    # What they chose next falls from the first place to the second: 1 - 1 / log2(3).
    assert found["honest_loss"].value == pytest.approx(1 - 1 / np.log2(3))
    assert ndcg(before, crowd).tolist() == [1.0]


def test_shares_of_first_places_count_ties_against() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 0.0], [0.0, 5.0, 9.0]])
    rank = target_rank(scores, np.array([0, 0, 1]))
    assert rank.tolist() == [1.0, 2.0, 2.0]
    assert (rank <= 1).mean() == pytest.approx(1 / 3)
    assert (rank <= 2).mean() == 1.0
