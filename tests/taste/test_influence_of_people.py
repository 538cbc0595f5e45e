"""Nobody's events weigh more than twice the median person's in what is learned of all."""

from __future__ import annotations

import numpy as np

from palate.taste.evidence import Evidence, Pairs
from palate.taste.influence import capped
from palate.taste.types import Learning, fit_types


def crowd(loud: int) -> Evidence:
    """Ten people prefer picture 0 to picture 1, ten battles each; one prefers the other, `loud` times."""
    person = np.concatenate([np.repeat(np.arange(10), 10), np.full(loud, 10)])
    better = np.where(person == 10, 1, 0)
    return Evidence(np.array([[1.0], [-1.0]]), 11, Pairs(person, better, 1 - better))


def test_only_the_loud_one_is_cut_and_to_twice_the_median() -> None:
    counts = np.bincount(capped(crowd(1000)).pairs.person)
    assert counts.tolist() == [10] * 10 + [20]
    assert capped(crowd(15)).events == crowd(15).events
    assert capped(Evidence(np.zeros((1, 1)), 1)).events == 0


def test_one_loud_person_no_longer_turns_what_everybody_likes() -> None:
    learning = Learning(ridge=0.1)
    assert fit_types(crowd(1000), 1, learning).heads.weights[0, 0] < 0
    assert fit_types(capped(crowd(1000)), 1, learning).heads.weights[0, 0] > 0
