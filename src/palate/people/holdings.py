"""What is one person's own: drawings made for them, and uploads. What is not held is the home's, for all to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, select

from palate.catalogue import pictures as picture_rows
from palate.catalogue import tables
from palate.catalogue.database import now, upsert
from palate.catalogue.pictures import SHARED
from palate.catalogue.records import Drawing
from palate.people.gate import unknown

UPLOAD_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Upload:
    id: str
    person: str
    width: int
    height: int
    format: str
    size: int
    expires: float


def hold(connection: Connection, person: str, errand: str, drawings: Sequence[str]) -> None:
    """Written before anything is drawn, so that at no moment it is everybody's."""
    rows = [{"drawing_id": id, "person_id": person, "errand_id": errand} for id in drawings]
    upsert(connection, tables.holdings, rows, keep=True)


def may_see(connection: Connection, person: str, picture: str) -> bool:
    """A picture is seen if one of its drawings is shared or this person's; what has no drawing at all is shared."""
    drawings, held = tables.drawings.c, tables.holdings.c
    of_it = drawings.picture_id == picture
    mine = drawings.id.in_(select(held.drawing_id).where(held.person_id == person))
    there = select(tables.pictures.c.id).where(
        tables.pictures.c.id == picture,
        exists(select(drawings.id).where(of_it, SHARED | mine)) | ~exists(select(drawings.id).where(of_it)),
    )
    return connection.execute(there).first() is not None


def drawn_for(connection: Connection, errand: str) -> list[str]:
    """Pictures that an errand has drawn, in the order of their seeds."""
    drawings, held = tables.drawings.c, tables.holdings.c
    query = (
        select(drawings.picture_id)
        .join(tables.holdings, held.drawing_id == drawings.id)
        .where(held.errand_id == errand)
        .order_by(func.length(drawings.seed).nulls_first(), drawings.seed.nulls_first(), drawings.id)
    )
    return list(connection.execute(query).scalars())


def held_by(connection: Connection, person: str) -> set[str]:
    """Drawings that are this person's own."""
    held = tables.holdings.c
    return set(connection.execute(select(held.drawing_id).where(held.person_id == person)).scalars())


def _upload(row: Row[Any]) -> Upload:
    return Upload(row.id, row.person_id, row.width, row.height, row.format, row.size, row.expires)


def put_upload(connection: Connection, upload: Upload) -> Upload:
    row = {
        "id": upload.id,
        "person_id": upload.person,
        "width": upload.width,
        "height": upload.height,
        "format": upload.format,
        "size": upload.size,
    }
    made = now(connection)
    connection.execute(tables.uploads.insert().values(made=made, expires=made + UPLOAD_SECONDS, **row))
    found = upload_of(connection, upload.person, upload.id)
    assert found is not None
    return found


def upload_of(connection: Connection, person: str, id: str) -> Upload | None:
    columns = tables.uploads.c
    mine = (columns.id == id) & (columns.person_id == person) & (columns.expires > now(connection))
    row = connection.execute(select(tables.uploads).where(mine)).first()
    return None if row is None else _upload(row)


def uploads_of(connection: Connection, person: str) -> list[Upload]:
    columns = tables.uploads.c
    query = select(tables.uploads).where(columns.person_id == person).order_by(columns.made, columns.id)
    return [_upload(row) for row in connection.execute(query)]


def room_taken(connection: Connection, person: str) -> int:
    """Bytes of this person's uploads."""
    columns = tables.uploads.c
    query = select(func.coalesce(func.sum(columns.size), 0)).where(columns.person_id == person)
    return int(connection.execute(query).scalar_one())


def take_expired(connection: Connection) -> list[str]:
    """Forget uploads whose time is over; their files are the caller's to remove."""
    columns = tables.uploads.c
    over = list(connection.execute(select(columns.id).where(columns.expires <= now(connection))).scalars())
    if over:
        connection.execute(delete(tables.uploads).where(columns.id.in_(over)))
    return over


def require_seen(connection: Connection, person: str, picture: str) -> None:
    if not may_see(connection, person, picture):
        raise unknown("picture")


def drawings_seen(connection: Connection, person: str, picture: str) -> list[Drawing]:
    """How a picture came to be, as far as this person may know."""
    others = tables.holdings.c.person_id != person
    hidden = set(connection.execute(select(tables.holdings.c.drawing_id).where(others)).scalars())
    return [drawing for drawing in picture_rows.drawings_of(connection, picture) if drawing.id not in hidden]
