"""The schema that homes on people's disks have, and the steps that bring older ones to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Dialect, inspect, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from palate.catalogue import conversations, tables
from palate.catalogue.conversations import Candidate, Conversation, Turn
from palate.catalogue.home import Home
from palate.catalogue.migrations import STEPS, version_of

DIALECTS: dict[str, Dialect] = {"sqlite": sqlite.dialect(), "postgresql": postgresql.dialect()}  # type: ignore[no-untyped-call]


def schema(dialect: Dialect) -> str:
    """What makes every table and index, a statement a paragraph."""
    made = []
    for table in tables.metadata.sorted_tables:
        made.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    lines = [line.strip() for statement in made for line in statement.strip().splitlines()]
    return "\n".join(line for line in lines if line) + "\n"


@pytest.mark.parametrize("name", DIALECTS)
def test_the_schema_of_this_version_is_what_homes_have(name: str) -> None:
    """Who changes a table adds a step to `catalogue/migrations.py`, and beside this file the schema it leads to."""
    kept = Path(__file__).parent / f"schema-{len(STEPS)}-{name}.sql"
    assert kept.is_file(), f"schema {len(STEPS)} is not here yet"
    assert schema(DIALECTS[name]) == kept.read_text("utf-8")


OF_STEP_4 = [("turns", "parent"), ("turns", "via"), ("conversations", "current")]
OF_STEP_5 = [("candidates", "model_id"), ("conversations", "varies")]


@pytest.fixture
def old_home(tmp_path: Path) -> Iterator[Home]:
    """As the third version left it: turns that lead to one another in their order, one model a conversation."""
    with closing(Home.create(tmp_path / "home")) as home:
        with home.write() as rows:
            for name, answers in (("c", (2, None, 1, None)), ("d", (None,))):
                conversations.put(rows, Conversation(name, "ada", "a fox", "m1", 7))
                for number, picked in enumerate(answers, 1):
                    shown = (Candidate(f"{name}{number}", "style", 0.5, 0.1, column=picked),)
                    turn = Turn(number, "a fox", "", "offline", None, shown, picked=picked)
                    conversations.put_turn(rows, name, turn)
            for table, column in (*OF_STEP_4, *OF_STEP_5):
                rows.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
            rows.execute(text("UPDATE meta SET value = '3' WHERE name = 'schema'"))
        yield home


def ways(rows: Connection) -> list[tuple[str, int, int | None, int | None]]:
    columns = tables.turns.c
    query = select(columns.conversation_id, columns.number, columns.parent, columns.via)
    return [tuple(row) for row in rows.execute(query.order_by(columns.conversation_id, columns.number))]


def test_a_home_of_before_has_todays_schema_once_it_is_opened(old_home: Home) -> None:
    with closing(Home.open(old_home.folder)) as home, home.read() as rows:
        assert version_of(rows) == len(STEPS)
        assert ways(rows) == [
            ("c", 1, None, None),
            ("c", 2, 1, 2),
            ("c", 3, 2, None),
            ("c", 4, 3, 1),
            ("d", 1, None, None),
        ]
        told = {one.id: (one.current, one.varies, one.model_id) for one in conversations.of_person(rows, "ada")}
        assert told == {"c": (4, False, "m1"), "d": (1, False, "m1")}
        [candidate] = conversations.turns_of(rows, "d")[0].candidates
        assert candidate == Candidate("d1", "style", 0.5, 0.1)


def test_what_a_step_made_already_it_leaves_as_it_is(tmp_path: Path) -> None:
    with closing(Home.create(tmp_path / "home")) as home:
        with home.write() as rows:
            conversations.put(rows, Conversation("c", "ada", "a fox", "m1", 7, varies=True))
            for number in (1, 2):
                conversations.put_turn(rows, "c", Turn(number, "a fox", "", "offline", None, ()))
            rows.execute(text("UPDATE meta SET value = '0' WHERE name = 'schema'"))
        with home.write() as rows:
            assert version_of(rows) == len(STEPS)
            assert ways(rows) == [("c", 1, None, None), ("c", 2, None, None)]  # nothing is said to have led to it
            assert conversations.get(rows, "c", "ada").varies


OLD_CHOICES = (
    "CREATE TABLE choices (sequence INTEGER NOT NULL, person VARCHAR NOT NULL, kind VARCHAR NOT NULL, "
    "payload JSON NOT NULL, at FLOAT NOT NULL, PRIMARY KEY (sequence))"
)
UNDONE: dict[int, tuple[str, ...]] = {
    8: ("DROP TABLE outbox",),
    7: ("DROP TABLE exchanges",),
    6: (
        "DROP TABLE choices",
        OLD_CHOICES,
        "CREATE INDEX choices_by_person ON choices (person, sequence)",
    ),
    5: tuple(f"ALTER TABLE {table} DROP COLUMN {column}" for table, column in OF_STEP_5),
    4: tuple(f"ALTER TABLE {table} DROP COLUMN {column}" for table, column in OF_STEP_4),
    3: tuple(f"DROP TABLE {table}" for table in ("candidates", "turns", "conversations", "tastes")),
    2: tuple(f"DROP TABLE {table}" for table in ("holdings", "errands", "uploads", "keys", "visits", "persons")),
}
"""What each step added, taken away again."""


def made_of(rows: Connection) -> dict[str, dict[str, set[str]]]:
    found = inspect(rows)
    return {
        table: {
            "columns": {column["name"] for column in found.get_columns(table)},
            "indexes": {str(index["name"]) for index in found.get_indexes(table)},
        }
        for table in found.get_table_names()
    }


@pytest.mark.parametrize("version", range(1, len(STEPS)))
def test_a_home_of_any_version_gets_all_that_a_new_one_has(tmp_path: Path, version: int) -> None:
    with closing(Home.create(tmp_path / "home")) as home:
        with home.read() as rows:
            wanted = made_of(rows)
        with home.write() as rows:
            for step in range(len(STEPS), version, -1):
                for statement in UNDONE[step]:
                    rows.execute(text(statement))
            rows.execute(text(f"UPDATE meta SET value = '{version}' WHERE name = 'schema'"))
    with closing(Home.open(tmp_path / "home")) as home, home.read() as rows:
        assert made_of(rows) == wanted
        assert version_of(rows) == len(STEPS)
