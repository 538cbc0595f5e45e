"""Rows on a server: whose they are, who may see them, and several that work at once."""

from __future__ import annotations

import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, select, text
from sqlalchemy.exc import InternalError, ProgrammingError

from palate.catalogue import choices, conversations, moving, pictures, postgres, tables
from palate.catalogue.choices import Choice
from palate.catalogue.conversations import Conversation
from palate.catalogue.database import Database
from palate.catalogue.home import Home, Places
from palate.catalogue.moving import copy_rows, fingerprint, move
from palate.catalogue.records import Drawing, Picture, Prompt
from palate.errors import PalateError
from palate.jobs import tasks
from palate.jobs.tasks import Task
from palate.people import holdings, persons
from palate.people.erasing import export
from palate.serve.gallery import picture_rows_of
from palate.testing.conformance import answers


@pytest.fixture
def database(new_postgres: Callable[..., str]) -> Iterator[Database]:
    opened = Database.at(new_postgres())
    opened.migrate()
    yield opened
    opened.close()


def with_two_people(database: Database) -> None:
    with database.write() as connection:
        for name in ("ada", "bob"):
            persons.make(connection, name, "member", None, id=name)
            choices.append(connection, Choice(name, "like", {"picture": "p"}))
            conversations.put(connection, Conversation(f"c-{name}", name, "a fox", None, 1))
            pictures.put(connection, [Picture(f"p-{name}")])
            pictures.put_drawings(connection, [Drawing(f"d-{name}", f"p-{name}", "drawn", (), Prompt(f"of {name}"))])
            holdings.hold(connection, name, "e", [f"d-{name}"])


def test_who_acts_for_a_person_sees_no_row_of_another_whatever_is_asked(database: Database) -> None:
    with_two_people(database)
    with database.read(person="ada") as connection:
        assert connection.execute(select(tables.choices.c.person)).scalars().all() == ["ada"]
        assert connection.execute(select(tables.conversations.c.person)).scalars().all() == ["ada"]
        assert connection.execute(select(tables.drawings.c.id)).scalars().all() == ["d-ada"]
    with database.read() as connection:
        assert len(connection.execute(select(tables.choices.c.person)).all()) == 2


def test_what_another_holds_stays_hidden_though_who_holds_it_is_known(database: Database) -> None:
    with_two_people(database)
    with database.read(person="ada") as connection:
        assert holdings.may_see(connection, "ada", "p-ada")
        assert not connection.execute(select(tables.drawings).where(tables.drawings.c.picture_id == "p-bob")).all()


def test_who_acts_for_a_person_writes_nothing_of_another(database: Database) -> None:
    with_two_people(database)
    with pytest.raises(ProgrammingError, match="row-level security"), database.write(person="ada") as connection:
        choices.append(connection, Choice("bob", "like", {}))
    with database.write(person="ada") as connection:
        assert connection.execute(tables.choices.delete()).rowcount == 1  # her own, though she asked for all
        assert connection.execute(tables.holdings.delete()).rowcount == 1


def test_the_program_works_as_a_role_that_bypasses_nothing(database: Database) -> None:
    with database.read() as connection:
        query = "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(text(query)).one() == (postgres.ROLE, False, False)
        guarded = "SELECT count(*) FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"
        assert connection.execute(text(guarded)).scalar_one() >= len(postgres.OWNED) + 5


def test_every_table_that_names_a_person_is_guarded() -> None:
    named = {table.name for table in tables.metadata.sorted_tables if {"person", "person_id"} & set(table.c.keys())}
    assert named == {*postgres.OWNED, "holdings"}


def test_where_nobody_was_named_nothing_is_seen(database: Database) -> None:
    with_two_people(database)
    with database.read() as connection:
        connection.execute(text("SELECT set_config('palate.person', '', true)"))
        assert connection.execute(select(tables.choices)).all() == []


def test_two_workers_claim_side_by_side_and_never_the_same(database: Database) -> None:
    with database.write() as connection:
        job = tasks.plan(connection, "draw", {}, [Task(f"t{n}", "g", {}) for n in range(4)])
    with database.engine.begin() as one, database.engine.begin() as other:
        first = tasks.claim(one, job, "v", 2)
        second = tasks.claim(other, job, "w", 2)  # which does not wait for the first to end
    assert sorted(task.key for task in first + second) == ["t0", "t1", "t2", "t3"]


