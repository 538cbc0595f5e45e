"""A candidate may name its model: what models make different, and who is offered where."""

from __future__ import annotations

import numpy as np
import pytest

from palate.steer.drawers import Drawers, differences, hands_for
from palate.taste.offset import Belief

CATEGORIES = [category for category in ("rephrase", "expansion", "style", "subject", "creative") for _ in range(5)]
FOUR = Drawers(("ink", "wash", "chalk", "oil"), np.array([[0.0, 0], [3, 0], [1, 0], [2, 0]]))


def sure_of(*head: float) -> Belief:
    return Belief(np.zeros(1), np.array([head]), np.zeros((1, len(head), len(head))))


def test_a_models_difference_is_measured_on_the_prompts_it_drew() -> None:
    """Prompt a lies at 0 and 2 by the two models, prompt b at 10 and 10: the first is -1 and 0, so -1/2 on average."""
    features = np.array([[0.0], [2.0], [10.0], [10.0]])
    found = differences(features, np.array([0, 1, 0, 1]), ("a", "a", "b", "b"), 2)
    assert found[:, 0] == pytest.approx([-0.5, 0.5])


def test_a_model_that_drew_only_bright_prompts_is_not_bright_by_itself() -> None:
    features = np.array([[0.0], [0.0], [9.0], [9.0]])
    found = differences(features, np.array([0, 1, 1, 2]), ("dark", "dark", "bright", "bright"), 3)
    assert np.allclose(found, 0)


def test_styles_and_surprises_go_to_the_models_that_are_worth_most() -> None:
    hands = hands_for(FOUR, sure_of(1.0, 0.0), CATEGORIES, "ink")
    by_category = {category: hands[at : at + 5] for at, category in enumerate(CATEGORIES) if at % 5 == 0}
    assert by_category["rephrase"] == by_category["expansion"] == by_category["subject"] == ["ink"] * 5
    assert by_category["style"][0] == "wash"
    assert by_category["creative"][0] == "oil"
    assert "ink" not in by_category["style"]


def test_where_one_model_draws_it_draws_everything() -> None:
    assert hands_for(Drawers(("ink",), np.zeros((1, 2))), sure_of(1.0, 0.0), CATEGORIES, "ink") == ["ink"] * 25


def test_nothing_is_known_of_a_model_that_is_not_specified() -> None:
    assert FOUR.share("nobody").tolist() == [0.0, 0.0]
    assert FOUR.share(None).tolist() == [0.0, 0.0]
    assert FOUR.share("wash").tolist() == [3.0, 0.0]
