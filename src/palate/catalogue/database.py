"""One SQL database: how it is opened so that what it acknowledged is still there after a power cut.

SQLite in the home's folder, or Postgres (`catalogue.postgres`): what calls `read` and `write` need not know which.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Executable,
    Float,
    Table,
    create_engine,
    event,
    func,
    literal_column,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.sql.elements import ColumnElement

from palate.catalogue import postgres
from palate.catalogue.migrations import STEPS, migrate, version_of
from palate.errors import PalateError

One = TypeVar("One")

WRITES = "palate_writes"
ROWS_A_STATEMENT = 500
IDS_A_STATEMENT = 900
"""Every SQLite takes 999 values in a statement; some are left for what else it asks."""
OF_DRAWING = frozenset(
    (
        "jobs",
        "tasks",
        "errands",
        "holdings",
        "pictures",
        "drawings",
        "credits",
        "prompts",
        "encoders",
        "vectors",
        "outbox",
    )
)
"""Tables that a job which draws fills as it goes on; who may come in, and what anybody chose, is in none of them."""
CHANGES_NOTHING = ("SELECT", "BEGIN", "PRAGMA")
CHANGES = re.compile(r'\s*(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM)\s+"?(\w+)"?', re.IGNORECASE)


def wal_is_safe(version: tuple[int, ...]) -> bool:
    """SQLite could corrupt a WAL database before 3.51.3; the fix was carried back to 3.50.7 and 3.44.6."""
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


def _prepare(raw: Any, _record: Any) -> None:
    raw.isolation_level = None
    cursor = raw.cursor()
    cursor.execute("PRAGMA busy_timeout = 30000")
    mode = "WAL" if wal_is_safe(sqlite3.sqlite_version_info) else "DELETE"
    try:
        cursor.execute(f"PRAGMA journal_mode = {mode}")
    except UnicodeDecodeError as error:  # it names a table whose name is damaged, in bytes that are no text
        raise sqlite3.DatabaseError("the schema is malformed") from error
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # what is erased is in no byte of the file; not every SQLite's default
    cursor.execute("PRAGMA case_sensitive_like = ON")  # as in Postgres: /Art and /art are two folders
    cursor.execute("PRAGMA cache_size = -65536")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@dataclass(slots=True)
class _Reading:
    """One open read, and how many hold it."""

    database: Database
    connection: Connection
    close: Callable[[], None]
    thread: int = field(default_factory=threading.get_ident)
    holders: int = 0


_reading: ContextVar[_Reading | None] = ContextVar("reading", default=None)


class Database:
    """Reads may run side by side; writes are one at a time and each is one transaction.

    A read inside a read is the same read: without WAL a writer that waits to commit lets no new reader in, and would
    wait for the outer one while the inner one waits for it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.shared = engine.dialect.name == "postgresql"
        """Whether several processes may write: each transaction is guarded, not the home."""
        self._snapshots = (
            engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            if self.shared
            else engine
        )
        self._writing = threading.RLock()
        self.written = 0
        """How many transactions changed anything from here, but for what drawing changes picture by picture: what was
        read of people under another number may be so no longer."""
        self._changed = False
        event.listen(engine, "before_cursor_execute", self._notice)

    @classmethod
    def embedded(cls, path: Path) -> Database:
        engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False})
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
        return cls(engine)

    @classmethod
    def at(cls, place: str) -> Database:
        """A database that is somebody's server: `postgresql://...`."""
        return cls(postgres.engine(place))

    def migrate(self) -> None:
        """Bring the schema up to date, in one transaction."""
        if not self.shared:
            with self.write() as connection:
                migrate(connection)
            return
        with self.read() as connection:
            if version_of(connection) == len(STEPS):
                return
        with self.write() as connection:
            postgres.as_owner(connection)
            migrate(connection)
            postgres.secure(connection)
        self.engine.dispose()  # connections from here on are the role's that bypasses nothing

    @contextmanager
    def read(self, *, person: str | None = None) -> Iterator[Connection]:
        """What is there at this moment. For a `person`, a shared database hides what is others' own by itself."""
        if person is not None and self.shared:
            with _in_plain_words(), self._snapshots.connect() as connection, connection.begin():
                postgres.act_for(connection, person)
                yield connection
            return
        with _in_plain_words():
            reading = self._open_read() or self._opened()
            reading.holders += 1
            try:
                yield reading.connection
            finally:
                reading.holders -= 1
                if not reading.holders:
                    reading.close()
                    if _reading.get() is reading:
                        _reading.set(None)

    def _open_read(self) -> _Reading | None:
        """The read that this thread has open."""
        reading = _reading.get()
        if reading is None or reading.database is not self or reading.thread != threading.get_ident():
            return None
        return reading if reading.holders else None

    def _opened(self) -> _Reading:
        stack = ExitStack()
        connection = stack.enter_context(self._snapshots.connect())
        try:
            stack.enter_context(connection.begin())
        except BaseException:
            stack.close()
            raise
        reading = _Reading(self, connection, stack.close)
        _reading.set(reading)
        return reading

    @contextmanager
    def write(self, *, person: str | None = None, beside: bool = False) -> Iterator[Connection]:
        """One transaction. Where others write as well, it is alone unless what it does can be done `beside` others."""
        if self._open_read():
            raise RuntimeError("a write inside a read of the same thread would wait for itself")
        with self._writing:
            try:
                with _in_plain_words(), self.engine.connect() as plain:
                    connection = plain.execution_options(**{WRITES: True})
                    with connection.begin():
                        if self.shared:
                            (postgres.beside if beside else postgres.alone)(connection)
                            if person is not None:
                                postgres.act_for(connection, person)
                        yield connection
            finally:
                self.written += self._changed
                self._changed = False

    def _notice(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Statements of one transaction at a time change anything; what is not understood counts as a change."""
        if not self._changed and not statement.lstrip().upper().startswith(CHANGES_NOTHING):
            table = CHANGES.match(statement)
            self._changed = table is None or table[1] not in OF_DRAWING

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def _in_plain_words() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        said = str(error.orig).lower()
        if "full" in said or "no space left" in said:
            raise PalateError("storage_full", "the disk is full; nothing of this step was stored") from error
        if "connection" in said:
            raise PalateError(
                "storage_unreachable", "the database does not answer", hint="is its server up?"
            ) from error
        if "locked" in said:
            raise PalateError("library_in_use", "another program is writing to this home; try again") from error
        if "readonly" in said or "unable to open" in said:
            raise PalateError("storage_unwritable", "the home cannot be written", hint="check its rights") from error
        raise PalateError("storage_failed", f"the database failed: {error.orig}", hint="run `palate check`") from error
    except DatabaseError as error:
        if isinstance(error.orig, sqlite3.DatabaseError) and "malformed" in str(error.orig):
            raise PalateError(
                "storage_corrupt", "the database is damaged", hint="run `palate check`; restore a backup if it says so"
            ) from error
        raise


def in_parts(ids: Sequence[One]) -> Iterator[Sequence[One]]:
    """As many at a time as one statement may name."""
    for start in range(0, len(ids), IDS_A_STATEMENT):
        yield ids[start : start + IDS_A_STATEMENT]


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    keep: bool = False,
    changes: Callable[[Any], dict[str, Any]] | None = None,
) -> None:
    """Insert rows by primary key; a row that is there is overwritten, kept (`keep`), or gets only some `changes`.

    `changes` is given the row that was to be inserted, and answers column to new value.
    """
    if rows:
        statement = _upserting(connection.dialect.name, table, tuple(rows[0]), keep, changes)
        given = [dict(row) for row in rows]
        connection.execute(statement, given if len(given) > 1 else given[0])


@lru_cache(maxsize=256)
def _upserting(
    dialect: str, table: Table, columns: tuple[str, ...], keep: bool, changes: Callable[[Any], dict[str, Any]] | None
) -> Executable:
    """Made once: to make one takes longer than to run it."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite_dialect.insert)(table)
    keys = [column.name for column in table.primary_key]
    if keep:
        return statement.on_conflict_do_nothing(index_elements=keys)
    new = statement.excluded
    changed = changes(new) if changes else {name: new[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def now(connection: Connection) -> ColumnElement[float]:
    """Seconds by the database's own clock, so that two hosts with two clocks agree on a lease."""
    if connection.dialect.name == "postgresql":
        return literal_column("extract(epoch from clock_timestamp())", Float)
    return literal_column("((julianday('now') - 2440587.5) * 86400.0)", Float)


def arrival(connection: Connection, table: Table) -> ColumnElement[int]:
    """A number that is higher for rows that were stored later; Postgres counts a changed row as new."""
    if connection.dialect.name == "postgresql":
        return func.row_number().over(order_by=literal_column(f"{table.name}.ctid"))
    return literal_column(f"{table.name}.rowid", BigInteger)
