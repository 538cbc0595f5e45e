"""Going back in a conversation: branches stay, and of several answers to one slate the last one counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from palate.catalogue import choices, conversations
from palate.catalogue import models as model_rows
from palate.catalogue.choices import Choice
from palate.catalogue.conversations import Turn
from palate.catalogue.home import Home
from palate.catalogue.migrations import STEPS
from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.steer.answering import before, go_to
from palate.steer.steering import Steering
from palate.studio import Studio
from palate.testing.fakes import FakeEncoder, FakeGenerator

MODEL = Model("m-white", "White", "pipeline", "fake://white", base="SD15")


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr("palate.encoders.opening.open_encoder", lambda *_, **__: FakeEncoder())
    monkeypatch.setattr("palate.specify.executors.generator_for", lambda model, *_: FakeGenerator(model.name))
    home = Home.create(tmp_path / "home")
    with home.write() as connection:
        model_rows.put(connection, [MODEL])
    home.close()
    opened = Studio.open(str(tmp_path / "home"))
    yield opened
    opened.close()


def begun(studio: Studio, *answers: int | None) -> Steering:
    steering = studio.steer("a red circle", person="ada", model="White")
    for answer in answers:
        steering.next_turn()
        studio.draw_turn(steering)
        steering.choose(answer)
    return steering


def again(studio: Studio, old: Steering) -> Steering:
    with studio.home.read() as connection:
        conversation = conversations.get(connection, old.conversation.id, "ada")
    return Steering(studio.home, old.grounds, studio.encoder, old._writer, conversation, old.belief)


def tree(steering: Steering) -> list[tuple[int, int | None, int | None]]:
    return [(turn.number, turn.parent, turn.via) for turn in steering.turns]


def test_each_turn_knows_the_answer_that_led_to_it(studio: Studio) -> None:
    steering = begun(studio, 2, None, 1)
    steering.next_turn()
    assert tree(steering) == [(1, None, None), (2, 1, 2), (3, 2, None), (4, 3, 1)]
    assert steering.turns[3].prompt == steering.turns[2].slate[1].text


def test_another_answer_to_an_earlier_slate_begins_a_branch_beside_the_old_one(studio: Studio) -> None:
    old = begun(studio, 0, 1)
    go_to(studio.home, old.conversation, 1)
    steering = again(studio, old)
    assert steering.current == steering.turns[0]
    steering.choose(3)
    steering.next_turn()
    assert tree(steering) == [(1, None, None), (2, 1, 0), (3, 1, 3)]
    assert steering.turns[2].prompt == steering.turns[0].slate[3].text
    assert [turn.number for turn in conversations.path(steering.turns, 3)] == [1, 3]


def test_of_several_answers_to_one_slate_the_last_one_counts(studio: Studio) -> None:
    old = begun(studio, 0)
    go_to(studio.home, old.conversation, 1)
    again(studio, old).choose(3)
    with studio.home.read() as connection:
        made = choices.of_person(connection, "ada")
        liked = choices.liked_pictures(connection, "ada")
    assert [choice.kind for choice in made] == ["pick", "undo", "pick"]
    assert [choice.payload["column"] for choice in choices.standing(made)] == [3]
    assert liked == [old.turns[0].slate[3].pictures[0]]


def test_an_answer_that_was_taken_back_teaches_nothing(studio: Studio) -> None:
    steering = begun(studio, 0, 1)
    go_to(studio.home, steering.conversation, 2)
    assert studio.steer("a thing", person="ada", model="White").belief.mean.any()
    go_to(studio.home, steering.conversation, 1)
    assert not studio.steer("a thing", person="ada", model="White").belief.mean.any()
    assert studio.taste("ada")["learned_from"] == 0


def test_who_returns_to_the_old_branch_has_its_answers_back(studio: Studio) -> None:
    old = begun(studio, 0, 1)
    go_to(studio.home, old.conversation, 1)
    again(studio, old).choose(3)
    go_to(studio.home, old.conversation, 2)
    with studio.home.read() as connection:
        standing = choices.standing(choices.of_person(connection, "ada"))
        [first, second] = conversations.turns_of(connection, old.conversation.id)
    assert [(choice.payload["turn"], choice.payload["column"]) for choice in standing] == [(1, 0)]
    assert (first.state, first.picked, second.state) == ("picked", 0, "open")


def test_undoing_leads_to_the_turn_before_and_no_further(studio: Studio) -> None:
    turns = begun(studio, 0, 1).turns
    assert before(turns, 2) == 1
    with pytest.raises(PalateError, match="nothing was answered"):
        before(turns, 1)
    with pytest.raises(PalateError, match="no such turn"):
        go_to(studio.home, begun(studio, 0).conversation, 7)


def test_nothing_that_is_chosen_during_a_pause_counts() -> None:
    made = [
        Choice("ada", kind, {} if kind in ("pause", "resume") else {"picture": picture})  # type: ignore[arg-type]
        for kind, picture in [("like", "a"), ("pause", ""), ("like", "b"), ("resume", ""), ("like", "c")]
    ]
    assert [choice.payload["picture"] for choice in choices.standing(made)] == ["a", "c"]
    assert [choices.is_paused(made[:count]) for count in range(6)] == [False, False, True, True, False, False]


def test_a_home_from_before_branches_has_each_turn_lead_to_the_next(studio: Studio) -> None:
    old = begun(studio, 2, 0)
    with studio.home.write() as connection:
        for table, column in (("turns", "parent"), ("turns", "via"), ("conversations", "current")):
            connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        connection.execute(text("UPDATE meta SET value = '3' WHERE name = 'schema'"))
        STEPS[3](connection)
        kept: list[Turn] = conversations.turns_of(connection, old.conversation.id)
        assert conversations.get(connection, old.conversation.id, "ada").current == 2
    assert [(turn.parent, turn.via) for turn in kept] == [(None, None), (1, 2)]
