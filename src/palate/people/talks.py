"""Talks in words, each its person's own: what was said and answered, so that a restart forgets none of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select

from palate.catalogue import tables
from palate.catalogue.database import now

MOST_TALKS = 200
"""So many of a person are kept; the one that was silent longest goes first."""


@dataclass(frozen=True, slots=True)
class Said:
    """One exchange as it is kept: its number in the talk, and how many exchanges held after it."""

    number: int
    holds: int
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Card:
    """A talk in a list."""

    id: str
    first: str
    exchanges: int
    at: float


def put(connection: Connection, talk: str, person: str, said: Said) -> None:
    row = {"talk_id": talk, "number": said.number, "person_id": person, "holds": said.holds, "body": dict(said.body)}
    connection.execute(tables.exchanges.insert().values(at=now(connection), **row))
    if said.number == 1:
        for card in listed(connection, person)[MOST_TALKS:]:
            forget(connection, person, card.id)


def of_talk(connection: Connection, talk: str, person: str) -> list[Said]:
    """In their order; none where it is somebody else's, which looks the same as none at all."""
    columns = tables.exchanges.c
    mine = (columns.talk_id == talk) & (columns.person_id == person)
    rows = connection.execute(select(tables.exchanges).where(mine).order_by(columns.number))
    return [Said(row.number, row.holds, row.body) for row in rows]


def listed(connection: Connection, person: str) -> list[Card]:
    """The one that was gone on with last comes first."""
    columns = tables.exchanges.c
    ends = select(columns.talk_id, func.count().label("number"), func.max(columns.at).label("at"))
    ends_of = ends.where(columns.person_id == person).group_by(columns.talk_id).subquery()
    query = (
        select(ends_of.c.talk_id, ends_of.c.number, ends_of.c.at, columns.body)
        .join(tables.exchanges, (columns.talk_id == ends_of.c.talk_id) & (columns.number == 1))
        .order_by(ends_of.c.at.desc(), ends_of.c.talk_id)
    )
    return [Card(row[0], str(row[3]["said"]), row[1], row[2]) for row in connection.execute(query)]


def forget(connection: Connection, person: str, talk: str) -> None:
    columns = tables.exchanges.c
    connection.execute(delete(tables.exchanges).where(columns.talk_id == talk, columns.person_id == person))


def told(connection: Connection, person: str) -> list[dict[str, Any]]:
    """All of a person's talks, for taking along."""
    return [
        {"id": card.id, "at": card.at, "exchanges": [dict(said.body) for said in of_talk(connection, card.id, person)]}
        for card in listed(connection, person)
    ]
