"""Sequential tests: by hand, and as often wrong as they say however often one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from palate.metrics.sequential import always_valid_p, stopped_at, team_draft


def test_the_first_p_by_hand() -> None:
    """s = t = 1, x = 2: Lambda = sqrt(1/2) exp(4 / 4)."""
    assert always_valid_p([2.0], spread=1.0, expected=1.0) == pytest.approx([math.sqrt(2) / math.e])


def test_p_never_rises_and_is_1_where_nothing_is_seen() -> None:
    p = always_valid_p([3.0, 3.0, -9.0, 0.0], spread=1.0, expected=1.0)
    assert (np.diff(p) <= 0).all()
    assert always_valid_p([0.0, 0.0], spread=1.0, expected=1.0) == pytest.approx([1.0, 1.0])


def test_looking_after_every_visitor_costs_no_false_alarms() -> None:
    rng = np.random.default_rng(0)
    alarms = [
        stopped_at(always_valid_p(rng.normal(size=500), spread=1.0, expected=0.3)) is not None for _ in range(1000)
    ]
    assert np.mean(alarms) <= 0.05


def test_a_real_difference_is_found_before_all_have_come() -> None:
    rng = np.random.default_rng(1)
    found = [stopped_at(always_valid_p(rng.normal(0.3, size=500), spread=1.0, expected=0.3)) for _ in range(200)]
    stops = [at for at in found if at is not None]
    assert len(stops) >= 190
    assert np.median(stops) < 250


def test_a_mixed_list_gives_both_sides_equally_many_places() -> None:
    rng = np.random.default_rng(2)
    mixed, teams = team_draft("abcdef", "fedcba", 4, rng)
    assert len(set(mixed)) == 4
    assert teams.count(0) == teams.count(1) == 2
    assert mixed[teams.index(0)] == "a"
    assert mixed[teams.index(1)] == "f"


def test_equal_lists_are_mixed_to_themselves_and_short_ones_end() -> None:
    rng = np.random.default_rng(3)
    assert team_draft("abc", "abc", 5, rng)[0] == ["a", "b", "c"]
    first = [team_draft("ab", "ba", 1, rng)[1][0] for _ in range(400)]
    assert 0.4 < np.mean(first) < 0.6
