"""A person's own offset: Laplace's update after each choice."""

from __future__ import annotations

import numpy as np
import pytest

from palate.taste.offset import (
    Belief,
    after_battles,
    battle,
    chosen,
    drawn,
    first_belief,
    learned_spread,
    preferred,
    rated,
    worth,
)
from palate.taste.utilities import Heads, sigmoid

HEADS = Heads(np.array([[1.0, 0.0, 0.5], [-1.0, 0.5, 0.0]]), np.zeros(2), np.array([0.5, 0.5]))


def some_battles(count: int, own: np.ndarray, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((count, len(own)))
    wins = rng.random(count) < sigmoid(D @ own)
    return np.where(wins[:, None], D, -D)


def test_a_battle_is_a_choice_between_two_columns() -> None:
    belief = first_belief(HEADS, np.eye(3))
    better, worse = np.array([1.0, 2.0, 0.0]), np.array([0.0, 1.0, 1.0])
    one = battle(belief, better - worse)
    other = chosen(belief, np.stack([better, worse]), 0)
    assert one.mean == pytest.approx(other.mean, abs=1e-6)
    assert one.covariance == pytest.approx(other.covariance, abs=1e-6)
    assert one.types == pytest.approx(other.types, abs=1e-6)


def test_choice_after_choice_ends_near_all_at_once() -> None:
    history = some_battles(60, np.array([1.5, -0.5, 0.5]))
    step = first_belief(HEADS, 0.5 * np.eye(3))
    together = after_battles(step, history)
    for each in history:
        step = battle(step, each)
    assert step.mean == pytest.approx(together.mean, abs=0.1)
    assert step.covariance == pytest.approx(together.covariance, abs=0.02)
    assert step.types == pytest.approx(together.types, abs=0.1)


def test_it_finds_what_a_person_likes_and_grows_surer() -> None:
    own = np.array([2.0, -1.0, 0.0])
    belief = first_belief(HEADS, np.eye(3))
    picture = np.array([[1.0, 0.0, 0.0]])
    doubts = [worth(belief, picture)[1][0]]
    for at, each in enumerate(some_battles(300, own), 1):
        belief = battle(belief, each)
        if at % 100 == 0:
            doubts.append(worth(belief, picture)[1][0])
    mean = belief.types @ belief.mean
    assert mean @ own / np.linalg.norm(mean) / np.linalg.norm(own) > 0.95
    assert doubts == sorted(doubts, reverse=True)


def test_a_rating_is_a_kalman_step_by_hand() -> None:
    """Prior variance 1, noise 1: the mean goes half of the way and the variance halves."""
    heads = Heads(np.zeros((1, 1)), np.zeros(1), np.ones(1))
    after = rated(first_belief(heads, np.eye(1)), np.ones(1), 2.0, spread=1.0)
    assert after.mean[0] == pytest.approx([1.0])
    assert after.covariance[0, 0, 0] == pytest.approx(0.5)


def test_doubt_pulls_a_preference_to_one_half() -> None:
    heads = Heads(np.array([[1.0]]), np.zeros(1), np.ones(1))
    x, y = np.array([[1.0]]), np.array([[0.0]])
    sure, unsure = (preferred(first_belief(heads, np.eye(1) * v), x, y)[0] for v in (1e-9, 9.0))
    assert sure == pytest.approx(1 / (1 + np.exp(-1)))
    assert 0.5 < unsure < sure


def test_nothing_known_changes_nothing_and_weight_zero_neither() -> None:
    belief = first_belief(HEADS, np.eye(3))
    assert after_battles(belief, np.empty((0, 3))) is belief
    still = battle(belief, np.ones(3), weight=0.0)
    assert still.mean == pytest.approx(belief.mean)
    assert still.types == pytest.approx(belief.types)


def test_heads_that_are_drawn_are_spread_as_the_belief_says() -> None:
    belief = Belief(np.zeros(1), np.array([[1.0, 2.0]]), np.diag([0.25, 4.0])[None])
    rng = np.random.default_rng(0)
    heads = np.stack([drawn(belief, rng) for _ in range(2000)])
    assert heads.mean(axis=0) == pytest.approx([1.0, 2.0], abs=0.15)
    assert heads.std(axis=0) == pytest.approx([0.5, 2.0], rel=0.1)


def test_the_spread_of_offsets_is_learned() -> None:
    """People who differ in their first coordinate only."""
    rng = np.random.default_rng(1)
    heads = Heads(np.zeros((1, 2)), np.zeros(1), np.ones(1))
    people = [some_battles(80, np.array([rng.normal(0, 2.0), 0.0]), seed) for seed in range(60)]
    spread = learned_spread(heads, people, 0.5 * np.eye(2), rounds=12)
    assert spread[0, 0] > 2.0
    assert spread[1, 1] < 0.4
