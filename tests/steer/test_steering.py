"""Conversations with fakes that draw coloured shapes: the slates come to fit, and what is forgotten is gone."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from palate.catalogue import choices, conversations, tables
from palate.catalogue import models as model_rows
from palate.catalogue.choices import Choice
from palate.catalogue.home import Home
from palate.catalogue.records import Model
from palate.cli import main
from palate.errors import PalateError
from palate.steer import telling
from palate.steer.steering import Steering, begin, grounds_of
from palate.studio import Studio
from palate.taste.offset import worth
from palate.taste.person import taste_of
from palate.testing.fakes import FakeEncoder, FakeGenerator
from palate.writers.variants import Brief

MODEL = Model("m-white", "White", "pipeline", "fake://white", base="SD15")
SHAPES = ["circle", "square", "triangle"]
COLOURS = ["red", "blue", "green", "yellow"]


class Painter:
    """A writer whose candidates are coloured shapes, five a category."""

    name = "painter"

    def write(self, brief: Brief) -> object:
        rng = np.random.default_rng(brief.seed)
        found = []
        for category in ("rephrase", "expansion", "style", "subject", "creative"):
            for n in range(5):
                colour, shape = rng.choice(COLOURS), rng.choice(SHAPES)
                text = f"a {colour} {shape}, a picture of a thing, number {brief.seed} {category} {n}"
                found.append({"text": text, "category": category})
        return found


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr("palate.encoders.opening.open_encoder", lambda *_, **__: FakeEncoder())
    monkeypatch.setattr("palate.specify.executors.generator_for", lambda model, *_: FakeGenerator(model.name))
    monkeypatch.setattr("palate.writers.language.open_writer", lambda *_, **__: Painter())
    monkeypatch.setenv("PALATE_HOME", str(tmp_path / "home"))
    home = Home.create(tmp_path / "home")
    with home.write() as connection:
        model_rows.put(connection, [MODEL])
    home.close()
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"a {colour} {shape}" for colour in COLOURS for shape in SHAPES) + "\n")
    opened = Studio.open()
    opened.specify(prompts=prompts, count=2)
    yield opened
    opened.close()


def reds(steering: Steering) -> int:
    return sum("red" in column.text for column in steering.turns[-1].slate)


def lead(studio: Studio, person: str, turns: int, *, likes: str = "red", explore: bool = False) -> Steering:
    steering = studio.steer("a picture of a thing", person=person, model="White", explore=explore)
    for _ in range(turns):
        turn = steering.next_turn()
        studio.draw_turn(steering)
        liked = [at for at, column in enumerate(turn.slate) if likes in column.text]
        steering.choose(liked[0] if liked else None)
    return steering


def test_slates_come_to_fit_who_picks_red_and_the_next_conversation_starts_from_there(studio: Studio) -> None:
    first = studio.steer("a picture of a thing", person="eve", model="White", explore=False)
    first.next_turn()
    lead(studio, "ada", 6)
    again = studio.steer("a picture of a thing", person="ada", model="White", explore=False)
    again.next_turn()
    assert reds(again) == 4
    assert reds(first) < 4


def test_one_persons_choices_teach_nothing_of_another(studio: Studio) -> None:
    alone = studio.steer("a thing", person="eve", model="White")
    lead(studio, "ada", 3)
    after = studio.steer("a thing", person="eve", model="White")
    assert np.array_equal(alone.belief.mean, after.belief.mean)
    assert studio.taste("eve")["learned_from"] == 0
    with pytest.raises(PalateError, match="no such conversation"), studio.home.read() as connection:
        conversations.get(connection, alone.conversation.id, "ada")


def test_a_turn_keeps_25_candidates_4_columns_and_4_pictures_each(studio: Studio) -> None:
    steering = lead(studio, "ada", 2)
    with studio.home.read() as connection:
        kept = conversations.turns_of(connection, steering.conversation.id)
        made = choices.of_person(connection, "ada")
    assert kept == steering.turns
    assert [len(turn.candidates) for turn in kept] == [25, 25]
    for turn in kept:
        assert [column.column for column in turn.slate] == [0, 1, 2, 3]
        assert len({column.category for column in turn.slate}) == 4
        assert {len(column.pictures) for column in turn.slate} == {4}
    assert [choice.kind for choice in made] == ["pick" if turn.picked is not None else "skip" for turn in kept]


def test_the_sheet_shows_the_slate(studio: Studio) -> None:
    from PIL import Image

    steering = studio.steer("a thing", person="ada", model="White")
    steering.next_turn()
    with Image.open(studio.draw_turn(steering)) as sheet:
        assert sheet.size == (4 * 198 + 6, 22 + 3 * 14 + 4 * 198 + 6)
        words = np.asarray(sheet.convert("L"))[22 : 22 + 14]
        assert all(words[:, 6 + 198 * n : 198 + 198 * n].min() < 128 for n in range(4))


def test_the_same_seed_explores_the_same_way_and_another_another(studio: Studio) -> None:
    slates = []
    for seed in (1, 1, 2):
        steering = studio.steer("a picture of a thing", person="new", model="White", seed=seed)
        slates.append([column.text for column in steering.next_turn().slate])
    assert slates[0] == slates[1]
    assert [text.split(",")[0] for text in slates[0]] != [text.split(",")[0] for text in slates[2]]


def test_a_turn_without_drawing_takes_milliseconds(studio: Studio) -> None:
    from palate.writers.offline import OfflineWriter

    encoder = FakeEncoder()
    grounds = grounds_of(studio.home, studio_space(studio), encoder)
    conversation = begin(studio.home, "ada", "a cosy house in the mountains", model_id="m-white")
    belief = studio.steer("x y", person="ada", model="White").belief
    steering = Steering(studio.home, grounds, encoder, OfflineWriter(), conversation, belief)
    times = []
    for _ in range(10):
        began = time.process_time()
        steering.next_turn()
        steering.choose(0)
        times.append(time.process_time() - began)
    # Of the processor's time, which neighbours do not lengthen; it only catches what is far slower.
    assert statistics.median(times) < 0.25


def test_a_model_that_may_not_be_shown_is_nobodys_other_hand(studio: Studio) -> None:
    with studio.home.read() as connection:
        before = model_rows.listed(connection)
    hidden = before[0]
    with studio.home.write() as connection:
        model_rows.put(connection, [replace(hidden, tags=(*hidden.tags, "nsfw"))])
    grounds = grounds_of(studio.home, studio_space(studio), FakeEncoder())
    assert set(grounds.drawers.ids) == {model.id for model in before} - {hidden.id}
    studio.config_set("safe", "any")
    assert hidden.id in grounds_of(studio.home, studio_space(studio), FakeEncoder()).drawers.ids


def studio_space(studio: Studio) -> Any:
    from palate.specify.encoding import space_of

    return space_of(studio.encoder)


def test_turns_are_answered_in_order(studio: Studio) -> None:
    steering = studio.steer("a thing", person="ada", model="White")
    with pytest.raises(PalateError, match="no slate to answer"):
        steering.choose(0)
    steering.next_turn()
    with pytest.raises(PalateError, match="not answered yet"):
        steering.next_turn()
    with pytest.raises(PalateError, match="columns 1 to 4"):
        steering.choose(4)
    with pytest.raises(PalateError, match="say what to draw"):
        begin(studio.home, "ada", "  ", model_id=None)


def test_taste_is_told_said_begun_anew_and_forgotten(studio: Studio) -> None:
    lead(studio, "ada", 6)
    told = studio.taste("ada")
    assert told["learned_from"] == 6
    assert "red" in describe(studio, told["pictures"][0])
    telling.edit(studio.home, "ada", more=["a blue square"], less=["a red circle"], drop=[])
    assert studio.taste("ada")["said"] == {"a blue square": 1.0, "a red circle": -1.0}
    exported = telling.export(studio.home, "ada")
    assert (len(exported["choices"]), len(exported["conversations"][0]["turns"])) == (6, 6)
    telling.reset(studio.home, "ada")
    assert studio.taste("ada") | {"person": ""} == {
        "person": "",
        "learned_from": 0,
        "said": {},
        "likes": [],
        "dislikes": [],
        "paused": False,
        "pictures": [],
    }
    assert len(telling.export(studio.home, "ada")["choices"]) == 6
    assert telling.forget(studio.home, "ada")["forgotten"]["choices"] == 6
    with studio.home.read() as connection:
        for table in (tables.conversations, tables.tastes, tables.choices, tables.turns, tables.candidates):
            assert connection.execute(select(table)).first() is None


def describe(studio: Studio, id: str) -> str:
    return str(studio.show(id)["drawings"])


def test_what_a_person_says_moves_their_taste(studio: Studio) -> None:
    telling.edit(studio.home, "ada", more=["a blue square"], less=[], drop=[])
    steering = studio.steer("a thing", person="ada", model="White")
    features = steering.grounds.taste.of_words(FakeEncoder().encode_words(["a blue square", "a red circle"]))
    mean, _ = worth(steering.belief, features)
    assert mean[0] > mean[1]


def test_all_kinds_of_choices_teach(studio: Studio) -> None:
    steering = studio.steer("a thing", person="ada", model="White")
    liked, other = np.eye(steering.grounds.taste.wide)[:2]
    known = {"a": liked, "b": other}
    for choice in (
        Choice("ada", "like", {"picture": "a"}),
        Choice("ada", "select", {"picture": "a"}),
        Choice("ada", "dislike", {"picture": "b"}),
        Choice("ada", "rate", {"picture": "a", "value": 5}),
        Choice("ada", "battle", {"pictures": ["a", "b"], "winner": "a"}),
        Choice("ada", "sort", {"pictures": ["a", "b"]}),
        Choice("ada", "pick", {"columns": [["a"], ["b"]], "column": 0}),
    ):
        taste = taste_of(steering.belief, [choice], known)
        mean, _ = worth(taste.belief, np.stack([liked, other]))
        assert (taste.learned, taste.unknown) == (1, 0), choice.kind
        assert mean[0] > mean[1], choice.kind
    assert taste_of(steering.belief, [Choice("ada", "like", {"picture": "?"})], known).unknown == 1


def test_the_command_leads_through_turns(studio: Studio, capsys: pytest.CaptureFixture[str]) -> None:
    studio.close()
    run: Callable[..., Any] = lambda *argv: called(capsys, *argv)  # noqa: E731
    told = run("steer", "a picture of a thing", "--person", "ada", "--answers", "1;none;2 darker;more red", "--json")
    assert [turn["picked"] for turn in told["turns"]] == [0, None, 1, None]
    assert [turn["wish"] for turn in told["turns"]] == ["", "", "", "darker"]
    assert all(Path(turn["sheet"]).is_file() for turn in told["turns"])
    assert run("taste", "show", "ada", "--json")["learned_from"] == 4
    assert run("taste", "edit", "ada", "--more", "gold", "--json") == {"person": "ada", "said": {"gold": 1.0}}
    assert len(run("taste", "export", "ada", "--json")["choices"]) == 4
    assert run("taste", "reset", "ada", "--json")["after"] == 4
    assert run("taste", "forget", "ada", "--json")["forgotten"]["conversations"] == 1


def called(capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["palate", *argv])
        with pytest.raises(SystemExit) as end:
            main.run()
    assert end.value.code in (0, None), capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def test_where_no_model_is_named_candidates_name_theirs_and_each_column_is_drawn_by_its_own(studio: Studio) -> None:
    with studio.home.write() as connection:
        model_rows.put(connection, [Model("m-black", "Black", "pipeline", "fake://black", base="SD15")])
    studio.specify(models=["Black"], count=2)
    steering = studio.steer("a picture of a thing", person="ada", explore=False)
    assert steering.conversation.varies
    turn = steering.next_turn()
    studio.draw_turn(steering)
    hands = {candidate.category: candidate.model_id for candidate in turn.candidates}
    begins = steering.conversation.model_id
    assert hands["rephrase"] == hands["subject"] == begins
    assert hands["style"] not in (begins, None)
    with studio.home.read() as connection:
        for column in steering.turns[-1].slate:
            makers = {row.credits[0].model_id for row in _drawings(connection, column.pictures)}
            assert makers == {column.model_id}
    at = next((n for n, column in enumerate(turn.slate) if column.model_id == hands["style"]), None)
    if at is not None:
        steering.choose(at)
        after = steering.next_turn()
        assert {c.model_id for c in after.candidates if c.category == "subject"} == {hands["style"]}


def _drawings(connection: Any, pictures: tuple[str, ...]) -> list[Any]:
    from palate.catalogue import pictures as picture_rows

    return [drawing for id in pictures for drawing in picture_rows.drawings_of(connection, id)]
