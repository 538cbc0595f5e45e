"""What rows of people and of the catalogue answer, on either store: answers that a person could work out."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, select, update
from sqlalchemy.engine.default import DefaultDialect

from palate.catalogue import choices, conversations, forgetting, models, pictures, tables, vectors
from palate.catalogue.conversations import Candidate, Turn
from palate.catalogue.database import Database
from palate.catalogue.records import Credit, Drawing, Model, Picture, Prompt
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.people import entering, errands, holdings, persons, talks
from palate.people.gate import ALLOWED, Principal, authorize
from palate.people.holdings import Upload
from palate.people.talks import Said

PEPPER = b"a pepper of a test, long enough."


@pytest.fixture(params=["sqlite", "postgres"])
def rows(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    """One transaction of an empty store in which ada, bob and an owner are known."""
    if request.param == "sqlite":
        opened = Database.embedded(tmp_path / "rows.db")
    else:
        new_postgres: Callable[..., str] = request.getfixturevalue("new_postgres")
        opened = Database.at(new_postgres())
    with closing(opened):
        opened.migrate()
        with opened.write() as connection:
            persons.make(connection, "the owner", "owner", None, id="me")
            for name in ("ada", "bob"):
                persons.make(connection, name, "member", None, id=name)
            yield connection


def code_of(call: Callable[..., object], *given: Any, **named: Any) -> str:
    with pytest.raises(PalateError) as caught:
        call(*given, **named)
    return caught.value.code


def made_at(rows: Connection, table: Any, id: str, seconds: float) -> None:
    column = table.c.at if "at" in table.c else table.c.made
    key = table.c.talk_id if "talk_id" in table.c else table.c.id
    rows.execute(update(table).where(key == id).values({column.name: column + seconds}))


def test_errands_are_their_persons_and_counted_by_kind_state_and_day(rows: Connection) -> None:
    first = errands.put(rows, "ada", "draw", {"n": 1}, 4)
    second = errands.put(rows, "ada", "steer", {}, 2)
    third = errands.put(rows, "ada", "import", {}, 9)
    other = errands.put(rows, "bob", "draw", {}, 100)
    for place, errand in enumerate((first, second, third, other)):
        made_at(rows, tables.errands, errand.id, place)
    assert (first.state, first.done, first.total, first.plan, first.error) == ("waiting", 0, 4, {"n": 1}, None)
    assert code_of(errands.get, rows, first.id, "bob") == "unknown_thing"
    listed, total = errands.listed(rows, "ada", 1, 5)
    assert ([errand.id for errand in listed], total) == ([second.id, first.id], 3)
    assert [errand.id for errand in errands.of_kind(rows, "ada", "draw")] == [first.id]
    assert [errand.id for errand in errands.waiting(rows)] == [first.id, second.id, third.id, other.id]
    errands.set_state(rows, first.id, "running")
    errands.set_progress(rows, first.id, 3, 5)
    errands.set_state(rows, second.id, "failed", "no room")
    assert errands.counts(rows) == {"running": 1, "failed": 1, "waiting": 2}
    assert (errands.under_way(rows, "ada"), errands.under_way(rows, "bob")) == (2, 1)
    assert errands.asked_today(rows, "ada") == 5 + 2  # no import; and a failed one was asked for as well
    errands.set_state(rows, second.id, "cancelled")
    assert errands.asked_today(rows, "ada") == 5
    made_at(rows, tables.errands, first.id, -errands.DAY - 1)
    assert errands.asked_today(rows, "ada") == 0
    errands.wait_again(rows)
    again = errands.get(rows, first.id, "ada")
    assert (again.state, again.done, again.total) == ("waiting", 3, 5)
    assert errands.get(rows, second.id, "ada").state == "cancelled"


def test_talks_come_in_the_order_they_were_gone_on_with_and_the_silent_go_first(
    rows: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talks, "MOST_TALKS", 2)
    for place, talk in enumerate(("one", "two")):
        talks.put(rows, talk, "ada", Said(1, 1, {"said": f"hello {talk}"}))
        made_at(rows, tables.exchanges, talk, place - 30)
    talks.put(rows, "one", "ada", Said(2, 2, {"said": "more"}))
    assert [(card.id, card.first, card.exchanges) for card in talks.listed(rows, "ada")] == [
        ("one", "hello one", 2),
        ("two", "hello two", 1),
    ]
    assert talks.of_talk(rows, "one", "bob") == []
    assert [said.body["said"] for said in talks.of_talk(rows, "one", "ada")] == ["hello one", "more"]
    talks.put(rows, "three", "ada", Said(1, 1, {"said": "new"}))
    assert {card.id for card in talks.listed(rows, "ada")} == {"one", "three"}
    talks.forget(rows, "bob", "one")
    assert len(talks.of_talk(rows, "one", "ada")) == 2
    talks.forget(rows, "ada", "one")
    [left] = talks.told(rows, "ada")
    assert (left["id"], left["exchanges"]) == ("three", [{"said": "new"}])


def test_uploads_are_counted_and_end_with_their_time(rows: Connection) -> None:
    one = holdings.put_upload(rows, Upload("u1", "ada", 8, 9, "png", 100, 0.0))
    holdings.put_upload(rows, Upload("u2", "ada", 8, 9, "png", 11, 0.0))
    assert (one.width, one.height, one.format, one.size) == (8, 9, "png", 100)
    assert holdings.upload_of(rows, "bob", "u1") is None
    assert [upload.id for upload in holdings.uploads_of(rows, "ada")] == ["u1", "u2"]
    assert (holdings.room_taken(rows, "ada"), holdings.room_taken(rows, "bob")) == (111, 0)
    assert holdings.take_expired(rows) == []
    rows.execute(update(tables.uploads).where(tables.uploads.c.id == "u1").values(expires=0.0))
    assert holdings.upload_of(rows, "ada", "u1") is None
    assert holdings.take_expired(rows) == ["u1"]
    assert holdings.room_taken(rows, "ada") == 11


def maker(person: str = "ada", role: str = "member") -> Principal:
    return Principal(person, person, role, ALLOWED[role], "here")


def test_keys_are_few_never_wider_than_their_maker_and_gone_when_revoked(
    rows: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, written = entering.make_key(rows, PEPPER, maker(), "first", ["read"])
    found = entering.by_key(rows, PEPPER, written)
    assert found is not None
    principal, due = found
    assert (principal.person, principal.may, principal.entry) == ("ada", frozenset({"read"}), key.id)
    assert due  # to be written down as used
    entering.seen_key(rows, key.id)
    assert entering.by_key(rows, PEPPER, written) == (principal, False)
    wrong = [written[:-1] + ("A" if written[-1] != "A" else "B"), written.replace("palate_", "other_"), "palate_x_y"]
    assert [entering.by_key(rows, PEPPER, word) for word in wrong] == [None] * 3
    assert entering.by_key(rows, b"another pepper", written) is None
    assert code_of(entering.make_key, rows, PEPPER, maker(), "none", []) == "wrong_scopes"
    assert code_of(entering.make_key, rows, PEPPER, maker(), "wide", ["manage", "read"]) == "wrong_scopes"
    _, short = entering.make_key(rows, PEPPER, maker(), "short", ["read"], seconds=-1.0)
    assert entering.by_key(rows, PEPPER, short) is None
    monkeypatch.setattr(entering, "MOST_KEYS", 2)
    assert code_of(entering.make_key, rows, PEPPER, maker(), "third", ["read"]) == "too_many_keys"
    assert [one.name for one in entering.keys_of(rows, "ada")] == ["first", "short"]
    assert code_of(entering.revoke_key, rows, key.id, "bob") == "unknown_thing"
    entering.revoke_key(rows, key.id, "ada")
    assert entering.by_key(rows, PEPPER, written) is None


def test_a_visit_is_its_persons_until_it_is_ended(rows: Connection) -> None:
    word = entering.begin_visit(rows, PEPPER, "ada")
    found = entering.by_visit(rows, PEPPER, word)
    assert found is not None
    assert (found.person, found.role, found.by) == ("ada", "member", "visit")
    assert entering.by_visit(rows, PEPPER, "another word") is None
    entering.end_visit(rows, found.entry)
    assert entering.by_visit(rows, PEPPER, word) is None


def test_people_have_roles_weights_and_passwords_and_are_not_without_number(
    rows: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not persons.somebody_has_a_password(rows)
    persons.change(rows, "ada", password="a password that is long")
    assert not persons.somebody_has_a_password(rows)  # of an owner, who alone lets others in
    persons.change(rows, "me", password="a password that is long")
    assert persons.somebody_has_a_password(rows)
    assert persons.change(rows, "ada", role="member").role == "member"
    assert code_of(persons.change, rows, "ada", role="king") == "wrong_role"
    persons.set_weights(rows, "ada", (1.0, 0.8, 0.2))
    assert persons.get(rows, "ada").weights == (1.0, 0.8, 0.2)
    persons.set_weights(rows, "ada", None)
    assert persons.get(rows, "ada").weights is None
    monkeypatch.setattr(persons, "MOST_PERSONS", 3)
    assert code_of(persons.make, rows, "cara", "member", None) == "too_many_people"


def test_the_gate_lets_through_what_is_ones_own_and_allowed() -> None:
    ada = maker()
    assert authorize(ada, "read") is ada
    assert authorize(ada, "read", "ada") is ada
    assert code_of(authorize, None, "read") == "not_signed_in"
    assert code_of(authorize, ada, "manage") == "not_allowed"
    assert code_of(authorize, ada, "read", "bob") == "unknown_thing"
    assert code_of(authorize, maker("me", "owner"), "read", "ada") == "unknown_thing"


INK = Model("m1", "Ink", "adapter", "/ink", base="SD15", downloads=12, known_hashes=("h1",), card={"a": 1, "b": 1})


def test_models_are_listed_among_some_gone_through_and_merged(rows: Connection) -> None:
    models.put(rows, [INK, Model("m3", "Air", "pipeline", "/air"), Model("m2", "Ink", "adapter", "/other")])
    assert [model.id for model in models.listed(rows)] == ["m3", "m1", "m2"]
    assert [model.id for model in models.listed(rows, ["m2", "m3", "none"])] == ["m3", "m2"]
    assert [models.ids_after(rows, after, 2) for after in ("", "m1", "m3")] == [["m1", "m2"], ["m2", "m3"], []]
    models.supersede(rows, [Model("m9", "New", "pipeline", "/air"), INK])
    states = {model.id: model.state for model in models.listed(rows)}
    assert states == {"m1": "ready", "m2": "ready", "m3": "changed"}
    found = Model("m1", "Ink two", "adapter", "/moved", downloads=3, known_hashes=("h2", "h1"), card={"b": 2})
    both = models.merged(INK, found)
    assert (both.name, both.base, both.downloads, both.known_hashes) == ("Ink two", "SD15", 3, ("h2", "h1"))
    assert (both.card, models.merged(None, found)) == ({"a": 1, "b": 2}, found)


def with_drawings(rows: Connection) -> None:
    """p1 by m1 and m2 (a bank's), p2 by m1 twice, p3 by nobody that is known."""
    models.put(rows, [Model(f"m{n}", f"M{n}", "listed", f"/{n}") for n in (1, 2)])
    pictures.put(rows, [Picture("p1", state="vector only"), Picture("p2"), Picture("p3")])
    credit = {n: Credit(f"M{n}", "adapter", 1.0, model_id=f"m{n}", matched="given") for n in (1, 2)}
    unknown = Credit("Who", "checkpoint", 1.0)
    made = {"d1": ("p1", (credit[1], credit[2])), "d2": ("p2", (credit[1],)), "d3": ("p2", (credit[1],))}
    for id, (picture, credits) in {**made, "d4": ("p3", (unknown,))}.items():
        tool = "bank" if id == "d1" else "palate"
        pictures.put_drawings(rows, [Drawing(id, picture, "imported", credits, Prompt(f"of {picture}"), tool=tool)])


def test_pictures_are_counted_by_the_models_that_they_credit(rows: Connection) -> None:
    with_drawings(rows)
    assert pictures.counts_by_model(rows) == {"m1": 2, "m2": 1}
    assert pictures.models_of(rows, ["p1", "p3"]) == {"m1", "m2"}
    assert pictures.models_of(rows, ["p2"]) == {"m1"}
    assert pictures.of_model(rows, "m1", limit=9) == ["p1", "p2"]
    assert pictures.of_drawing(rows, "d3") == "p2"
    assert code_of(pictures.of_drawing, rows, "d9") == "unknown_picture"
    assert pictures.models_shown_elsewhere(rows) == {"m1", "m2"}
    assert {one.picture_id for one in pictures.evidence(rows, ["m2"])} == {"p1"}
    [(drawing, place, credit)] = pictures.unmatched(rows)
    assert (drawing, place, credit.name) == ("d4", 0, "Who")
    known = Credit("Who", "checkpoint", 1.0, model_id="m2", matched="name")
    assert pictures.put_matches(rows, [("d4", 0, known)]) == 1
    assert pictures.counts_by_model(rows) == {"m1": 2, "m2": 2}
    ids = list(pictures.prompts(rows))
    assert list(pictures.prompts(rows, ids[:1])) == ids[:1]


def test_what_a_bank_made_known_is_forgotten_and_nothing_else(rows: Connection) -> None:
    with_drawings(rows)
    space = Space("clip", "a-clip", 2, reads_words=True)
    vectors.put_space(rows, space)
    vectors.put(rows, space, "picture", ["p1", "p2"], np.eye(2, dtype=np.float32))
    forgetting.forget_drawn_by(rows, "bank")
    assert set(rows.execute(select(tables.pictures.c.id)).scalars()) == {"p2", "p3"}
    assert set(rows.execute(select(tables.drawings.c.id)).scalars()) == {"d2", "d3", "d4"}
    assert vectors.load(rows, space, "picture")[0] == ["p2"]
    assert pictures.counts_by_model(rows) == {"m1": 1}


def test_a_turn_is_reached_by_those_that_led_to_it() -> None:
    shown = [Candidate("second", "style", 0.0, 0.0, 1), Candidate("first", "style", 0.0, 0.0, 0)]
    other = Candidate("not shown", "style", 0.0, 0.0)
    turns = [Turn(1, "", "", "offline", None, (*shown, other), "picked", 0)]
    turns += [Turn(n, "", "", "offline", None, (), "open", parent=parent) for n, parent in ((2, 1), (3, 1), (4, 3))]
    assert [turn.number for turn in conversations.path(turns, 4)] == [1, 3, 4]
    assert conversations.path(turns, 9) == []
    assert conversations.shown_texts(turns) == ("first", "second")


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ((("like", ["a"]), {}), {"picture": "a"}),
        ((("rate", ["a"]), {"value": 4.0}), {"picture": "a", "value": 4.0}),
        ((("battle", ["a", "b"]), {}), {"pictures": ["a", "b"], "winner": "a"}),
        ((("battle", ["a", "b"]), {"tie": True}), {"pictures": ["a", "b"], "tie": True}),
        ((("sort", ["c", "a", "b"]), {}), {"pictures": ["c", "a", "b"]}),
    ],
)
def test_what_was_chosen_is_told_with_its_pictures(said: Any, payload: dict[str, Any]) -> None:
    given, named = said
    assert choices.about(*given, **named) == payload


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ((("pick", ["a"]), {}), "unknown_choice"),
        ((("like", ["a", "b"]), {}), "choice_invalid"),
        ((("battle", ["a", "a"]), {}), "choice_invalid"),
        ((("battle", ["a"]), {}), "choice_invalid"),
        ((("sort", ["a"]), {}), "choice_invalid"),
        ((("like", ["a"]), {"value": 1.0}), "choice_invalid"),
        ((("rate", ["a"]), {}), "choice_invalid"),
        ((("sort", ["a", "b"]), {"tie": True}), "choice_invalid"),
    ],
)
def test_what_cannot_have_been_chosen_is_refused(said: Any, code: str) -> None:
    given, named = said
    assert code_of(choices.about, *given, **named) == code


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("database or disk is full", "storage_full"),
        ("connection refused", "storage_unreachable"),
        ("database is locked", "library_in_use"),
        ("attempt to write a readonly database", "storage_unwritable"),
        ("unable to open database file", "storage_unwritable"),
        ("disk I/O error", "storage_failed"),
    ],
)
def test_what_a_database_complains_of_is_told_in_a_sentence(
    tmp_path: Path, said: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database.embedded(tmp_path / "rows.db")) as opened:
        opened.migrate()

        def fails(*_: Any) -> None:
            raise sqlite3.OperationalError(said)

        with monkeypatch.context() as patch, pytest.raises(PalateError) as caught, opened.write() as rows:
            patch.setattr(DefaultDialect, "do_commit", fails)
            persons.make(rows, "ada", "member", None)
        assert caught.value.code == code
        with opened.read() as rows:
            assert list(persons.listed(rows)) == []  # and nothing of it was stored
