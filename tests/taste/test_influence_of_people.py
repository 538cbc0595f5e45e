"""Nobody's events weigh more than twice the median person's in what is learned of all."""

from __future__ import annotations

import numpy as np

from palate.taste.evidence import Evidence, Pairs
from palate.taste.influence import capped, few_times
from palate.taste.types import Learning, fit_types


def crowd(loud: int) -> Evidence:
    """Ten people prefer pictures of one kind to those of another, ten battles each; one the other way, `loud` times."""
    person = np.concatenate([np.repeat(np.arange(10), 10), np.full(loud, 10)])
    number = np.concatenate([np.tile(np.arange(10), 10), np.arange(loud) % 20])
    better = np.where(person == 10, 20, 0) + number
    worse = np.where(person == 10, 0, 20) + number
    return Evidence(np.repeat([[1.0], [-1.0]], 20, axis=0), 11, Pairs(person, better, worse))


def test_only_the_loud_one_is_cut_and_to_twice_the_median() -> None:
    counts = np.bincount(capped(crowd(1000)).pairs.person)
    assert counts.tolist() == [10] * 10 + [20]
    assert capped(crowd(15)).events == crowd(15).events
    assert capped(Evidence(np.zeros((1, 1)), 1)).events == 0


def test_one_loud_person_no_longer_turns_what_everybody_likes() -> None:
    learning = Learning(ridge=0.1)
    assert fit_types(crowd(1000), 1, learning).heads.weights[0, 0] < 0
    assert fit_types(capped(crowd(1000)), 1, learning).heads.weights[0, 0] > 0


def test_the_same_of_one_picture_counts_a_few_times_and_of_others_all() -> None:
    person = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    picture = np.array([5, 5, 5, 5, 6, 7, 5, 5])
    stay = few_times(person, picture, 3, np.random.default_rng(0))
    assert stay[:4].sum() == 3
    assert stay[4:].all()
    assert few_times(np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), 3, np.random.default_rng(0)).shape == (0,)
