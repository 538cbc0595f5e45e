"""What rows of the catalogue answer: answers that a person could work out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, func, select, update

from palate.catalogue import choices, conversations, database, models, pictures, tables, vectors
from palate.catalogue.choices import Choice
from palate.catalogue.conversations import Candidate, Conversation, Stated, Turn
from palate.catalogue.database import Database
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, Drawing, FileSeen, Model, Picture, Prompt
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.jobs import tasks
from palate.jobs.tasks import Task
from palate.people import persons


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Connection]:
    with closing(Home.create(tmp_path / "home")) as home, home.write() as connection:
        yield connection


# -- choices -----------------------------------------------------------------------------------------------------


def chosen(*said: str) -> list[Choice]:
    """`like a`: a kind and a picture; `pick a 1 2` names a conversation and a turn as well."""
    made = []
    for number, words in enumerate(said, 1):
        kind, *rest = words.split()
        named: dict[str, Any] = dict(zip(("picture", "conversation", "turn"), rest, strict=False))
        made.append(Choice("ada", kind, named, number))  # type: ignore[arg-type]
    return made


def kept(made: list[Choice]) -> list[int]:
    return [choice.sequence for choice in choices.standing(made)]


def test_of_several_answers_to_a_slate_the_last_counts_where_it_was_given() -> None:
    assert kept(chosen("like a", "like a", "like b")) == [1, 2, 3]
    assert kept(chosen("pick a c 1", "like x", "pick b c 1", "pick a c 2", "pick a d 1")) == [2, 3, 4, 5]
    assert kept(chosen("pick a c 1", "undo a c 1", "like b")) == [3]
    assert kept(chosen("undo a c 1", "pick a c 1")) == [2]


def test_what_is_said_during_a_pause_counts_never() -> None:
    said = chosen("like a", "pause", "like b", "pick a c 1", "resume", "like d")
    assert kept(said) == [1, 6]
    assert [choices.is_paused(said[:until]) for until in range(7)] == [False, False, True, True, True, False, False]
    assert choices.is_paused(chosen("pause", "resume", "pause"))
    assert kept(chosen("pick a c 1", "pause", "pick b c 1", "resume")) == [1]
    assert kept(chosen("pick a c 1", "pause", "undo a c 1", "resume")) == []  # whoever takes back takes back


def test_the_latest_word_on_a_picture_is_what_somebody_thinks(rows: Connection) -> None:
    for choice in chosen("like a", "select b", "dislike a", "pick c x 1", "skip b", "like a", "dislike d", "rate e"):
        choices.append(rows, choice)
    choices.append(rows, Choice("bob", "dislike", {"picture": "a"}))
    choices.append(rows, Choice("cara", "battle", {"pictures": ["a", "b"], "winner": "a"}))
    assert choices.liked_pictures(rows, "ada") == ["a", "c"]
    assert choices.disliked_pictures(rows, "ada") == ["d"]
    assert choices.disliked_pictures(rows, "bob") == ["a"]
    assert choices.likings(rows) == {"ada": ["c", "a"]}
    choices.forget(rows, [4, 6])
    assert choices.liked_pictures(rows, "ada") == []
    assert [choice.sequence for choice in choices.of_person(rows, "ada")] == [1, 2, 3, 5, 7, 8]
    assert conversations.last_choice(rows) == 10


# -- conversations -----------------------------------------------------------------------------------------------


def test_a_turn_is_answered_and_drawn_without_its_candidates_changing(rows: Connection) -> None:
    conversations.put(rows, Conversation("c", "ada", "a fox", "m1", 7))
    shown = tuple(Candidate(text, "style", 0.5, 0.1, column) for text, column in (("b", 1), ("a", 0), ("z", None)))
    turn = Turn(1, "a fox", "darker", "offline", "no server", shown)
    conversations.put_turn(rows, "c", turn)
    assert conversations.turns_of(rows, "c") == [turn]
    assert [candidate.text for candidate in turn.slate] == ["a", "b"]
    conversations.put_pictures(rows, "c", 1, {0: ["p1", "p2"], 1: []})
    conversations.put_answer(rows, "c", Turn(1, "a fox", "darker", "offline", None, (), "picked", 0))
    conversations.set_current(rows, "c", 1)
    [kept] = conversations.turns_of(rows, "c")
    assert (kept.state, kept.picked, kept.fallback) == ("picked", 0, None)
    assert [(one.text, one.pictures) for one in kept.candidates] == [("b", ()), ("a", ("p1", "p2")), ("z", ())]
    assert conversations.get(rows, "c", "ada").current == 1
    with pytest.raises(PalateError, match="no such conversation"):
        conversations.get(rows, "c", "bob")


def test_what_somebody_said_of_their_taste_is_theirs_and_forgotten_with_all_else(rows: Connection) -> None:
    assert conversations.stated(rows, "ada") == Stated({}, 0)
    for person, words in (("ada", {"red": 1.0}), ("bob", {"blue": -1.0}), ("ada", {"red": 0.5})):
        conversations.put_stated(rows, person, Stated(words, after=3))
    assert conversations.stated(rows, "ada") == Stated({"red": 0.5}, 3)
    for name, person in (("c", "ada"), ("d", "ada"), ("e", "bob")):
        conversations.put(rows, Conversation(name, person, "a fox", None, 1))
        conversations.put_turn(rows, name, Turn(1, "", "", "offline", None, (Candidate("x", "style", 0.0, 0.0),)))
    for person in ("ada", "ada", "ada", "bob"):
        choices.append(rows, Choice(person, "like", {"picture": "p"}))
    conversations.forget_one(rows, "d")
    assert [one.id for one in conversations.of_person(rows, "ada")] == ["c"]
    assert conversations.forget(rows, "ada") == {"conversations": 1, "tastes": 1, "choices": 3}
    assert conversations.turns_of(rows, "c") == []
    assert [len(conversations.turns_of(rows, "e")), len(choices.of_person(rows, "bob"))] == [1, 1]
    assert conversations.stated(rows, "bob") == Stated({"blue": -1.0}, 3)


# -- pictures and models -----------------------------------------------------------------------------------------


def test_a_picture_met_again_is_ours_if_it_once_was_and_missing_no_more(rows: Connection) -> None:
    pictures.put(rows, [Picture("a", 8, 8, "PNG", 5, owned=True), Picture("b", state="missing"), Picture("c", 1, 1)])
    pictures.put(rows, [Picture("d", state="vector only"), Picture("e", state="degenerate")])
    pictures.put(rows, [Picture(id, 9, 9, "PNG", 6) for id in "abde"])
    pictures.put(rows, [Picture("c", owned=True)])
    told = {id: (pictures.get(rows, id).owned, pictures.get(rows, id).state) for id in "abcde"}
    assert told == {
        "a": (True, "ok"), "b": (False, "ok"), "c": (True, "ok"), "d": (False, "ok"), "e": (False, "degenerate")
    }  # fmt: skip
    assert pictures.get(rows, "a").width == 8  # the same content has the same size
    pictures.set_state(rows, "a", "missing")
    assert pictures.get(rows, "a").state == "missing"


def test_a_picture_is_found_by_the_beginning_of_its_id_if_one_begins_so(rows: Connection) -> None:
    one, two = "abcd" + "0" * 28, "abce" + "0" * 28
    pictures.put(rows, [Picture(one), Picture(two)])
    assert pictures.get(rows, "abcd").id == pictures.get(rows, one).id == one
    assert pictures.get(rows, "abce0").id == two
    pictures.put(rows, [Picture("abcd1" + "0" * 27)])
    for name, said in (("abcd", "several"), ("abc", "no picture"), ("ab%d", "no picture"), (one[:-1] + "1", "no pict")):
        with pytest.raises(PalateError, match=said) as caught:
            pictures.get(rows, name)
        assert caught.value.code == "unknown_picture"


def test_files_are_told_by_where_they_lie(rows: Connection) -> None:
    pictures.put(rows, [Picture(id) for id in "abc"])
    seen = [FileSeen("/art/a.png", "a", 1, 2), FileSeen("/art_b/b.png", "b", 3, 4), FileSeen("/ART/c.png", "c", 5, 6)]
    pictures.put_files(rows, [*seen, FileSeen("/art/again.png", "a", 1, 7)])
    assert pictures.file_stamps(rows, Path("/art/")) == {
        "/art/a.png": (1, 2), "/art/again.png": (1, 7), "/art_b/b.png": (3, 4)
    }  # fmt: skip
    assert pictures.file_stamps(rows, Path("/art_")) == {"/art_b/b.png": (3, 4)}
    assert pictures.other_places(rows, ["a", "c"]) == [
        ("/ART/c.png", "c"), ("/art/a.png", "a"), ("/art/again.png", "a")
    ]  # fmt: skip
    pictures.forget_files(rows, ["/art/a.png", "/ART/c.png"])
    assert (pictures.originals(rows, "a"), pictures.originals(rows, "c")) == (["/art/again.png"], [])
    assert pictures.counts(rows)["files"] == 2


def test_pictures_are_told_by_who_drew_them_and_what_they_lack(rows: Connection) -> None:
    models.put(rows, [Model("m1", "Ink", "adapter", "/ink"), Model("m2", "Base", "pipeline", "/base")])
    pictures.put(rows, [Picture("a", 512, 512), Picture("b", 600, 900), Picture("c", state="degenerate")])
    base, ink = Credit("Base", "checkpoint", model_id="m2"), Credit("Ink", "adapter", 0.6, model_id="m1")
    fox, cat = Prompt("a fox", tag="animal"), Prompt("a cat")
    pictures.put_drawings(rows, [Drawing("d1", "a", "imported", (base, ink), fox, seed=2**70)])
    pictures.put_drawings(
        rows, [Drawing("d2", "b", "drawn", (ink, ink), cat), Drawing("d3", "b", "drawn", (base,), fox)]
    )
    pictures.put_drawings(rows, [Drawing("d4", "c", "drawn", (Credit("Ink", "adapter", 0.0, model_id="m1"),))])
    assert pictures.makers(rows, ["a", "b"]) == {"a": "Base + Ink", "b": "Ink + Base"}
    assert [pictures.any_larger(rows, side) for side in (511, 899, 900)] == [True, True, False]
    assert pictures.models_shown_elsewhere(rows) == {"m1", "m2"}
    assert pictures.of_model(rows, "m1", limit=2) == ["a", "b"]
    told = [(one.picture_id, one.model_id, one.weight, one.drawing_id) for one in pictures.evidence(rows)]
    assert told == [
        ("a", "m1", 0.6, "d1"), ("b", "m1", 0.6, "d2"), ("b", "m1", 0.6, "d2"),
        ("a", "m2", 1.0, "d1"), ("b", "m2", 1.0, "d3"),
    ]  # fmt: skip
    space, other = (Space(name, name, 2, reads_words=True) for name in ("one", "other"))
    for one in (space, other):
        vectors.put_space(rows, one)
    vectors.put(rows, space, "picture", ["a"], np.eye(2, dtype=np.float32)[:1])
    vectors.put(rows, other, "prompt", [fox.id], np.eye(2, dtype=np.float32)[:1])
    assert pictures.without_vector(rows, ["one"]) == ["b"]
    assert pictures.without_vector(rows, ["other"]) == ["a", "b"]
    assert pictures.prompts_without_vector(rows, ["other"]) == [cat]
    assert len(pictures.prompts_without_vector(rows, ["one"])) == 2
    assert vectors.filled_spaces(rows) == [space]
    vectors.put(rows, other, "picture", ["a", "b"], np.eye(2, dtype=np.float32))
    assert vectors.filled_spaces(rows) == [other, space]
    assert vectors.same_spaces(rows, "one") == ["one"]
    vectors.proven_same(rows, "one", "other")
    assert (vectors.same_spaces(rows, "one"), vectors.same_spaces(rows, "other")) == (
        ["one", "other"],
        ["other", "one"],
    )
    names = ("models", "pictures", "files", "prompts", "drawings", "vectors", "choices")
    assert pictures.counts(rows) == dict(zip(names, (2, 3, 0, 2, 4, 4, 0), strict=True))


def test_models_are_told_by_where_they_were_read_and_when(rows: Connection) -> None:
    models.put(rows, [Model("m1", "Ink", "adapter", "/ink")])
    models.put_files(rows, [("/ink", "m1", 10, 20), ("/copy", "m1", 10, 30)])
    models.put_files(rows, [("/ink", "m1", 11, 21)])
    assert models.stamps(rows) == {"/ink": (11, 21), "/copy": (10, 30)}
    assert models.last_scan(rows, "/models") is None
    models.put_scan(rows, "/models", 5)
    models.put_scan(rows, "/models", 6)
    models.put_scan(rows, "/other", 7)
    assert (models.last_scan(rows, "/models"), models.get(rows, "m2")) == (6, None)
    models.set_state(rows, "m1", "quarantined", "a pickle")
    changed = models.named(rows, "Ink")
    assert (changed.state, changed.state_reason) == ("quarantined", "a pickle")


def test_of_many_models_of_one_name_five_are_told(rows: Connection) -> None:
    models.put(rows, [Model(f"{n}2345678x", "Ink wash", "adapter", f"/{n}") for n in range(7)])
    for name in ("Ink wash", "INK WASH"):
        with pytest.raises(PalateError) as caught:
            models.named(rows, name)
        told = ", ".join(f"{n}2345678" for n in range(5))
        assert caught.value.message == f"7 models are called '{name}': {told}"
    models.put(rows, [Model("Ink wash", "Another", "adapter", "/another")])
    assert models.named(rows, "Ink wash").name == "Another"  # an id is meant before a name


# -- tasks -------------------------------------------------------------------------------------------------------


def test_a_lease_is_held_for_ten_minutes_and_counted(rows: Connection) -> None:
    job = tasks.plan(rows, "draw", {}, [Task(key, "g", {"key": key}) for key in "abc"])
    claimed = tasks.claim(rows, job, "w", 2)
    assert claimed == [Task("a", "g", {"key": "a"}, 1, 1), Task("b", "g", {"key": "b"}, 1, 1)]
    columns = tables.tasks.c
    left = select(columns.lease_until - database.now(rows)).where(columns.key == "a")
    assert rows.execute(left).scalar_one() == pytest.approx(600, abs=2)
    for task in (Task("a", "g", {}, 2, 1), Task("a", "g", {}, 0, 1)):
        with pytest.raises(tasks.LeaseLostError):
            tasks.complete(rows, task, "w")
    with pytest.raises(tasks.LeaseLostError):
        tasks.complete(rows, claimed[0], "another")
    tasks.complete(rows, claimed[0], "w")
    tasks.fail(rows, claimed[1], "w", "no memory")
    done, failed, planned = rows.execute(select(tables.tasks).order_by(columns.key)).all()
    assert (done.state, done.owner, done.lease_until, done.error) == ("done", None, None, None)
    assert (failed.state, failed.error, failed.attempts, planned.attempts) == ("planned", "no memory", 1, 0)
    [third] = tasks.claim(rows, job, "w", 5)  # what was tried comes last, and alone
    assert (third.key, tasks.release_all(rows)) == ("c", 1)
    assert [task.key for task in tasks.claim(rows, job, "w", 5)] == ["b"]


def test_what_fails_for_good_is_parked_at_once_and_a_person_may_try_it_once_more(rows: Connection) -> None:
    job = tasks.plan(rows, "draw", {}, [Task("a", "g", {}), Task("b", "h", {}), Task("c", "h", {})])
    for error in ("it is a pickle", "it is a pickle", ""):
        [task] = tasks.claim(rows, job, "w", 1)
        tasks.fail(rows, task, "w", error, for_good=True)
    assert tasks.errors(rows, job) == {"no reason was recorded": ["h"], "it is a pickle": ["g", "h"]}
    assert tasks.claim(rows, job, "w", 1) == []
    assert tasks.retry_parked(rows, job) == 3
    [task] = tasks.claim(rows, job, "w", 1)
    assert task.attempts == tasks.ATTEMPTS == 3
    tasks.fail(rows, task, "w", "again")
    assert tasks.states(rows, job) == {"planned": 2, "parked": 1}


def test_how_many_are_claimed_may_hang_on_what_they_are(rows: Connection) -> None:
    job = tasks.plan(rows, "draw", {}, [Task(f"{n}", "wide", {"n": n}) for n in range(5)])
    asked = []

    def two(group: str, payload: Any) -> int:
        asked.append((group, payload["n"]))
        return 2

    assert [task.key for task in tasks.claim(rows, job, "w", two)] == ["0", "1"]
    assert [task.key for task in tasks.claim(rows, job, "w", two)] == ["2", "3"]
    assert asked == [("wide", 0), ("wide", 2)]
    assert len({tasks.worker_name() for _ in range(3)}) == 3


# -- the database ------------------------------------------------------------------------------------------------


def test_a_row_that_is_there_is_overwritten_kept_or_changed_in_part(rows: Connection) -> None:
    one, two = {"name": "a", "value": "1"}, {"name": "a", "value": "2"}
    meta = tables.meta

    def value() -> str:
        return str(rows.execute(select(meta.c.value).where(meta.c.name == "a")).scalar_one())

    database.upsert(rows, meta, [])
    database.upsert(rows, meta, [one])
    database.upsert(rows, meta, [two], keep=True)
    assert value() == "1"
    database.upsert(rows, meta, [{"name": "b", "value": "0"}, two])
    assert value() == "2"
    database.upsert(rows, meta, [one], changes=lambda new: {"value": meta.c.value + new.value})
    assert value() == "21"


def test_its_clock_is_the_systems_and_later_rows_come_later(rows: Connection) -> None:
    assert rows.execute(select(database.now(rows))).scalar_one() == pytest.approx(time.time(), abs=2)
    pictures.put(rows, [Picture(id) for id in "cab"])
    order = database.arrival(rows, tables.pictures)
    assert list(rows.execute(select(tables.pictures.c.id).order_by(order)).scalars()) == ["c", "a", "b"]


def test_what_changes_people_is_counted_and_what_drawing_changes_is_not(tmp_path: Path) -> None:
    with closing(Database.embedded(tmp_path / "rows.db")) as opened:
        opened.migrate()

        def counted(act: Any) -> int:
            before = opened.written
            with opened.write() as connection:
                act(connection)
            return opened.written - before

        assert counted(lambda rows: rows.execute(select(func.count()).select_from(tables.persons))) == 0
        assert counted(lambda rows: pictures.put(rows, [Picture("a")])) == 0
        assert counted(lambda rows: pictures.set_state(rows, "a", "missing")) == 0
        assert counted(lambda rows: rows.execute(tables.outbox.delete())) == 0
        assert counted(lambda rows: persons.make(rows, "ada", "member", None)) == 1
        assert counted(lambda rows: rows.execute(update(tables.persons).values(role="guest"))) == 1
        assert counted(lambda rows: rows.execute(tables.persons.delete())) == 1
        assert counted(lambda rows: rows.exec_driver_sql("CREATE TABLE other (n INTEGER)")) == 1
        assert counted(lambda rows: [persons.make(rows, name, "member", None) for name in ("bob", "dan")]) == 1
        before = opened.written
        with pytest.raises(ZeroDivisionError), opened.write() as connection:
            persons.make(connection, "cara", "member", None)
            raise ZeroDivisionError
        assert opened.written == before + 1  # whoever looked meanwhile looks again
