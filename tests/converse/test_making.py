"""What a talk has made: pictures from a history, who drew one, variations that lead on; with one person's rights."""

from __future__ import annotations

from pathlib import Path

import pytest

from palate.catalogue import choices, conversations
from palate.converse.hearing import hear
from palate.converse.making import Here
from palate.converse.state import Exchange, Talk
from palate.converse.talking import Conversing
from palate.converse.tools import Tools
from palate.people.gate import Principal
from palate.studio import Studio
from palate.testing.fakes import FakeEncoder
from palate.testing.januses import build_tiny_janus

SAID = {
    "draw me something new from what I liked": "personalise",
    "make something from my likes": "personalise",
    "can you draw me something new from the pictures I liked?": "personalise",
    "draw something I would like": "personalise",
    "who drew the second?": "identify",
    "which of my models could have made this?": "identify",
    "which model draws like the third?": "identify",
    "who made this model?": "question",
    "show me variations of it": "steer",
    "give me four different versions": "steer",
    "steer me to a red circle": "steer",
    "a lighthouse at night": "ask",
}


def talking(studio: Studio, *may: str) -> Conversing:
    principal = Principal("ada", "ada", "member", frozenset(may), "here")
    return Conversing(Tools(studio.home, studio.settings, FakeEncoder, principal, Here(studio, "ada")))


def last(talk: Conversing, *said: str) -> Exchange:
    return [talk.say(one) for one in said][-1]


@pytest.fixture(scope="module")
def janus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_janus(tmp_path_factory.mktemp("janus") / "tiny")


@pytest.mark.parametrize(("said", "intent"), SAID.items())
def test_what_is_to_be_made_is_heard(said: str, intent: str) -> None:
    assert hear(said, Talk("ada")).intent == intent


def test_what_is_to_be_varied_is_said_without_the_asking() -> None:
    assert hear("steer me to a red circle", Talk("ada")).words == "a red circle"
    assert hear("some variations of a blue square, please", Talk("ada")).words == "a blue square, please"
    assert hear("show me variations of it", Talk("ada")).words == ""


# -- from a history


def test_new_pictures_are_drawn_from_what_was_liked(
    studio: Studio, janus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.config_set("personaliser", str(janus))
    monkeypatch.setattr("palate.converse.tools.POCKET", str(janus))  # the one that comes taught
    talk = studio.converse("ada")
    liked = last(talk, "a red circle", "I like the first").wanted.picture
    exchange = talk.say("draw me two new ones from what I liked")
    assert (exchange.intent, exchange.reply.tools) == ("personalise", ("personalise",))
    assert exchange.reply.claims[0].text == "These 2 are new, drawn from the picture that you liked."
    assert f"picture:{liked}" in exchange.reply.claims[0].rests_on
    assert [thing.name for thing in exchange.reply.pictures] == [f"Janus {janus}"] * 2
    assert all(Path(thing.file or "").is_file() for thing in exchange.reply.pictures)
    assert talk.say("I like the second").wanted.picture == exchange.reply.pictures[1].id


def test_where_no_janus_was_taught_nothing_is_drawn_and_it_says_what_would_help(studio: Studio, janus: Path) -> None:
    studio.config_set("personaliser", str(janus))
    exchange = last(studio.converse("ada"), "a red circle", "I like the first", "draw something new from what I liked")
    assert "nothing here was taught to draw from what somebody liked" in exchange.reply.text
    assert "palate train personalise sft" in exchange.reply.text
    assert exchange.reply.pictures == ()


def test_who_liked_nothing_is_told_how_to(studio: Studio) -> None:
    text = studio.converse("ada").say("draw me something new from what I liked").reply.text
    assert "you have liked nothing yet (say “I like the first” of a picture)" in text


@pytest.mark.parametrize("said", ["draw something new from what I liked", "show me variations of a red circle"])
def test_it_needs_the_right_to_draw(studio: Studio, said: str) -> None:
    reply = talking(studio, "read", "choose").say(said).reply
    assert "this needs the right to draw" in reply.text
    assert reply.pictures == ()


# -- who drew it


def test_who_drew_a_picture_and_who_draws_like_it(studio: Studio) -> None:
    talk = studio.converse("ada")
    shown = talk.say("a red circle").reply.pictures
    reply = talk.say("who drew the second?").reply
    assert reply.claims[0].text == f"It is by {shown[1].name}."
    assert reply.claims[0].rests_on == (f"picture:{shown[1].id}",)
    assert reply.models[0].name == shown[1].name
    assert reply.claims[1].text.startswith(f"By its look alone {shown[1].name} draws most like it")


# -- variations


def test_variations_are_a_slate_that_a_pick_leads_on(studio: Studio) -> None:
    talk = studio.converse("ada")
    first = last(talk, "a red circle", "show me variations of it")
    assert (first.intent, len(first.reply.pictures), len(first.reply.claims)) == ("steer", 4, 4)
    assert all(len(claim.rests_on) == 4 for claim in first.reply.claims)  # a column's four pictures
    second = talk.say("the second")
    assert second.wanted.picture == first.reply.pictures[1].id
    assert {thing.id for thing in second.reply.pictures}.isdisjoint(thing.id for thing in first.reply.pictures)
    with studio.home.read() as connection:
        [made] = choices.of_person(connection, "ada")
        [begun] = conversations.of_person(connection, "ada")
        turns = conversations.turns_of(connection, begun.id)
    assert (made.kind, made.payload["column"]) == ("pick", 1)
    assert [(turn.state, turn.picked) for turn in turns] == [("picked", 1), ("open", None)]


def test_a_wish_beside_a_pick_is_what_the_next_ones_are_written_for(studio: Studio) -> None:
    talk = studio.converse("ada")
    last(talk, "variations of a red circle", "the second, but darker")
    talk.say("none of these")
    with studio.home.read() as connection:
        [begun] = conversations.of_person(connection, "ada")
        turns = conversations.turns_of(connection, begun.id)
    assert [(turn.state, turn.wish) for turn in turns] == [("picked", ""), ("none", "dark"), ("open", "")]


def test_a_pick_is_undone_and_the_variations_wait_again(studio: Studio) -> None:
    talk = studio.converse("ada")
    first = talk.say("variations of a red circle")
    talk.say("the second")
    undone = talk.say("undo")
    assert [thing.id for thing in undone.reply.pictures] == [thing.id for thing in first.reply.pictures]
    assert talk.say("the third").wanted.picture == first.reply.pictures[2].id
    with studio.home.read() as connection:
        standing = choices.standing(choices.of_person(connection, "ada"))
    assert [choice.payload["column"] for choice in standing] == [2]


def test_a_number_means_the_variations_only_while_they_are_what_was_shown_last(studio: Studio) -> None:
    talk = studio.converse("ada")
    last(talk, "variations of a red circle", "a blue square")
    exchange = talk.say("I like the first")
    assert exchange.reply.tools == ("choose", "similar")
