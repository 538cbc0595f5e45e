"""Audits: a reason that is true, a profile that is one's own, a person who is gone."""

from __future__ import annotations

from palate.evaluate.audits import erasure, own_profile, true_reasons
from palate.evaluate.crowds import made, most_chosen


def test_the_reasons_that_are_given_are_true_more_often_than_any_other_choice() -> None:
    crowd = most_chosen("made people", made(0, people=80))
    found = true_reasons(crowd, 5)
    assert found["itemknn:given/true_reasons"].value == 1.0
    assert found["itemknn:chance/true_reasons"].value < 1.0
    assert "popularity:given/true_reasons" not in found  # it goes by no choice of the person, and says so
    assert found["popularity:chance/true_reasons"].value == 0.0


def test_what_is_disliked_goes_and_shares_are_shares() -> None:
    found = own_profile(2)
    assert all(0.0 <= metric.value <= 1.0 for metric in found.values())
    assert found["profile/editable"].value > 0.2


def test_nothing_of_an_erased_person_is_in_any_row() -> None:
    found = erasure()
    assert found["rows/left_behind"].value == 0
    assert found["rows/left_behind"].n >= 20