@pytest.mark.parametrize(
    ("holds", "comes", "waits"),
    [(False, False, True), (False, True, True), (True, False, True), (True, True, False)],
    ids=["alone alone", "alone beside", "beside alone", "beside beside"],
)
def test_a_write_is_alone_unless_both_may_be_beside_one_another(
    new_postgres: Callable[..., str], holds: bool, comes: bool, waits: bool
) -> None:
    place = new_postgres()
    with closing(Database.at(place)) as here, closing(Database.at(place)) as there:
        here.migrate()

        def come() -> None:
            with there.write(beside=comes):
                came.set()

        came, other = threading.Event(), threading.Thread(target=come)
        with here.write(beside=holds):
            other.start()
            assert came.wait(0.5 if waits else 60) is not waits
        other.join(60)
        assert came.is_set()


def test_what_a_worker_holds_is_taken_over_only_when_it_is_gone(database: Database) -> None:
    with database.write() as connection:
        job = tasks.plan(connection, "draw", {}, [Task("t0", "g", {})])
    present = postgres.Presence(database.engine, "v")
    with database.write() as connection:
        tasks.claim(connection, job, "v", 1)
    with database.write() as connection:
        assert tasks.release_all(connection) == 0
    present.close()
    for _ in range(100):  # the server notices a connection that is gone, but not at once
        with database.write() as connection:
            released = tasks.release_all(connection)
        if released:
            break
        time.sleep(0.05)
    assert released == 1


def test_a_worker_that_ends_is_gone_for_others(new_postgres: Callable[..., str]) -> None:
    place = new_postgres()
    with closing(Database.at(place)) as here, closing(Database.at(place)) as there:
        here.migrate()
        present = postgres.Presence(here.engine, "w")
        with there.read() as connection:
            assert postgres.gone(connection, ["w", "nobody"]) == ["nobody"]
        present.close()
        for _ in range(100):  # the server notices a connection that is gone, but not at once
            with there.read() as connection:
                gone = postgres.gone(connection, ["w"])
            if gone:
                break
            time.sleep(0.05)
        assert gone == ["w"]


def test_what_is_read_does_not_change_while_it_is_read(database: Database) -> None:
    with database.read() as connection:
        before = choices.of_person(connection, "ada")
        with database.engine.begin() as other:
            choices.append(other, Choice("ada", "like", {}))
        assert choices.of_person(connection, "ada") == before == []


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(InternalError, match="read-only"), database.read() as connection:
        choices.append(connection, Choice("ada", "like", {}))


def test_a_home_of_rows_elsewhere_opens_like_any_other(new_postgres: Callable[..., str], tmp_path: Path) -> None:
    places = Places(new_postgres())
    with closing(Home.create(tmp_path / "home", places)) as home, home.write() as connection:
        pictures.put(connection, [Picture("p")])
    with closing(Home.open(tmp_path / "home", places)) as home, home.read() as connection:
        assert pictures.counts(connection)["pictures"] == 1
    assert not (tmp_path / "home" / "palate.db").exists()


def test_a_server_that_does_not_answer_is_told_in_a_sentence() -> None:
    with pytest.raises(PalateError, match="does not answer") as caught:
        Database.at("postgresql://palate:secret@127.0.0.1:1/none").migrate()
    assert "secret" not in str(caught.value)


def test_an_address_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="here") as caught:
        Home.create(tmp_path, Places("mysql://me:secret@host/db"))
    assert "secret" not in str(caught.value)


def test_an_address_that_cannot_be_read_is_refused_and_shown_as_it_is() -> None:
    with pytest.raises(PalateError, match="no address of a database") as caught:
        Database.at("postgresql://host:port/rows")
    assert (caught.value.code, caught.value.about) == ("wrong_setting", "database")
    assert postgres.shown("postgresql://host:port/rows") == "postgresql://host:port/rows"
    assert postgres.shown("postgresql://ada:secret@host/rows") == "postgresql://ada:***@host/rows"
    assert postgres.without_password("postgresql://ada:secret@host/rows") == "postgresql://ada@host/rows"


def test_a_postgres_without_its_client_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(PalateError, match="psycopg") as caught:
        Database.at("postgresql://host/rows")
    assert caught.value.code == "not_installed"


def test_nobody_acts_for_everybody(database: Database) -> None:
    with_two_people(database)
    with pytest.raises(PalateError) as caught, database.read(person=postgres.EVERYBODY):
        pass
    assert caught.value.code == "unknown_thing"


