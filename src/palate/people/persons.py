"""The persons of a home: made, listed, changed. Their removal is `people.erasing`."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from palate.catalogue import tables
from palate.catalogue.database import now
from palate.errors import PalateError
from palate.people.gate import ALLOWED, unknown
from palate.people.secrets import fresh_id, hash_password

OWNER = "me"
"""The id of the person a home begins with; the command line's likings are theirs as well."""
SHORTEST_PASSWORD = 10
MOST_PERSONS = 1000


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    name: str
    role: str
    made: float
    weights: tuple[float, float, float] | None = None
    """The GRE weights learned from what they chose."""
    has_password: bool = False


def _person(row: Row[Any]) -> Person:
    weights = None if row.weights is None else (row.weights[0], row.weights[1], row.weights[2])
    return Person(row.id, row.name, row.role, row.made, weights, row.password is not None)


def get(connection: Connection, id: str) -> Person:
    row = connection.execute(select(tables.persons).where(tables.persons.c.id == id)).first()
    if row is None:
        raise unknown("person")
    return _person(row)


def listed(connection: Connection) -> list[Person]:
    rows = connection.execute(select(tables.persons).order_by(tables.persons.c.made, tables.persons.c.id))
    return [_person(row) for row in rows]


def password_of(connection: Connection, name: str) -> tuple[str | None, str | None]:
    """The id and the kept hash of who is called this; None and None for nobody."""
    columns = tables.persons.c
    row = connection.execute(select(columns.id, columns.password).where(columns.name == plain_name(name))).first()
    return (None, None) if row is None else (row.id, row.password)


def ensure_owner(connection: Connection) -> Person:
    """A home belongs to somebody from the first time it is served."""
    columns = tables.persons.c
    row = connection.execute(
        select(tables.persons).where(columns.role == "owner").order_by(columns.made, columns.id)
    ).first()
    if row is not None:
        return _person(row)
    return make(connection, "owner", "owner", None, id=OWNER)


def plain_name(name: str) -> str:
    """Names that look the same are the same."""
    return unicodedata.normalize("NFKC", name).strip()


def make(connection: Connection, name: str, role: str, password: str | None, *, id: str | None = None) -> Person:
    name = plain_name(name)
    if not name or not name.isprintable():
        raise PalateError("wrong_name", "a name has at least one visible character and no hidden ones", about="name")
    _require_role(role)
    columns = tables.persons.c
    if connection.execute(select(columns.id).where(columns.name == name)).first() is not None:
        raise PalateError("name_taken", f"somebody is called '{name}' already", about="name")
    if connection.execute(select(func.count()).select_from(tables.persons)).scalar_one() >= MOST_PERSONS:
        raise PalateError("too_many_people", f"a home has at most {MOST_PERSONS} people")
    id = id or fresh_id()
    row = {"id": id, "name": name, "role": role, "password": _hashed(password), "weights": None}
    connection.execute(tables.persons.insert().values(made=now(connection), **row))
    return get(connection, id)


def change(connection: Connection, id: str, *, role: str | None = None, password: str | None = None) -> Person:
    """A new password or role; whoever was signed in with the old one has to come in again."""
    person = get(connection, id)
    values: dict[str, Any] = {}
    if role is not None and role != person.role:
        _require_role(role)
        if person.role == "owner":
            require_another_owner(connection, id)
        values["role"] = role
    if password is not None:
        values["password"] = _hashed(password)
    if values:
        connection.execute(update(tables.persons).where(tables.persons.c.id == id).values(**values))
        connection.execute(tables.visits.delete().where(tables.visits.c.person_id == id))
    return get(connection, id)


def set_weights(connection: Connection, id: str, weights: tuple[float, float, float] | None) -> None:
    changed = update(tables.persons).where(tables.persons.c.id == id)
    connection.execute(changed.values(weights=None if weights is None else list(weights)))


def require_another_owner(connection: Connection, id: str) -> None:
    columns = tables.persons.c
    others = connection.execute(select(columns.id).where(columns.role == "owner", columns.id != id)).first()
    if others is None:
        raise PalateError("last_owner", "a home always has an owner", hint="make somebody else an owner first")


def somebody_has_a_password(connection: Connection) -> bool:
    columns = tables.persons.c
    query = select(columns.id).where(columns.role == "owner", columns.password.is_not(None))
    return connection.execute(query).first() is not None


def _require_role(role: str) -> None:
    if role not in ALLOWED:
        raise PalateError("wrong_role", f"'{role}' is none of {', '.join(ALLOWED)}", about="role")


def _hashed(password: str | None) -> str | None:
    if password is None:
        return None
    if len(password) < SHORTEST_PASSWORD:
        raise PalateError("weak_password", f"at least {SHORTEST_PASSWORD} characters", about="password")
    return hash_password(password)
