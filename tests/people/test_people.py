"""Persons, visits, keys and the gate, without HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from palate.catalogue import tables
from palate.catalogue.home import Home
from palate.errors import PalateError
from palate.people import entering, erasing, holdings, persons, secrets
from palate.people.gate import ACTIONS, Principal, authorize
from palate.people.holdings import Upload

PEPPER = b"a pepper of a test, long enough."
PASSWORD = "long enough for this"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    home = Home.create(tmp_path / "home")
    with home.write() as opened:
        persons.ensure_owner(opened)
        yield opened
    home.close()


def code(error: pytest.ExceptionInfo[PalateError]) -> str:
    return error.value.code


def test_a_home_has_one_owner_from_the_first_time_on(connection: Connection) -> None:
    assert persons.ensure_owner(connection).id == persons.OWNER
    assert [person.role for person in persons.listed(connection)] == ["owner"]


def test_names_that_look_the_same_are_the_same(connection: Connection) -> None:
    persons.make(connection, "Ada", "member", PASSWORD)
    for name in (" Ada ", "Ａda"):
        with pytest.raises(PalateError) as taken:
            persons.make(connection, name, "member", PASSWORD)
        assert code(taken) == "name_taken"
    with pytest.raises(PalateError) as hidden:
        persons.make(connection, "Ad\u202ea", "member", PASSWORD)
    assert code(hidden) == "wrong_name"


def test_the_last_owner_stays_one(connection: Connection) -> None:
    with pytest.raises(PalateError) as last:
        persons.change(connection, persons.OWNER, role="member")
    assert code(last) == "last_owner"
    other = persons.make(connection, "Ada", "owner", PASSWORD)
    assert persons.change(connection, persons.OWNER, role="member").role == "member"
    assert persons.get(connection, other.id).role == "owner"


def test_a_new_password_ends_the_visits_that_began_with_the_old_one(connection: Connection) -> None:
    word = entering.begin_visit(connection, PEPPER, persons.OWNER)
    assert entering.by_visit(connection, PEPPER, word) is not None
    persons.change(connection, persons.OWNER, password=PASSWORD)
    assert entering.by_visit(connection, PEPPER, word) is None
    _, kept = persons.password_of(connection, "owner")
    assert kept is not None
    assert kept.startswith("$argon2id$")
    assert secrets.right_password(kept, PASSWORD)
    assert not secrets.right_password(kept, PASSWORD + " ")
    assert not secrets.right_password(None, PASSWORD)


def test_a_short_password_is_refused(connection: Connection) -> None:
    with pytest.raises(PalateError) as weak:
        persons.make(connection, "Ada", "member", "short")
    assert code(weak) == "weak_password"


def test_a_visit_ends_with_its_time_and_only_so_many_are_kept(connection: Connection) -> None:
    first = entering.begin_visit(connection, PEPPER, persons.OWNER)
    connection.execute(update(tables.visits).values(expires=1.0))
    assert entering.by_visit(connection, PEPPER, first) is None
    words = [entering.begin_visit(connection, PEPPER, persons.OWNER) for _ in range(entering.MOST_VISITS + 5)]
    assert sum(entering.by_visit(connection, PEPPER, word) is not None for word in words) == entering.MOST_VISITS
    assert entering.by_visit(connection, PEPPER, words[-1]) is not None
    assert entering.by_visit(connection, b"another pepper, of a stolen copy", words[-1]) is None


def test_a_key_does_what_it_was_given_and_less_when_its_person_becomes_less(connection: Connection) -> None:
    ada = persons.make(connection, "Ada", "member", None)
    maker = Principal(ada.id, ada.name, ada.role, frozenset(ACTIONS), "here")
    key, written = entering.make_key(connection, PEPPER, maker, "k", ["draw", "read"])
    assert key.scopes == ("read", "draw")
    found = entering.by_key(connection, PEPPER, written)
    assert found is not None
    assert found[0].may == {"read", "draw"}
    persons.change(connection, ada.id, role="guest")
    less = entering.by_key(connection, PEPPER, written)
    assert less is not None
    with pytest.raises(PalateError) as refused:
        authorize(less[0], "draw")
    assert code(refused) == "not_allowed"


@pytest.mark.parametrize("written", ["", "palate", "palate__", "palate_x_y", "_", "x" * 5000, "palate_\x00_\ud800"])
def test_what_is_no_key_is_nobodys(connection: Connection, written: str) -> None:
    assert entering.by_key(connection, PEPPER, written) is None


def test_a_private_file_is_its_users_alone(tmp_path: Path) -> None:
    assert secrets.pepper(tmp_path) == secrets.pepper(tmp_path)
    assert (tmp_path / secrets.PEPPER).stat().st_mode & 0o077 == 0


def test_the_last_owner_who_is_erased_keeps_an_empty_account(tmp_path: Path) -> None:
    with closing(Home.create(tmp_path / "home")) as home:
        home.uploads.mkdir()
        (home.uploads / "u").write_bytes(b"shown")
        with home.write() as rows:
            persons.ensure_owner(rows)
            persons.make(rows, "ada", "member", None, id="ada")
            holdings.put_upload(rows, Upload("u", persons.OWNER, 8, 8, "png", 5, 0.0))
            persons.set_weights(rows, persons.OWNER, (1.0, 0.8, 0.2))
        for person in (persons.OWNER, "ada"):
            erasing.erase(home, person)
        with home.read() as rows:
            [left] = persons.listed(rows)
            assert (left.id, left.role, left.weights) == (persons.OWNER, "owner", None)
            assert holdings.uploads_of(rows, persons.OWNER) == []
        assert list(home.uploads.iterdir()) == []


def test_of_two_owners_the_second_is_erased_whole(tmp_path: Path) -> None:
    with closing(Home.create(tmp_path / "home")) as home:
        with home.write() as rows:
            persons.ensure_owner(rows)
            persons.make(rows, "ada", "owner", None, id="ada")
        erasing.erase(home, "ada")
        with home.read() as rows:
            assert [person.id for person in persons.listed(rows)] == [persons.OWNER]
