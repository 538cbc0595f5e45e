"""Conversations in a home of coloured shapes: what is wanted follows what is said, and every claim has its ground."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from palate.catalogue import choices, conversations
from palate.cli import main
from palate.converse.making import Here
from palate.converse.state import Change, Exchange
from palate.converse.talking import Conversing
from palate.converse.tools import Tools
from palate.errors import PalateError
from palate.people.gate import Principal
from palate.studio import Studio
from palate.testing.fakes import FakeEncoder


def conversing(studio: Studio, person: str = "ada", may: tuple[str, ...] = ("read", "choose", "draw")) -> Conversing:
    principal = Principal(person, person, "member", frozenset(may), "here")
    return Conversing(Tools(studio.home, studio.settings, FakeEncoder, principal, Here(studio, principal.person)))


def last(talk: Conversing, *said: str) -> Exchange:
    return [talk.say(one) for one in said][-1]


def prompt_of(studio: Studio, picture: str) -> str:
    return str(studio.show(picture)["drawings"][0]["prompt"])


def test_asking_shows_models_and_pictures_of_it_by_their_files(studio: Studio) -> None:
    reply = studio.converse("ada").say("something for a red circle").reply
    assert {thing.name for thing in reply.models} == {"White", "Black"}
    assert [prompt_of(studio, thing.id) for thing in reply.pictures[:2]] == ["a red circle", "a red circle"]
    assert all(thing.file for thing in reply.pictures)


def test_every_claim_rests_on_something_that_is_here(studio: Studio) -> None:
    talk = studio.converse("ada")
    for said in ("a red circle", "why this model?", "like the first, but blue", "what do you remember about me?"):
        for claim in talk.say(said).reply.claims:
            assert claim.rests_on
            for ground in claim.rests_on:
                kind, _, id = ground.partition(":")
                assert kind in ("model", "picture", "prompt", "taste")
                if kind in ("model", "picture"):
                    studio.show(id)


def test_a_critique_keeps_the_picture_and_changes_one_thing(studio: Studio) -> None:
    exchange = last(studio.converse("ada", draws=False), "a red circle", "like the first, but blue")
    assert exchange.wanted.prompt == "a blue circle"
    assert exchange.wanted.changes == (Change("blue", "red"),)
    assert [prompt_of(studio, thing.id) for thing in exchange.reply.pictures[:1]] == ["a blue circle"]


def test_more_like_that_is_likened_to_the_picture_and_keeps_no_choice(studio: Studio) -> None:
    exchange = last(studio.converse("ada", draws=False), "a red circle", "more like that")
    assert exchange.wanted.picture is not None
    assert exchange.reply.pictures
    assert "choose" not in exchange.reply.tools


def test_a_critique_draws(studio: Studio) -> None:
    exchange = last(studio.converse("ada"), "a red circle", "like the first, but yellow")
    assert "draw" in exchange.reply.tools
    assert prompt_of(studio, exchange.reply.pictures[0].id) == "a yellow circle"


def test_more_like_a_picture_that_nobody_asked_for_in_words_is_looked_for_and_not_drawn(studio: Studio) -> None:
    talk = studio.converse("ada")
    last(talk, "a red circle", "I like the first", "something else")
    exchange = last(talk, "which of mine did I like today?", "more like the first")
    assert exchange.wanted.prompt == ""
    assert exchange.reply.pictures
    assert exchange.reply.notes == ()


def test_what_there_is_to_be_less_of_is_said(studio: Studio) -> None:
    text = last(studio.converse("ada"), "a red circle", "it's too dark for me").reply.text
    assert "drew “a red circle”, less dark." in text
    assert "For “a red circle”, less dark, " in text


def test_why_is_answered_from_the_specification(studio: Studio) -> None:
    reply = last(studio.converse("ada"), "a red circle", "like the first, but blue", "why the first model?").reply
    assert "It draws in the style of your picture." in reply.text
    assert "13 pictures here speak for" in reply.text or "12 pictures here speak for" in reply.text


def test_why_is_about_the_answer_that_was_given_whatever_was_drawn_since(studio: Studio) -> None:
    talk = studio.converse("ada")
    shown = last(talk, "a red circle", "like the first, but purple").reply.models
    first, second = (talk.say(f"why the {nth} model?").reply.text for nth in ("first", "second"))
    assert f"{shown[0].name} is number 1 of 2." in first
    assert f"of its {shown[0].score:.2f}" in first
    assert f"{shown[1].name} is number 2 of 2." in second


def test_undo_goes_back_past_what_only_told_something(studio: Studio) -> None:
    talk = studio.converse("ada", draws=False)
    first = talk.say("a red circle")
    last(talk, "like the first, but blue", "why?")
    undone = talk.say("undo")
    assert undone.wanted == first.wanted
    assert undone.reply.pictures == first.reply.pictures
    assert "nothing to undo" in last(talk, "undo", "undo").reply.text


def test_a_choice_is_kept_and_undone(studio: Studio) -> None:
    talk = studio.converse("ada")
    chosen = last(talk, "a red circle", "I like the second")
    with studio.home.read() as connection:
        assert choices.liked_pictures(connection, "ada") == [chosen.wanted.picture]
    talk.say("undo")
    with studio.home.read() as connection:
        assert choices.liked_pictures(connection, "ada") == []
        assert choices.disliked_pictures(connection, "ada") == []


def test_what_was_liked_last_month(studio: Studio) -> None:
    talk = studio.converse("ada")
    liked = last(talk, "a red circle", "I like the first").wanted.picture
    assert talk.say("which of mine did I like today?").reply.pictures[0].id == liked
    nothing = talk.say("which of mine did I like last month?").reply.text
    assert nothing == "You liked nothing then; at other times you liked 1 picture."
    later = conversing(studio)
    later._now = lambda: datetime.now(UTC) + timedelta(days=31)
    assert later.say("which of mine did I like last month?").reply.pictures[0].id == liked


def test_stated_preferences_are_the_ones_of_taste(studio: Studio) -> None:
    talk = studio.converse("ada")
    last(talk, "remember that I like watercolour", "I never want neon colours", "I usually like warm light")
    with studio.home.read() as connection:
        said = conversations.stated(connection, "ada").words
    assert said == {"watercolour": 1.0, "neon colours": -1.0, "warm light": 1.0}
    assert "You want less of neon colours." in talk.say("what do you remember about me?").reply.text
    talk.say("forget that I like watercolour")
    with studio.home.read() as connection:
        assert "watercolour" not in conversations.stated(connection, "ada").words


def test_one_persons_talk_says_nothing_of_anothers(studio: Studio) -> None:
    last(studio.converse("eve"), "a red circle", "I like the first", "remember that I like eve-marker")
    talk = studio.converse("ada")
    for said in ("what do you remember about me?", "which of mine did I like?", "a red circle"):
        told = json.dumps(talk.say(said).as_json())
        assert "eve" not in told
    assert "You liked nothing then." in talk.say("what did I like today?").reply.text


def test_without_the_right_to_draw_nothing_is_drawn_and_the_talk_goes_on(studio: Studio) -> None:
    talk = conversing(studio, may=("read",))
    reply = last(talk, "a red circle", "like the first, but green").reply
    assert "Nothing was drawn: this needs the right to draw." in reply.text
    assert reply.pictures
    assert "right to choose" in talk.say("I like the first").reply.text


def test_what_cannot_be_understood_or_done_leaves_what_was_wanted(studio: Studio) -> None:
    talk = studio.converse("ada")
    wanted = talk.say("a red circle").wanted
    assert talk.say("the ninth one").wanted == wanted
    assert "no number 9" in talk.say("the ninth one").reply.text
    assert talk.say("   ").reply.notes
    assert talk.say("hello").wanted == wanted


def test_an_empty_home_answers_in_words(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: object) -> None:
        raise PalateError("nothing_specified", "no picture here has been encoded yet", hint="run `palate specify`")

    monkeypatch.setattr("palate.converse.tools.space_of_home", nothing)
    assert "no picture here has been encoded yet" in studio.converse("ada").say("a red circle").reply.text


def test_changing_the_subject_forgets_the_picture_and_the_changes(studio: Studio) -> None:
    exchange = last(
        studio.converse("ada", draws=False), "a red circle", "like the first, but blue", "something else: a square"
    )
    assert (exchange.wanted.words, exchange.wanted.picture, exchange.wanted.changes) == ("a square", None, ())


def test_the_command_answers_a_line_of_json_for_each_message(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--person", "ada", "--say", "a red circle", "--say", "like the first, but blue", "--no-draw"]
    monkeypatch.setattr(sys, "argv", ["palate", "converse", *arguments, "--json"])
    with pytest.raises(SystemExit):
        main.run()
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["intent"] == "ask"
    assert second["wanted"]["prompt"] == "a blue circle"
    assert second["reply"]["pictures"][0]["file"]


def test_the_command_shows_models_and_files(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["palate", "converse", "--say", "a red circle", "--say", "undo"])
    with pytest.raises(SystemExit):
        main.run()
    out = capsys.readouterr().out
    assert "For “a red circle”" in out
    assert "Undone" in out


def test_what_was_said_to_be_liked_is_offered_once_and_an_answer_adds_it(studio: Studio) -> None:
    talk = studio.converse("ada", draws=False)
    asked = last(talk, "remember that I like green", "a circle").reply.question
    assert asked is not None
    assert asked.options == ("green",)
    assert talk.say("yes").wanted.prompt == "a circle, green"
    again = talk.say("something else: a square").reply.question
    assert again is None or again.options != ("green",)


def test_it_asks_what_splits_the_candidates_and_a_clear_answer_narrows_them(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("palate.converse.tools.ATTRIBUTES", (("square", "purple"), ("red", "blue")))
    talk = studio.converse("ada", draws=False)
    asked = talk.say("a circle").reply.question
    assert asked is not None
    assert asked.text == f"Rather {asked.options[0]}, or {asked.options[1]}?"
    answered = talk.say(asked.options[0])
    assert answered.intent == "critique"
    assert answered.wanted.changes[0].towards == asked.options[0]
