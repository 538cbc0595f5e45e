"""What is meant by what is said: rules, references, changes, and the nearest example where no rule speaks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from palate.converse.changes import changes_of, reworded
from palate.converse.examples import EXAMPLES
from palate.converse.hearing import LAST, TALKED_OF, Reference, hear
from palate.converse.nearest import Nearest, nearest_intent
from palate.converse.state import INTENTS, Change, Exchange, Question, Reply, Talk, Thing, Wanted
from palate.converse.times import span_of

PICTURES = tuple(Thing("picture", str(number) * 8, "White") for number in range(4))
BEGUN = Exchange(1, "a house", "ask", Wanted("a house"), Reply(pictures=PICTURES, models=(Thing("model", "m", "M"),)))
TALK = Talk("ada", (BEGUN,))

SAID = {
    "like the second, but darker and in winter": "critique",
    "make it brighter": "critique",
    "less colourful please": "critique",
    "it's too dark for me": "critique",
    "the last one but rounder": "critique",
    "without people": "critique",
    "why this model?": "explain",
    "what speaks for the second?": "explain",
    "which of mine did I like last month?": "question",
    "how many models do I have?": "question",
    "under which licence is it?": "question",
    "undo": "undo",
    "no, as it was before": "undo",
    "the second one": "choose",
    "2": "choose",
    "I don't like the first": "choose",
    "none of these": "choose",
    "I hate that": "choose",
    "now I want a castle in the clouds": "change",
    "something else: a ship at sea": "change",
    "forget the house, show me a dragon": "change",
    "remember that I like watercolour": "tell",
    "I never want neon colours": "tell",
    "draw it": "draw",
    "paint me two of these": "draw",
    "surprise me": "recommend",
    "a lighthouse on a cliff": "ask",
    "show me pictures of boats": "ask",
}


@pytest.mark.parametrize(("said", "intent"), SAID.items())
def test_what_is_said_is_heard(said: str, intent: str) -> None:
    assert hear(said, TALK).intent == intent


def test_what_contradicts_a_change_gives_way_and_what_is_left_is_english() -> None:
    assert reworded("a cat in outline", Change("filled", "outline"))[0] == "a cat, filled"
    assert reworded("a house in winter", Change("in summer", "in winter"))[0] == "a house in summer"
    assert reworded("a woman in red", Change("blue"))[0] == "a woman in blue"
    assert reworded("an outline cat", Change("filled", "outline"))[0] == "a filled cat"


def test_before_anything_was_wanted_a_thing_is_asked_for() -> None:
    for said in ("a red cat", "something for a children's book cover", "darker", "lighthouse, storm, ink"):
        assert hear(said, Talk("ada")).intent == "ask"


def test_the_subject_is_said_without_the_asking() -> None:
    assert hear("Could you show me pictures of Dutch boats?", TALK).words == "Dutch boats"
    assert hear("now I want a castle in the clouds", TALK).words == "a castle in the clouds"
    assert hear("please draw two pictures of a red cat", TALK).words == "a red cat"


@pytest.mark.parametrize(
    ("said", "reference"),
    [
        ("the second one", Reference(2)),
        ("I like number three", Reference(3)),
        ("the last picture, but darker", Reference(LAST, "picture")),
        ("why the third model?", Reference(3, "model")),
        ("why this model?", Reference(TALKED_OF, "model")),
        ("what did I like last month", None),
    ],
)
def test_what_points_at_something_shown(said: str, reference: Reference | None) -> None:
    assert hear(said, TALK).reference == reference


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("darker and in winter", (Change("dark", "bright"), Change("in winter", "in summer"))),
        ("a bit less colourful, please", (Change("colourful", "black and white", more=False),)),
        ("too dark", (Change("dark", "bright", more=False),)),
        ("without the people", (Change("people", more=False),)),
        ("blue instead of red", (Change("blue"), Change("red", more=False))),
        ("black and white", (Change("black and white", "colourful"),)),
        ("with a hat", (Change("with a hat"),)),
        ("make it", ()),
    ],
)
def test_changes_by_hand(said: str, changes: tuple[Change, ...]) -> None:
    assert changes_of(said) == changes


def test_what_a_change_contradicts_gives_way_where_it_is_clear() -> None:
    assert reworded("a red house", Change("blue")) == ("a blue house", Change("blue", "red"))
    assert reworded("a dark house", Change("bright", "dark"))[0] == "a bright house"
    assert reworded("a red hat and a red scarf", Change("blue"))[0] == "a red hat and a red scarf"


def test_a_later_change_replaces_what_it_contradicts() -> None:
    wanted = Wanted("a house").but([Change("dark", "bright")]).but([Change("bright", "dark"), Change("snow")])
    assert wanted.changes == (Change("bright", "dark"), Change("snow"))
    assert wanted.prompt == "a house, bright, snow"


def test_an_answer_to_the_question_is_a_change() -> None:
    asked = Exchange(2, "x", "ask", Wanted("a house"), Reply(question=Question("Filled?", ("filled", "outline"))))
    assert hear("outline, please", TALK.after(asked)).changes == (Change("outline", "filled"),)
    alone = Exchange(2, "x", "ask", Wanted("a house"), Reply(question=Question("Filled?", ("filled",))))
    assert hear("no", TALK.after(alone)).changes == (Change("filled", "outline", more=False),)
    assert hear("why?", TALK.after(alone)).intent == "explain"


def test_every_intent_has_examples_and_each_is_nearest_to_itself() -> None:
    assert set(EXAMPLES) == set(INTENTS) - {"ask"} | {"ask"}
    for intent, texts in EXAMPLES.items():
        assert len(texts) >= 10
        assert all(nearest_intent(text)[1] == pytest.approx(1.0) for text in texts), intent


def test_the_nearest_example_by_hand_and_with_a_typing_error() -> None:
    nearest = Nearest({"undo": ("take that back",), "draw": ("paint that for me",)})
    assert nearest.intent("take that back")[0] == "undo"
    assert nearest.intent("piant that for me")[0] == "draw"


NOW = datetime(2026, 11, 21, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "since", "until"),
    [
        ("what did I like last month", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)),
        ("yesterday", datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)),
        ("this week", datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)),
        ("last year", datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_spans_of_time(said: str, since: datetime, until: datetime) -> None:
    assert span_of(said, NOW) == (since.timestamp(), until.timestamp())


def test_no_span_is_none() -> None:
    assert span_of("what did I like", NOW) is None


@pytest.mark.parametrize(
    ("said", "change"), [("thinner lines please", Change("thin", "bold")), ("darker colours", Change("dark", "bright"))]
)
def test_what_is_otherwise_is_not_kept_as_a_choice(said: str, change: Change) -> None:
    heard = hear(said, TALK)
    assert (heard.intent, heard.changes) == ("critique", (change,))


def test_a_choice_that_points_at_nothing_is_none() -> None:
    assert nearest_intent("perfect lovely")[0] == "choose"
    assert hear("perfect lovely", TALK).intent != "choose"


@pytest.mark.parametrize(
    "said", ["more like that", "show me more like this", "others like the second", "similar to it"]
)
def test_more_of_the_same_has_nothing_otherwise(said: str) -> None:
    heard = hear(said, TALK)
    assert (heard.intent, heard.likewise, heard.changes) == ("critique", True, ())


@pytest.mark.parametrize("said", ["hello", "what can you do?", "how does this work?"])
def test_small_talk_asks_for_nothing(said: str) -> None:
    assert (hear(said, TALK).intent, hear(said, TALK).words) == ("ask", "")
