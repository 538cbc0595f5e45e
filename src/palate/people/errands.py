"""Rows of what people asked the service to do; `serve.errands` does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from palate.catalogue import tables
from palate.catalogue.database import now
from palate.people.gate import unknown
from palate.people.secrets import fresh_id

OPEN = ("waiting", "running", "paused")
DAY = 24 * 3600.0
DRAWING = ("draw", "steer", "personalise")
"""Kinds whose total is a number of pictures."""


@dataclass(frozen=True, slots=True)
class Errand:
    id: str
    person: str
    kind: str
    plan: Mapping[str, Any]
    state: str
    done: int
    total: int
    error: str | None
    made: float


def _errand(row: Row[Any]) -> Errand:
    return Errand(row.id, row.person_id, row.kind, row.plan, row.state, row.done, row.total, row.error, row.made)


def put(connection: Connection, person: str, kind: str, plan: Mapping[str, Any], total: int) -> Errand:
    id = fresh_id()
    row = {"id": id, "person_id": person, "kind": kind, "plan": dict(plan), "state": "waiting", "error": None}
    connection.execute(tables.errands.insert().values(made=now(connection), done=0, total=total, **row))
    return get(connection, id, person)


def get(connection: Connection, id: str, person: str) -> Errand:
    columns = tables.errands.c
    row = connection.execute(select(tables.errands).where(columns.id == id, columns.person_id == person)).first()
    if row is None:
        raise unknown("job")
    return _errand(row)


def listed(connection: Connection, person: str, offset: int, limit: int) -> tuple[list[Errand], int]:
    """Newest first, and how many there are."""
    columns = tables.errands.c
    mine = columns.person_id == person
    total = connection.execute(select(func.count()).select_from(tables.errands).where(mine)).scalar_one()
    query = select(tables.errands).where(mine).order_by(columns.made.desc(), columns.id).offset(offset).limit(limit)
    return [_errand(row) for row in connection.execute(query)], total


def of_kind(connection: Connection, person: str, kind: str) -> list[Errand]:
    """A person's errands of this kind, newest first."""
    columns = tables.errands.c
    mine = (columns.person_id == person) & (columns.kind == kind)
    query = select(tables.errands).where(mine).order_by(columns.made.desc(), columns.id)
    return [_errand(row) for row in connection.execute(query)]


def set_state(connection: Connection, id: str, state: str, error: str | None = None) -> None:
    connection.execute(update(tables.errands).where(tables.errands.c.id == id).values(state=state, error=error))


def set_progress(connection: Connection, id: str, done: int, total: int) -> None:
    connection.execute(update(tables.errands).where(tables.errands.c.id == id).values(done=done, total=total))


def waiting(connection: Connection) -> list[Errand]:
    """In the order they came."""
    columns = tables.errands.c
    query = select(tables.errands).where(columns.state == "waiting").order_by(columns.made, columns.id)
    return [_errand(row) for row in connection.execute(query)]


def wait_again(connection: Connection) -> None:
    """As the service starts: whatever was running when it ended goes on."""
    columns = tables.errands.c
    connection.execute(update(tables.errands).where(columns.state == "running").values(state="waiting"))


def counts(connection: Connection) -> dict[str, int]:
    columns = tables.errands.c
    query = select(columns.state, func.count()).group_by(columns.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def under_way(connection: Connection, person: str) -> int:
    columns = tables.errands.c
    mine = (columns.person_id == person) & columns.state.in_(OPEN)
    return connection.execute(select(func.count()).select_from(tables.errands).where(mine)).scalar_one()


def asked_today(connection: Connection, person: str) -> int:
    """Pictures of all drawing errands of the last day, drawn or not."""
    columns = tables.errands.c
    mine = (columns.person_id == person) & columns.kind.in_(DRAWING) & (columns.made > now(connection) - DAY)
    query = select(func.coalesce(func.sum(columns.total), 0)).where(mine, columns.state != "cancelled")
    return int(connection.execute(query).scalar_one())