def test_a_copy_that_is_not_what_was_read_is_not_kept(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Database.embedded(tmp_path / "rows.db")) as source:
        source.migrate()
        with_two_people(source)
        real = moving.fingerprint

        def other(connection: Connection, table: Table) -> tuple[int, str]:
            count, digest = real(connection, table)
            return count, digest if connection.dialect.name == "sqlite" else f"not {digest}"

        with monkeypatch.context() as patch, pytest.raises(PalateError) as caught:
            patch.setattr(moving, "fingerprint", other)
            copy_rows(source, database)
    assert caught.value.code == "copy_differs"
    with database.read() as connection:
        assert all(real(connection, table)[0] == 0 for table in tables.metadata.sorted_tables)


def test_rows_move_alone_and_leave_no_password_in_the_settings(
    new_postgres: Callable[..., str], tmp_path: Path
) -> None:
    there = new_postgres().replace("postgres@", "postgres:secret@")
    with closing(Home.create(tmp_path / "home")) as home:
        with_two_people(home.database)
        assert move(home, Places(there))["persons"] == 2
        assert "secret" not in (home.folder / "palate.toml").read_text()
    assert Places.of(tmp_path / "home").database == postgres.without_password(there)


def test_rows_come_back_from_postgres_as_they_went(database: Database, tmp_path: Path) -> None:
    first, second = Database.embedded(tmp_path / "first.db"), Database.embedded(tmp_path / "second.db")
    first.migrate()
    with_two_people(first)
    for _ in answers(first, 5, 12):
        pass
    counts = copy_rows(first, database)
    assert copy_rows(database, second) == counts
    assert sum(counts.values()) > 20
    with first.read() as before, second.read() as after:
        for table in tables.metadata.sorted_tables:
            assert fingerprint(before, table) == fingerprint(after, table), table.name
    with second.write() as connection:
        last = conversations.last_choice(connection)
        choices.append(connection, Choice("ada", "like", {}))
        assert conversations.last_choice(connection) == last + 1


def test_a_home_moves_and_goes_on_there_and_comes_back(new_postgres: Callable[..., str], tmp_path: Path) -> None:
    place = new_postgres().replace("postgres@", "postgres:secret@")
    with closing(Home.create(tmp_path / "home")) as home:
        with_two_people(home.database)
        id = home.blobs.put(b"a picture")
        counts = move(home, Places(place, f"file://{tmp_path}/objects"))
        assert (counts["choices"], counts["blobs"]) == (2, 1)
        assert move(home, Places(place, f"file://{tmp_path}/objects")) == counts  # its maker was killed, say
    assert "secret" not in (tmp_path / "home" / "palate.toml").read_text()
    with closing(Home.open(tmp_path / "home")) as home:
        assert home.database.shared
        assert home.blobs.get(id) == b"a picture"
        with home.write() as connection:
            choices.append(connection, Choice("ada", "like", {}))
        (tmp_path / "home" / "palate.db").unlink()
        assert move(home, Places())["choices"] == 3
    with closing(Home.open(tmp_path / "home")) as home, home.read() as connection:
        assert len(choices.of_person(connection, "ada")) == 2


def test_what_a_person_takes_along_is_their_own_alone(new_postgres: Callable[..., str], tmp_path: Path) -> None:
    with closing(Home.create(tmp_path / "home", Places(new_postgres()))) as home:
        with_two_people(home.database)
        archive = export(home, "ada")
    with zipfile.ZipFile(archive) as opened:
        parts = {name: opened.read(name) for name in opened.namelist()}
    archive.unlink()
    assert b"of ada" in parts["drawings.json"]
    assert not any(b"bob" in part for part in parts.values())


def test_nothing_is_copied_onto_a_home(database: Database, tmp_path: Path) -> None:
    with_two_people(database)
    other = Database.embedded(tmp_path / "rows.db")
    other.migrate()
    with pytest.raises(PalateError, match="holds another home already"):
        copy_rows(other, database)


def test_the_gallery_knows_in_which_order_pictures_came(database: Database) -> None:
    with_two_people(database)
    with database.write() as connection:
        for name in ("c", "a", "b"):
            pictures.put(connection, [Picture(name)])
            pictures.put_drawings(connection, [Drawing(f"d-{name}", name, "drawn", (), Prompt(name))])
    with database.read() as connection:
        rows = picture_rows_of(connection, None)
    assert [row.id for row in sorted(rows, key=lambda row: row.recent)] == ["c", "a", "b"]
