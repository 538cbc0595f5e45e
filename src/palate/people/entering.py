"""Coming in: visits of browsers, and keys of programs. Both are looked up anew each time, so leaving works at once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from palate.catalogue import tables
from palate.catalogue.database import now
from palate.errors import PalateError
from palate.people.gate import ACTIONS, ALLOWED, Principal, unknown
from palate.people.secrets import fresh, fresh_id, kept_digest, same

VISIT_SECONDS = 30 * 24 * 3600.0
MOST_VISITS = 50
MOST_KEYS = 50
KEY_MARK = "palate"
SEEN_EVERY = 60.0
"""When a key was last used is written down at most so often."""


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    name: str
    scopes: tuple[str, ...]
    made: float
    expires: float | None
    used: float | None


# -- visits ------------------------------------------------------------------------------------------------------


def begin_visit(connection: Connection, pepper: bytes, person: str, seconds: float = VISIT_SECONDS) -> str:
    """What the cookie is to hold; always new, so that nobody can have planted it. The oldest visits make room."""
    columns = tables.visits.c
    old = (
        select(columns.id)
        .where(columns.person_id == person)
        .order_by(columns.made.desc(), columns.id)
        .offset(MOST_VISITS - 1)
    )
    connection.execute(delete(tables.visits).where(columns.id.in_(list(connection.execute(old).scalars()))))
    connection.execute(delete(tables.visits).where(columns.expires < now(connection)))
    word = fresh()
    row = {"id": kept_digest(pepper, word), "person_id": person, "csrf": fresh()}
    connection.execute(tables.visits.insert().values(made=now(connection), expires=now(connection) + seconds, **row))
    return word


def by_visit(connection: Connection, pepper: bytes, word: str) -> Principal | None:
    visits, persons = tables.visits.c, tables.persons.c
    query = (
        select(visits.id, visits.csrf, persons.id.label("person"), persons.name, persons.role)
        .join(tables.persons, persons.id == visits.person_id)
        .where(visits.id == kept_digest(pepper, word), visits.expires > now(connection))
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return Principal(row.person, row.name, row.role, ALLOWED[row.role], "visit", row.id, row.csrf)


def end_visit(connection: Connection, id: str) -> None:
    connection.execute(delete(tables.visits).where(tables.visits.c.id == id))


# -- keys --------------------------------------------------------------------------------------------------------


def make_key(
    connection: Connection,
    pepper: bytes,
    maker: Principal,
    name: str,
    scopes: Collection[str],
    seconds: float | None = None,
) -> tuple[Key, str]:
    """A key and its words, which are shown this once. It can never do more than who made it could just then."""
    wider = set(scopes) - (maker.may & ALLOWED[maker.role])
    if wider or not scopes:
        said = f"you cannot give the right to {', '.join(sorted(wider))}" if wider else "a key needs at least one right"
        raise PalateError("wrong_scopes", said, about="scopes", hint=f"known: {', '.join(ACTIONS)}")
    columns = tables.keys.c
    count = select(func.count()).select_from(tables.keys).where(columns.person_id == maker.person)
    if connection.execute(count).scalar_one() >= MOST_KEYS:
        raise PalateError("too_many_keys", f"at most {MOST_KEYS} keys a person", hint="revoke one that is not used")
    id, word = fresh_id(), fresh()
    row = {
        "id": id,
        "person_id": maker.person,
        "name": name,
        "digest": kept_digest(pepper, word),
        "scopes": [action for action in ACTIONS if action in scopes],
        "used": None,
    }
    expires = None if seconds is None else now(connection) + seconds
    connection.execute(tables.keys.insert().values(made=now(connection), expires=expires, **row))
    return key_of(connection, id, maker.person), f"{KEY_MARK}_{id}_{word}"


def by_key(connection: Connection, pepper: bytes, written: str) -> tuple[Principal, bool] | None:
    """Who shows this key, and whether it is time to write down that it was used."""
    mark, _, rest = written.partition("_")
    id, _, word = rest.partition("_")
    keys, persons = tables.keys.c, tables.persons.c
    query = (
        select(tables.keys, persons.name.label("person_name"), persons.role, now(connection).label("clock"))
        .join(tables.persons, persons.id == keys.person_id)
        .where(keys.id == id, (keys.expires.is_(None)) | (keys.expires > now(connection)))
    )
    row = connection.execute(query).first()
    right = same(row.digest if row is not None else "-", kept_digest(pepper, word))
    if row is None or not right or mark != KEY_MARK:
        return None
    may = frozenset(row.scopes) & ALLOWED[row.role]
    due = row.used is None or row.clock - row.used > SEEN_EVERY
    return Principal(row.person_id, row.person_name, row.role, may, "key", row.id), due


def seen_key(connection: Connection, id: str) -> None:
    connection.execute(update(tables.keys).where(tables.keys.c.id == id).values(used=now(connection)))


def _key(row: Row[Any]) -> Key:
    return Key(row.id, row.name, tuple(row.scopes), row.made, row.expires, row.used)


def key_of(connection: Connection, id: str, person: str) -> Key:
    columns = tables.keys.c
    row = connection.execute(select(tables.keys).where(columns.id == id, columns.person_id == person)).first()
    if row is None:
        raise unknown("key")
    return _key(row)


def keys_of(connection: Connection, person: str) -> Sequence[Key]:
    columns = tables.keys.c
    query = select(tables.keys).where(columns.person_id == person).order_by(columns.made, columns.id)
    return [_key(row) for row in connection.execute(query)]


def revoke_key(connection: Connection, id: str, person: str) -> None:
    key_of(connection, id, person)
    connection.execute(delete(tables.keys).where(tables.keys.c.id == id))
