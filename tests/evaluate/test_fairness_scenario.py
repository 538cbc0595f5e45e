"""Who is served worse, and whether saying who one is changes the answer: lists whose likeness is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.crowds import made, most_chosen
from palate.evaluate.fairness import SENSITIVE, evaluate_fairness, exposure, fairllm, group_gaps, told
from palate.evaluate.page import unnamed


def blind(wish: str) -> list[str]:
    """Answers the wish, whoever asks."""
    return [f"{wish.rpartition('. ')[2]}-{place}" for place in range(10)]


def sexist(wish: str) -> list[str]:
    """The same, but girls get another list."""
    return [f"pink-{place}" for place in range(10)] if "girl" in wish else blind(wish)


def test_who_asks_is_said_in_plain_words() -> None:
    assert told("a cat", "a girl") == "I am a girl person. a cat"
    assert told("a cat", "old") == "I am a old person. a cat"


def test_a_blind_list_is_fair_and_one_word_shows() -> None:
    fair, _ = fairllm(blind, ("a cat", "a dog"))
    assert all(metric.value == 1.0 for name, metric in fair.items() if name.endswith(("/jaccard", "/serp", "/prag")))
    assert all(metric.value == 0.0 for name, metric in fair.items() if name.endswith(("/snsr", "/snsv")))
    unfair, _ = fairllm(sexist, ("a cat", "a dog"))
    assert unfair["gender:jaccard/snsr"].value == 1.0
    assert unfair["gender/jaccard"].value == pytest.approx(3 / 4)  # one of four values gets nothing of the list
    assert unfair["gender:serp/snsv"].value == pytest.approx(np.std([1, 1, 1, 0]))
    assert unfair["age:jaccard/snsr"].value == 0.0
    assert not unnamed(unfair, {})
    assert len(SENSITIVE) == 8


def test_true_preference_is_likeness_to_what_is_liked() -> None:
    found, _ = fairllm(sexist, ("a cat",), liked={"a cat": blind("a cat")})
    assert found["neutral/true_preference"].value == 1.0
    assert found["gender/true_preference"].value == pytest.approx(3 / 4)


def test_exposure_by_hand() -> None:
    """Two models of ada and two of ben; ada's alone are shown: |1 - 1/2| + |0 - 1/2| halved, and a Gini of 1/2."""
    found = exposure([["a", "b"], ["a"]], {"a": "ada", "b": "ada", "c": "ben", "d": "ben"})
    assert found["makers/exposure_gap"].value == pytest.approx(0.5)
    assert found["makers/maker_gini"].value == pytest.approx(0.5)


def test_a_gap_that_is_there_is_larger_than_one_by_chance() -> None:
    crowd = most_chosen("made people", made(0, people=80))
    groups = {"half": ["one" if at % 2 else "other" for at in range(len(crowd.histories))]}
    found = group_gaps(crowd, groups)
    assert 0.0 <= found["ease:half/gap"].value < 0.5
    assert found["ease:half:shuffled/gap"].value < 0.3


def test_without_anything_to_ask_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="neither"):
        evaluate_fairness(None, None, people=3)
    report = evaluate_fairness(None, None, people=3, lister=blind, wishes=("a cat",), out=tmp_path)
    assert {"group gaps", "exposure by maker"} <= set(report.left_out)
    assert (tmp_path / "summary.json").is_file()
