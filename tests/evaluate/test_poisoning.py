"""Attackers in a small crowd: what they reach, what the guard takes from them, how areas are counted."""

from __future__ import annotations

import numpy as np
import pytest

from palate.evaluate.crowds import Crowd, made, most_chosen
from palate.evaluate.membership import explained, thirds
from palate.evaluate.poisoned_types import poisoned_types
from palate.evaluate.poisoning import METHODS, auc, auc_interval, harm, ndcg, omnipresent, scored, targets_of
from palate.recommend.popularity import Popularity


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return most_chosen("made people", made(0, people=120))


def test_auc_by_hand() -> None:
    assert auc(np.array([3.0, 2.0]), np.array([1.0, 2.0])) == pytest.approx((2 + 1.5) / 4)
    found = auc_interval(np.arange(50.0) + 30, np.arange(50.0), 0)
    assert found.ci95[0] < found.value < found.ci95[1]


def test_ndcg_counts_what_was_chosen_next() -> None:
    crowd = Crowd("two", 3, [np.array([0]), np.array([0])], [1, 2])
    scores = np.array([[-np.inf, 2.0, 1.0], [-np.inf, 2.0, 1.0]])
    assert ndcg(scores, crowd) == pytest.approx([1.0, 1 / np.log2(3)])


def test_many_who_choose_everything_lift_their_thing_and_the_guard_takes_it_down(crowd: Crowd) -> None:
    rng = np.random.default_rng(1)
    targets = targets_of(crowd, "omnipresent", 4, rng)
    forged = omnipresent(crowd, targets, 12, rng)
    shift = {}
    for safe in (False, True):
        before, after = (scored(METHODS["itemknn"], crowd, some, safe) for some in ((), forged))
        shift[safe] = harm(crowd, before, after, targets, False, 0)["rank_shift"].value
    assert shift[False] > 0.2
    assert shift[True] < 0.5 * shift[False]


def test_a_crowd_has_its_last_choice_apart_and_only_popular_things() -> None:
    crowd = most_chosen("three", [np.array([5, 5, 7, 9]), np.array([5, 7, 9]), np.array([5])])
    assert crowd.items == 3
    assert [history.tolist() for history in crowd.histories] == [[0, 0, 1], [0, 1]]
    assert crowd.last == [2, 2]


def test_popularity_explains_a_choice_by_how_many_are_less_popular() -> None:
    known = Popularity().fit([np.array([0, 1]), np.array([0])], 3)
    # Counts 2, 1, 0. Asked of 0 knowing 1: above 2 alone and equal to itself, of two: (1 + 1/2) / 2.
    assert explained(known, [np.array([1, 0])[:2]], 3)[0] == pytest.approx(((1 + 0.5) / 2 + (1 + 0.5) / 2) / 2)
    assert explained(known, [np.array([2])], 3, seen=1)[0] == 0.0


def test_loud_people_cost_everybody_accuracy_and_less_of_it_when_capped() -> None:
    found = poisoned_types(60, targets=2)
    plain, guarded = (found[f"5%:types{kind}/honest_loss"].value for kind in ("", ":guarded"))
    assert plain > 0.02
    assert guarded < 0.5 * plain


def test_thirds_share_nobody() -> None:
    parts = thirds(10, 0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(10))
