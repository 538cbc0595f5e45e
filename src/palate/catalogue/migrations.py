"""Numbered steps from an empty database to today's schema; a home of one version opens with the next."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, inspect, select, text

from palate.catalogue import tables
from palate.errors import PalateError


def create_everything(connection: Connection) -> None:
    """1: the schema of 0.1."""
    tables.metadata.create_all(connection)


def add_people(connection: Connection) -> None:
    """2: persons, how they come in, and what is their own."""
    added = (tables.persons, tables.visits, tables.keys, tables.uploads, tables.errands, tables.holdings)
    tables.metadata.create_all(connection, tables=list(added))


def add_conversations(connection: Connection) -> None:
    """3: conversations that steer, and what people say of their own taste."""
    added = (tables.conversations, tables.turns, tables.candidates, tables.tastes)
    tables.metadata.create_all(connection, tables=list(added))


def add_branches(connection: Connection) -> None:
    """4: turns know what led to them, so that one can go back; until now each led to the next."""
    there = {
        column["name"] for table in ("turns", "conversations") for column in inspect(connection).get_columns(table)
    }
    if "parent" in there:  # made by the first step, which makes today's tables
        return
    for table, column in (("turns", "parent"), ("turns", "via"), ("conversations", "current")):
        connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER"))
    before = "FROM turns AS b WHERE b.conversation_id = turns.conversation_id AND b.number = turns.number - 1"
    led = f"UPDATE turns SET parent = number - 1, via = (SELECT b.picked {before}) WHERE number > 1"  # noqa: S608
    last = "(SELECT MAX(number) FROM turns WHERE turns.conversation_id = conversations.id)"
    for statement in (led, f"UPDATE conversations SET current = {last}"):  # noqa: S608
        connection.execute(text(statement))


def add_hands(connection: Connection) -> None:
    """5: a candidate may name the model that draws it, where the conversation lets it."""
    for table, column, kind in (
        ("candidates", "model_id", "VARCHAR"),
        ("conversations", "varies", "BOOLEAN NOT NULL DEFAULT FALSE"),
    ):
        if column not in {row["name"] for row in inspect(connection).get_columns(table)}:
            connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {column} {kind}"))


def number_choices_once(connection: Connection) -> None:
    """6: SQLite gave the number of a forgotten latest choice to the next, which then counted as said before a reset."""
    if connection.dialect.name != "sqlite":
        return
    made = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'choices'")).scalar_one()
    if "AUTOINCREMENT" in made:  # made by the first step, which makes today's tables
        return
    connection.execute(text("DROP INDEX choices_by_person"))
    connection.execute(text("ALTER TABLE choices RENAME TO choices_before"))
    tables.metadata.create_all(connection, tables=[tables.choices])
    names = "sequence, person, kind, payload, at"
    connection.execute(text(f"INSERT INTO choices ({names}) SELECT {names} FROM choices_before"))  # noqa: S608
    connection.execute(text("DROP TABLE choices_before"))
    last = "SELECT MAX(COALESCE((SELECT MAX(sequence) FROM choices), 0), COALESCE((SELECT MAX(after) FROM tastes), 0))"
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = 'choices'"))
    connection.execute(text(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('choices', ({last}))"))  # noqa: S608


def add_talks(connection: Connection) -> None:
    """7: talks in words outlive the service that held them."""
    tables.metadata.create_all(connection, tables=[tables.exchanges])


def add_outbox(connection: Connection) -> None:
    """8: what an index elsewhere was not told of yet."""
    tables.metadata.create_all(connection, tables=[tables.outbox])


STEPS: tuple[Callable[[Connection], None], ...] = (
    create_everything,
    add_people,
    add_conversations,
    add_branches,
    add_hands,
    number_choices_once,
    add_talks,
    add_outbox,
)


def version_of(connection: Connection) -> int:
    """0 for an empty database."""
    if not inspect(connection).has_table("meta"):
        return 0
    value = connection.execute(select(tables.meta.c.value).where(tables.meta.c.name == "schema")).scalar()
    return int(value) if value is not None else 0


def migrate(connection: Connection, steps: tuple[Callable[[Connection], None], ...] = STEPS) -> int:
    """Run what is missing, inside the caller's one transaction; refuse what a newer program wrote."""
    found = version_of(connection)
    if found > len(steps):
        raise PalateError(
            "newer_home",
            f"this home has schema {found}, this program knows {len(steps)}",
            hint="update palate, or open the home with the version that made it",
        )
    for step in steps[found:]:
        step(connection)
    if found < len(steps):
        connection.execute(delete(tables.meta).where(tables.meta.c.name == "schema"))
        connection.execute(tables.meta.insert().values(name="schema", value=str(len(steps))))
    return len(steps)
