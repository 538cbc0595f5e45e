"""A home's rows and pictures to where they shall lie from now on: SQLite to Postgres, a folder to objects, and back.

Pictures first, then the rows that speak of them in one transaction, then the setting that says where they are: killed
at any point, the home is still where it was, and the same command goes on. What was copied stays where it was as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Table, func, select, text

from palate import settings as settings_file
from palate.catalogue import postgres, tables
from palate.catalogue.database import Database
from palate.catalogue.home import Home, Places
from palate.errors import PalateError

ROWS_AT_ONCE = 1000
OF_THE_SCHEMA = "schema"
"""The row of `meta` that a database has from its making."""


def move(home: Home, places: Places) -> dict[str, int]:
    """The home as it is, at these places; how many rows of each table are there, and how many pictures."""
    counts = {}
    with home.writing():
        if places.blobs != home.places.blobs:
            counts["blobs"] = _copy_blobs(home, places)
        if places.database != home.places.database:
            target = Home(home.folder, places).database
            try:
                counts |= copy_rows(home.database, target)
            finally:
                target.close()
        for name in ("database", "blobs"):
            if getattr(places, name) != getattr(home.places, name):
                settings_file.set_one(home.folder, name, _without_password(getattr(places, name)))
    return counts


def _copy_blobs(home: Home, places: Places) -> int:
    target, count = Home(home.folder, Places(home.places.database, places.blobs)).blobs, 0
    for id in home.blobs:
        if target.put(home.blobs.get(id)) != id:
            raise PalateError("picture_damaged", "its bytes are not of its name", about=id, hint="run `palate check`")
        count += 1
    return count


def _without_password(place: str) -> str:
    return postgres.without_password(place) if postgres.is_postgres(place) else place


def copy_rows(source: Database, target: Database) -> dict[str, int]:
    """Every row, in one transaction of the target, compared afterwards; answers how many rows each table has."""
    target.migrate()
    with source.read() as there, target.write() as here:
        counts: dict[str, int] = {}
        if not _is_empty(here):
            return _require_same(there, here)
        for table in tables.metadata.sorted_tables:
            for rows in _batches(there, table):
                here.execute(table.insert(), rows)
            counts[table.name], digest = fingerprint(here, table)
            if (counts[table.name], digest) != fingerprint(there, table):
                raise PalateError(
                    "copy_differs", "what was written is not what was read; nothing was kept", about=table.name
                )
        _go_on_numbering(here)
    return counts


def fingerprint(connection: Connection, table: Table) -> tuple[int, str]:
    """How many rows, and a digest of all of them in the order of their keys: equal for equal contents of any store."""
    state, count = hashlib.sha256(), 0
    for rows in _batches(connection, table):
        for row in rows:
            state.update(repr([(name, _plain(row[name])) for name in sorted(row)]).encode("utf-8", "surrogatepass"))
        count += len(rows)
    return count, state.hexdigest()


def _plain(value: Any) -> Any:
    """Postgres answers a binary value as another kind of bytes, and objects in the order that they were written in."""
    if isinstance(value, (bytes, memoryview)):
        return bytes(value)
    return sorted(value.items()) if isinstance(value, dict) else value


def _batches(connection: Connection, table: Table) -> Iterator[list[dict[str, Any]]]:
    query = select(table).order_by(*table.primary_key)
    if table is tables.meta:
        query = query.where(tables.meta.c.name != OF_THE_SCHEMA)
    result = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    for part in result.mappings().partitions():
        yield [dict(row) for row in part]


def _is_empty(connection: Connection) -> bool:
    return all(fingerprint(connection, table)[0] == 0 for table in tables.metadata.sorted_tables)


def _require_same(there: Connection, here: Connection) -> dict[str, int]:
    """A copy that was made before, and whose maker was killed before it said so, is as good as a new one."""
    counts = {}
    for table in tables.metadata.sorted_tables:
        counts[table.name], digest = fingerprint(here, table)
        if (counts[table.name], digest) != fingerprint(there, table):
            raise PalateError(
                "not_empty", "this database holds another home already; nothing was written", hint="name an empty one"
            )
    return counts


def _go_on_numbering(connection: Connection) -> None:
    """The next choice gets a number that none had, here or in the database it comes from."""
    columns = tables.choices.c
    last = connection.execute(select(func.max(columns.sequence))).scalar() or 0
    said = connection.execute(select(func.max(tables.tastes.c.after))).scalar() or 0
    if connection.dialect.name == "postgresql":
        postgres.as_owner(connection)  # who works here later may take a number and not choose one
        name = "pg_get_serial_sequence('choices', 'sequence')"
        connection.execute(text(f"SELECT setval({name}, :next, false)"), {"next": max(last, said) + 1})
    else:
        connection.execute(text("DELETE FROM sqlite_sequence WHERE name = 'choices'"))
        connection.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES ('choices', :last)"), {"last": max(last, said)}
        )
