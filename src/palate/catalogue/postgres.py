"""A home whose rows lie in Postgres: the same schema and the same repositories, for many hosts.

The program speaks as the role `palate_app`, which owns nothing and bypasses nothing; only a change of the schema is
made by who connects. What is one person's own is guarded twice: by `people.gate`, and by row-level security here, which
lets a transaction that acts for a person see no row of another (`Database.read(person=...)`).
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from palate.errors import PalateError

ROLE = "palate_app"
EVERYBODY = "*"
"""In `palate.person`: the whole home, as learning and housekeeping need it. No person has this id."""
OWNED = {
    "choices": "person",
    "conversations": "person",
    "tastes": "person",
    "visits": "person_id",
    "keys": "person_id",
    "uploads": "person_id",
    "errands": "person_id",
    "exchanges": "person_id",
}
"""Tables whose rows are one person's own, and the column that says whose."""
THROUGH_CONVERSATIONS = ("turns", "candidates")
POOL = 8
MORE = 24
"""Connections kept, and how many more there may be while many ask."""
NO_ADDRESS = (ArgumentError, ValueError)
"""What reading an address may end in: its form is wrong, or its port is no number."""


def is_postgres(place: str) -> bool:
    return place.startswith(("postgresql://", "postgres://", "postgresql+psycopg://"))


def engine(place: str) -> Engine:
    """An engine for `postgresql://...`; a password may come from PGPASSWORD or a password file, as libpq has it."""
    try:
        import psycopg  # noqa: F401 - an extra: asked for before SQLAlchemy asks less plainly
    except ImportError as error:
        raise PalateError(
            "not_installed", "Postgres needs the package psycopg", hint='pip install "palate[postgres]"'
        ) from error
    try:
        url = make_url(place).set(drivername="postgresql+psycopg")
    except NO_ADDRESS as error:
        raise PalateError("wrong_setting", "this is no address of a database", about="database") from error
    made = create_engine(
        url,
        pool_size=POOL,
        max_overflow=MORE,
        pool_pre_ping=True,  # a server that was restarted costs a new connection, not an error
        connect_args={"application_name": "palate", "connect_timeout": 10},
    )
    event.listen(made, "connect", _prepare)
    return made


def shown(place: str) -> str:
    """An address without its password, for messages and settings."""
    try:
        return make_url(place).render_as_string(hide_password=True)
    except NO_ADDRESS:
        return place


def without_password(place: str) -> str:
    """An address as a settings file may hold it."""
    return make_url(place)._replace(password=None).render_as_string(hide_password=False)


def _prepare(raw: Any, _record: Any) -> None:
    """Every connection speaks for the whole home as the role that bypasses nothing, once that role is there."""
    with raw.cursor() as cursor:
        cursor.execute(f"SELECT set_config('palate.person', '{EVERYBODY}', false)")
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s AND pg_has_role(oid, 'MEMBER')", (ROLE,))
        if cursor.fetchone():
            cursor.execute(f"SET ROLE {ROLE}")
    raw.commit()


def act_for(connection: Connection, person: str) -> None:
    """To the end of this transaction, other persons' rows are not there."""
    if person == EVERYBODY:
        raise PalateError("unknown_thing", "there is no such person")
    connection.execute(text("SELECT set_config('palate.person', :person, true)"), {"person": person})


def alone(connection: Connection) -> None:
    """Wait until no other transaction writes, and let none begin: writes are one at a time, as in SQLite."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key_of("writes")})


def beside(connection: Connection) -> None:
    """A write that keeps itself out of others' way by the rows it locks; it waits for those that must be alone."""
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(:key)"), {"key": key_of("writes")})


def key_of(name: str) -> int:
    """The number that stands for a name among advisory locks: 64 bits, signed."""
    return int.from_bytes(hashlib.blake2b(f"palate {name}".encode(), digest_size=8).digest(), "big", signed=True)


class Presence:
    """A worker is at work as long as this is open; the server itself notices when its process or host is gone."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._open = ExitStack()
        connection = self._open.enter_context(engine.connect())
        options = connection.execution_options(isolation_level="AUTOCOMMIT")
        options.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key_of(name)})
        self._open.callback(connection.invalidate)  # ends the server's session, and the lock with it

    def close(self) -> None:
        self._open.close()


def gone(connection: Connection, names: list[str]) -> list[str]:
    """Which of these workers are at work no more."""
    ask = text("SELECT pg_try_advisory_xact_lock(:key)").bindparams(bindparam("key"))
    return [name for name in names if connection.execute(ask, {"key": key_of(name)}).scalar()]


def as_owner(connection: Connection) -> None:
    """To the end of this transaction, who connected; only the schema's owner may change the schema."""
    connection.execute(text("SET LOCAL ROLE NONE"))


def secure(connection: Connection) -> None:
    """The role that the program works as, what it may do, and whose rows are whose. Doing it again changes nothing."""
    connection.execute(text(MAKE_ROLE))
    for statement in _grants(), *_policies():
        connection.execute(text(statement))


MAKE_ROLE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') THEN
        CREATE ROLE {ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
    END IF;
    IF NOT pg_has_role('{ROLE}', 'MEMBER') THEN
        EXECUTE format('GRANT {ROLE} TO %I', current_user);
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""


def _grants() -> str:
    return f"""
    GRANT USAGE ON SCHEMA public TO {ROLE};
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {ROLE};
    GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {ROLE}
    """


def _policies() -> list[str]:
    """Nothing is seen where `palate.person` was never said.

    A row of `holdings` hides its drawing from others, so it must be seen by all; it is changed by its person alone.
    """
    me = "current_setting('palate.person', true)"
    everybody = f"{me} = '{EVERYBODY}'"
    rules = {table: f"{everybody} OR {column} = {me}" for table, column in OWNED.items()}
    for table in THROUGH_CONVERSATIONS:
        rules[table] = f"{everybody} OR EXISTS (SELECT FROM conversations c WHERE c.id = {table}.conversation_id)"
    held = f"SELECT FROM holdings h WHERE h.drawing_id = drawings.id AND h.person_id <> {me}"
    rules["drawings"] = f"{everybody} OR ({me} IS NOT NULL AND NOT EXISTS ({held}))"
    rules["credits"] = f"{everybody} OR EXISTS (SELECT FROM drawings d WHERE d.id = credits.drawing_id)"
    statements = [line for table, rule in rules.items() for line in _policy(table, "own", f"USING ({rule})")]
    statements += _policy("holdings", "own", f"USING ({everybody} OR person_id = {me})")
    statements += _policy("holdings", "known", f"FOR SELECT USING ({me} IS NOT NULL)")
    return statements


def _policy(table: str, name: str, rule: str) -> list[str]:
    return [
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
        f"DROP POLICY IF EXISTS {name} ON {table}",
        f"CREATE POLICY {name} ON {table} {rule}",
    ]
