"""Simulated people with a hidden goal: they answer by what names tell, and a policy that listens finds it sooner."""

from __future__ import annotations

import numpy as np
import pytest

from palate.converse.eliciting import Attributes, learned_reader
from palate.evaluate.converse_goals import (
    PAIRS,
    TURNS,
    Goal,
    Tuned,
    World,
    criticises,
    goals_of,
    says,
    truth,
    turns_to_goal,
)
from palate.evaluate.converse_sets import Sets, drawn

FILLED, BOLD = PAIRS.index(("filled", "outline")), PAIRS.index(("bold", "thin"))


def test_what_is_true_of_a_picture_by_its_name() -> None:
    assert truth(drawn("ph", "bell", "fill")) == {"filled", "black and white"}
    assert truth(drawn("ph", "bell", "")) == {"outline", "black and white"}
    assert truth(drawn("noto", "bell", "")) == {"colourful", "shaded"}


def test_a_person_answers_truthfully_or_cannot_say() -> None:
    goal = drawn("ph", "bell", "fill")
    assert says(goal, ("filled", "outline")) is True
    assert says(goal, ("outline", "filled")) is False
    assert says(goal, ("3d", "flat")) is None


def test_a_critique_names_one_true_difference_and_none_twice() -> None:
    goal, shown = drawn("ph", "bell", "fill"), drawn("ph", "bell", "thin")
    assert criticises(goal, shown, set()) == (FILLED, True)
    assert criticises(goal, shown, {FILLED}) is None or criticises(goal, shown, {FILLED})[0] != FILLED  # type: ignore[index]
    assert criticises(goal, goal, set()) is None


@pytest.fixture
def world() -> tuple[Sets, World]:
    """64 bells that words cannot tell apart, of which the last is the goal; halves by filled, quarters by bold."""
    names = [("fill" if at % 2 else "outline") + ("-bold" if at // 2 % 2 else "-thin") for at in range(64)]
    rows = tuple(drawn("ph", "bell", name) for name in names)
    sets = Sets(rows, np.zeros((64, 2), dtype=np.float32))
    z = np.zeros((64, len(PAIRS)))
    z[:, FILLED] = [3.0 if at % 2 else -3.0 for at in range(64)]
    z[:, BOLD] = [3.0 if at // 2 % 2 else -3.0 for at in range(64)]
    return sets, World(Goal(63, "bell", tuple(range(64))), np.zeros(64), Attributes(PAIRS, z))


def test_questions_and_critiques_find_what_paging_does_not(world: tuple[Sets, World]) -> None:
    tuned = Tuned(5.0, 3.0, np.ones(len(PAIRS)))
    paging = turns_to_goal(*world, "no critique", tuned, 0)
    assert paging == TURNS + 1  # 24 of 64 were shown
    best = turns_to_goal(*world, "best question", tuned, 0)
    critique = turns_to_goal(*world, "critique", tuned, 0)
    assert best == 5  # two questions leave 16: four of them a turn, from the second turn on
    assert critique <= TURNS
    assert turns_to_goal(*world, "critique and best question", tuned, 0) <= best


def test_who_can_never_answer_is_not_asked(world: tuple[Sets, World]) -> None:
    tuned = Tuned(5.0, 3.0, np.zeros(len(PAIRS)))
    tuned.answered[BOLD] = 1.0
    sets, own = world
    assert turns_to_goal(sets, own, "best question", tuned, 0) >= 5


def test_a_reader_learns_what_separates() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(200, 5)).astype(np.float32)
    has = vectors[:, 2] > 0
    reader = learned_reader(vectors, has, penalty=1e-3)
    assert np.mean((vectors @ reader[:-1] + reader[-1] > 0) == has) > 0.95


def test_goals_are_hidden_among_many() -> None:
    rows = tuple(drawn("ph", f"bell-{'abcdefghij'[at % 10]}{'klmnopqr'[at // 10]}x", "") for at in range(60))
    sets = Sets(rows, np.zeros((60, 2), dtype=np.float32))
    goals = goals_of(sets, "test") + goals_of(sets, "dev")
    assert {goal.word for goal in goals} <= {"bell"}
    assert all(goal.target in goal.candidates for goal in goals)
