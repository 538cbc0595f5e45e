"""Suggestions in words, and how words are measured."""

from __future__ import annotations

import json
import math

import pytest

from palate.converse.suggesting import Knowledge, Suggester
from palate.converse.wording import facts_of, retold, suggested
from palate.evaluate.converse_language import MIX, Pairs, language_metrics, tokens
from palate.evaluate.conversing import rank_of, reordered
from palate.importers.dialogues import Dialogue, Film, Suggestion, Utterance, suggestions

FILMS = {"Jaws (1975)": Film("Jaws (1975)", ("horror",)), "Big (1988)": Film("Big (1988)", ("comedy",))}


def talk(number: int) -> Dialogue:
    film, genre = (("Jaws (1975)", "horror"), ("Big (1988)", "comedy"))[number % 2]
    asked = Utterance(False, f"some {genre} please", (), (genre,))
    return Dialogue(str(number), (asked, Utterance(True, f"Try {film[:-7]}, which won seven prizes", (film,))))


TALKS = [talk(number) for number in range(20)]
KNOWLEDGE = Knowledge(list(FILMS), TALKS, FILMS)
CASE = suggestions([talk(0)])[0]


def test_what_is_said_of_a_film_is_what_is_known_of_it() -> None:
    texts = [fact.text for fact in facts_of(KNOWLEDGE, CASE, "Jaws (1975)")]
    assert texts == ["You spoke of horror, and it is horror.", "It was recommended 10 times before."]
    assert all(fact.rests_on for fact in facts_of(KNOWLEDGE, CASE, "Jaws (1975)"))
    assert [fact.text for fact in facts_of(KNOWLEDGE, CASE, "Big (1988)")] == ["It was recommended 10 times before."]
    assert suggested(KNOWLEDGE, CASE, "Jaws (1975)")[0].text == "Have you seen Jaws (1975)?"


def test_what_was_said_elsewhere_is_said_of_this_film() -> None:
    other = Suggestion("x", (), frozenset(), "Big (1988)", "Try Big, it is great")
    assert retold("Jaws (1975)", other) == "Try Jaws, it is great"


def test_word_pairs_by_hand() -> None:
    pairs = Pairs([["a", "b"], ["a", "c"]])
    pair, single, other = MIX
    assert pairs.logs(["a", "b"])[0] == pytest.approx(math.log(pair + single / 2 + other / 4))
    assert pairs.logs(["a", "b"])[1] == pytest.approx(math.log(pair / 2 + single / 4 + other / 4))
    assert pairs.logs(["z"])[0] == pytest.approx(math.log(other / 4))


def test_language_is_measured_and_grounded() -> None:
    suggester = Suggester(KNOWLEDGE)
    cases = suggestions(TALKS[:6])
    heard = [utterance.text for one in TALKS for utterance in one.utterances]
    metrics, rows = language_metrics(suggester, suggestions(TALKS), cases, heard, seed=0)
    assert metrics["film alone/groundedness"].value == 1.0
    assert metrics["film and evidence/groundedness"].value == 1.0
    assert metrics["retold/groundedness"].value == 0.0  # nothing that is known says so
    assert metrics["retold/rouge-l"].value == pytest.approx(1.0)
    by_name = {row["way"]: row for row in rows}
    assert by_name["retold"]["BLEU-4"] == "1.0000"
    assert by_name["what people said"]["BLEU-4"] == "-"


def test_tokens() -> None:
    assert tokens("It's Jaws, 1975!") == ["it's", "jaws", ",", "1975", "!"]


class Last:
    """A language model that puts the last candidate first, or says nothing of use."""

    name = "last"

    def __init__(self, *, useful: bool = True) -> None:
        self.useful = useful

    def answer(self, asked: str) -> str:
        numbers = [int(line.split(":")[0]) for line in asked.splitlines() if line[:1].isdigit()]
        return json.dumps({"order": [numbers[-1]]}) if self.useful else "no"


def test_a_language_model_reorders_the_films_and_its_failures_are_counted() -> None:
    suggester = Suggester(KNOWLEDGE)
    cases = suggestions(TALKS[:2])
    offline = [rank_of(KNOWLEDGE, case, suggester.scores(case)) for case in cases]
    assert offline == [1.0, 1.0]
    ranks, failed = reordered(suggester, Last(), suggestions(TALKS), cases)
    assert (ranks.tolist(), failed) == ([2.0, 2.0], 0)
    ranks, failed = reordered(suggester, Last(useful=False), suggestions(TALKS), cases)
    assert (ranks.tolist(), failed) == ([1.0, 1.0], 2)
