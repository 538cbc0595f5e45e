"""The schema that homes on people's disks have, and the steps that bring older ones to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Dialect, select, text
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
