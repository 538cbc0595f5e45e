"""Reads and writes of one database by several threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from palate.catalogue.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database.embedded(tmp_path / "some.db")
    with opened.write() as connection:
        connection.execute(text("create table things (n integer)"))
    yield opened
    opened.close()


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("select count(*) from things")).scalar_one())


def test_a_read_inside_a_read_goes_on_while_a_writer_waits(database: Database) -> None:
    waiting, done = threading.Event(), threading.Event()

    def add() -> None:
        with database.write() as connection:
            connection.execute(text("insert into things values (1)"))
            waiting.set()
        done.set()

    writer = threading.Thread(target=add)
    with database.read() as connection:
        assert connection.execute(text("select count(*) from things")).scalar_one() == 0
        writer.start()
        assert waiting.wait(5)
        done.wait(0.3)  # without WAL it stands at its commit now
        assert count(database) == 0
    writer.join(5)
    assert done.is_set()
    assert count(database) == 1


def test_reads_end_in_any_order(database: Database) -> None:
    first, second = database.read(), database.read()
    first.__enter__()
    later = second.__enter__()
    first.__exit__(None, None, None)
    assert later.execute(text("select count(*) from things")).scalar_one() == 0
    second.__exit__(None, None, None)
    with database.write() as connection:
        connection.execute(text("insert into things values (1)"))
    assert count(database) == 1


def test_a_write_inside_a_read_is_refused_at_once(database: Database) -> None:
    with database.read(), pytest.raises(RuntimeError, match="inside a read"), database.write():
        pass
    assert count(database) == 0


def test_threads_read_by_connections_of_their_own(database: Database) -> None:
    seen = []
    with database.read() as mine:

        def look() -> None:
            with database.read() as theirs:
                seen.append(theirs is mine)

        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert seen == [False]
