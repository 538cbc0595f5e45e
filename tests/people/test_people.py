"""Persons, visits, keys and the gate, without HTTP."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from palate.catalogue import pictures, tables
from palate.catalogue.home import Home
from palate.catalogue.records import Drawing, Picture
from palate.errors import PalateError
from palate.people import entering, erasing, errands, holdings, persons, secrets, talks
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


def test_the_account_that_a_home_began_with_stays_and_so_does_an_only_owners(tmp_path: Path) -> None:
    with closing(Home.create(tmp_path / "home")) as home:
        with home.write() as rows:
            persons.ensure_owner(rows)
            persons.make(rows, "ada", "owner", None, id="ada")
        erasing.erase(home, persons.OWNER)  # though there is another owner
        with home.write() as rows:
            assert {person.id for person in persons.listed(rows)} == {persons.OWNER, "ada"}
            rows.execute(update(tables.persons).where(tables.persons.c.id == persons.OWNER).values(role="member"))
        erasing.erase(home, "ada")  # though it is not the one that the home began with
        with home.read() as rows:
            assert {person.id for person in persons.listed(rows)} == {persons.OWNER, "ada"}
        erasing.erase(home, persons.OWNER)  # who is no owner any more
        with home.read() as rows:
            assert [person.id for person in persons.listed(rows)] == ["ada"]


def test_of_two_owners_the_second_is_erased_whole(tmp_path: Path) -> None:
    with closing(Home.create(tmp_path / "home")) as home:
        with home.write() as rows:
            persons.ensure_owner(rows)
            persons.make(rows, "ada", "owner", None, id="ada")
        erasing.erase(home, "ada")
        with home.read() as rows:
            assert [person.id for person in persons.listed(rows)] == [persons.OWNER]


def test_what_is_promised_in_days_and_numbers(connection: Connection) -> None:
    """As the guide has it; the rows say from when to when."""
    day = 24 * 3600.0
    entering.begin_visit(connection, PEPPER, persons.OWNER)
    visit = connection.execute(select(tables.visits)).one()
    assert visit.expires - visit.made == pytest.approx(30 * day, abs=1)
    upload = holdings.put_upload(connection, Upload("u", persons.OWNER, 8, 8, "png", 5, 0.0))
    made = connection.execute(select(tables.uploads.c.made)).scalar_one()
    assert upload.expires - made == pytest.approx(7 * day, abs=1)
    owner = Principal(persons.OWNER, "owner", "owner", frozenset(ACTIONS), "here")
    key, written = entering.make_key(connection, PEPPER, owner, "k", ["read"], seconds=day)
    assert key.expires is not None
    assert key.expires - key.made == pytest.approx(day, abs=1)
    for ago, due in ((55, False), (65, True)):
        entering.seen_key(connection, key.id)
        connection.execute(update(tables.keys).values(used=tables.keys.c.used - ago))
        found = entering.by_key(connection, PEPPER, written)
        assert found is not None
        assert found[1] is due
    assert persons.make(connection, "Ada", "member", "x" * 10).has_password
    with pytest.raises(PalateError, match="at least 10"):
        persons.make(connection, "Bob", "member", "x" * 9)
    for _ in range(49):
        entering.make_key(connection, PEPPER, owner, "k", ["read"])
    with pytest.raises(PalateError, match="at most 50 keys"):
        entering.make_key(connection, PEPPER, owner, "k", ["read"])
    assert (1000, 200, 50, day) == (persons.MOST_PERSONS, talks.MOST_TALKS, entering.MOST_VISITS, errands.DAY)
    assert len(bytes.fromhex(secrets.fresh_id())) == 16
    assert len(base64.urlsafe_b64decode(secrets.fresh() + "=")) == 32


def test_the_pepper_is_made_once_of_256_bits_and_its_users_alone(tmp_path: Path) -> None:
    made = secrets.pepper(tmp_path)
    assert (len(made), secrets.pepper(tmp_path), (tmp_path / "pepper").read_bytes()) == (32, made, made)
    assert (tmp_path / "pepper").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["pepper"]


def test_a_digest_is_of_the_pepper_and_the_word() -> None:
    # HMAC-SHA256, RFC 4231, test case 2
    known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert secrets.kept_digest(b"Jefe", "what do ya want for nothing?") == known
    assert secrets.same("\ud800a", "\ud800a")
    assert not secrets.same("a", "b")


def test_of_several_owners_the_home_is_the_eldests(connection: Connection) -> None:
    persons.make(connection, "Ada", "owner", None, id="ada")
    connection.execute(update(tables.persons).where(tables.persons.c.id == "ada").values(made=1.0))
    assert persons.ensure_owner(connection).id == "ada"
    assert [person.id for person in persons.listed(connection)] == ["ada", persons.OWNER]
    assert persons.password_of(connection, " ADA ") == (None, None)
    assert persons.password_of(connection, " Ada ") == ("ada", None)
    persons.change(connection, "ada", role="guest")
    persons.require_another_owner(connection, "ada")


def test_what_is_somebodys_own_is_seen_by_them_alone(connection: Connection) -> None:
    persons.make(connection, "Ada", "member", None, id="ada")
    pictures.put(connection, [Picture(name) for name in ("own", "shared", "both", "bare")])
    drawn = {"d1": ("own", 10), "d2": ("shared", 1), "d3": ("both", 2), "d4": ("both", 3), "d5": ("own", 9)}
    for name, (picture, seed) in drawn.items():
        pictures.put_drawings(connection, [Drawing(name, picture, "drawn", (), seed=seed)])
    holdings.hold(connection, "ada", "e", ["d1", "d3", "d5"])
    holdings.hold(connection, persons.OWNER, "other", ["d1"])  # it is held already, and stays hers
    assert holdings.held_by(connection, "ada") == {"d1", "d3", "d5"}
    assert holdings.drawn_for(connection, "e") == ["both", "own", "own"]  # by seed: 2, 9, 10
    for person, seen in (("ada", {"own", "shared", "both", "bare"}), (persons.OWNER, {"shared", "both", "bare"})):
        assert {
            name for name in ("own", "shared", "both", "bare") if holdings.may_see(connection, person, name)
        } == seen
    assert not holdings.may_see(connection, "ada", "nowhere")
    with pytest.raises(PalateError) as caught:
        holdings.require_seen(connection, persons.OWNER, "own")
    assert code(caught) == "unknown_thing"
    holdings.require_seen(connection, "ada", "own")
    assert [one.id for one in holdings.drawings_seen(connection, persons.OWNER, "both")] == ["d4"]
    assert [one.id for one in holdings.drawings_seen(connection, "ada", "both")] == ["d3", "d4"]
    assert pictures.evidence(connection) == []


def test_a_password_of_nobody_is_checked_against_a_real_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it takes as long as one of somebody."""
    import argon2

    assert secrets.nobodys_hash().startswith("$argon2id$")
    asked = []

    class Noted(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002
            asked.append(hash)
            return super().verify(hash, password)

    monkeypatch.setattr(argon2, "PasswordHasher", Noted)
    assert not secrets.right_password(None, PASSWORD)
    assert asked == [secrets.nobodys_hash()]
