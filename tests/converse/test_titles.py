"""Titles as evidence, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from palate.converse.titles import ALIKE, CLOSE, MOST_WEIGHT, RECENT, Titles

FILMS = ["Frozen (2013)", "Frozen II (2019)", "It (2017)", "The Third Man (1949)", "Untitled"]
TITLES = Titles(FILMS, ["I saw frozen", "it was fine", "and then frozen again"])


def test_what_a_talk_spells_of_a_title_counts_by_its_rarity() -> None:
    frozen, rare = np.log(4 / 2.5), np.log(4 / 0.5)
    spelled = TITLES.spelled(["FROZEN, of course; and it"])
    assert spelled == pytest.approx([1, frozen / (frozen + rare), 1, 0, 0])
    assert TITLES.wholly(spelled) == pytest.approx([frozen / MOST_WEIGHT, 0, np.log(4 / 1.5) / MOST_WEIGHT, 0, 0])


def test_films_of_a_series_share_words() -> None:
    assert TITLES.series([0]) == pytest.approx(np.array([1, 1, 0, 0, 0]) * np.log(4 / 2.5) / MOST_WEIGHT)


def test_years_by_hand_and_a_film_without_one_is_near_none() -> None:
    nearest, mean = TITLES.near([0, 1])
    assert nearest[:3] == pytest.approx([1, 1, np.exp(-2 / CLOSE)])
    assert mean[:3] == pytest.approx([np.exp(-3 / ALIKE), np.exp(-3 / ALIKE), np.exp(-1 / ALIKE)])
    assert nearest[4] < 1e-9
    assert TITLES.new(2019)[:3] == pytest.approx([np.exp(-6 / RECENT), 1, np.exp(-2 / RECENT)])
