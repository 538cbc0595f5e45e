"""Pairwise judgements by hand."""

from __future__ import annotations

import numpy as np
import pytest

from palate.metrics import battles


def test_ties_are_half_a_win_for_both() -> None:
    wins = battles.wins_of([(0, 1, 1.0), (0, 1, 0.5), (2, 1, 0.0)], 4)
    assert wins[0, 1] == 1.5
    assert wins[1].tolist() == [0.5, 0, 1, 0]
    np.testing.assert_array_equal(battles.win_rates(wins), [0.75, 0.5, 0, np.nan])


def test_strengths_are_the_log_odds_of_winning() -> None:
    found = battles.strengths([[0, 30], [10, 0]], prior=0)
    assert found[0] - found[1] == pytest.approx(np.log(3), abs=1e-6)


def test_strengths_that_made_the_battles_are_found_again() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([1.0, 0.3, -0.2, -1.1])
    fought = []
    for _ in range(8000):
        a, b = rng.choice(4, 2, replace=False)
        fought.append((int(a), int(b), float(rng.random() < 1 / (1 + np.exp(truth[b] - truth[a])))))
    np.testing.assert_allclose(battles.strengths(battles.wins_of(fought, 4)), truth, atol=0.1)


def test_what_always_wins_and_what_never_fought_stay_finite() -> None:
    found = battles.strengths([[0, 5, 0], [0, 0, 0], [0, 0, 0]])
    assert np.isfinite(found).all()
    assert found[0] > found[2] > found[1]


def test_agreement_is_cohens_kappa() -> None:
    assert battles.agreement([1, 0, 1, 0], [1, 0, 1, 0]) == 1
    assert battles.agreement([1, 1, 0, 0], [1, 0, 1, 0]) == 0
    assert battles.agreement([1, 1], [1, 1]) == 1
