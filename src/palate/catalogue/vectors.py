"""Vectors are rows tagged with their encoder; what is not finite and of unit length does not get in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, case, func, select, update

from palate.catalogue import tables
from palate.catalogue.database import in_parts, upsert
from palate.errors import PalateError

VectorKind = Literal["picture", "prompt"]
NORM_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Space:
    """An encoder's space: only vectors of one space are ever compared."""

    id: str
    name: str
    dim: int
    reads_words: bool


def put_space(connection: Connection, space: Space) -> None:
    row = {"id": space.id, "name": space.name, "dim": space.dim, "reads_words": int(space.reads_words), "same_as": None}
    upsert(connection, tables.encoders, [row], keep=True)


def spaces(connection: Connection) -> list[Space]:
    rows = connection.execute(select(tables.encoders).order_by(tables.encoders.c.id))
    return [Space(row.id, row.name, row.dim, bool(row.reads_words)) for row in rows]


def proven_same(connection: Connection, id: str, other: str) -> None:
    """Record that vectors of `id` lie in the space of `other` (its vectors of the same texts were compared)."""
    connection.execute(update(tables.encoders).where(tables.encoders.c.id == id).values(same_as=other))


def same_spaces(connection: Connection, id: str) -> list[str]:
    """The space itself and those proven equal to it."""
    columns = tables.encoders.c
    others = connection.execute(select(columns.id).where(columns.same_as == id).order_by(columns.id)).scalars()
    mine = connection.execute(select(columns.same_as).where(columns.id == id)).scalar()
    return list(dict.fromkeys([id, *others, *([mine] if mine else [])]))


def checked(array: NDArray[np.floating], dim: int) -> NDArray[np.float32]:
    """float32 rows of the right width, all finite, of unit length; anything else is refused as a whole."""
    if array.ndim != 2 or array.shape[1] != dim:
        raise PalateError("embedding_invalid", f"vectors of shape {array.shape} do not fit a space of {dim} dimensions")
    rows = np.ascontiguousarray(array, dtype="<f4")
    bad = ~sound(rows)
    if bad.any():
        worst = int(np.argmax(bad))
        length = np.linalg.norm(rows[worst])
        raise PalateError("embedding_invalid", f"vector {worst} has length {length:.4g}, not 1; none was stored")
    return rows


def sound(rows: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which rows are finite and of unit length."""
    norms = np.linalg.norm(rows, axis=1)
    within: NDArray[np.bool_] = np.abs(norms - 1) <= NORM_TOLERANCE  # false for what is not finite
    return within


def put(
    connection: Connection, space: Space, kind: VectorKind, ids: Sequence[str], array: NDArray[np.floating]
) -> None:
    rows = checked(array, space.dim)
    if len(rows) != len(ids):
        raise PalateError("embedding_invalid", f"{len(rows)} vectors for {len(ids)} things")
    packed = [
        {"encoder_id": space.id, "kind": kind, "thing_id": thing, "data": row.tobytes()}
        for thing, row in zip(ids, rows, strict=True)
    ]
    upsert(connection, tables.vectors, packed)


def load(
    connection: Connection, space: Space, kind: VectorKind, ids: Sequence[str] | None = None
) -> tuple[list[str], NDArray[np.float32]]:
    """Ids and their (n, dim) vectors, in the order of the ids; of all things where none are named.

    Of a thing with vectors in several spaces that were proven the same, it is this space's own, if it has one.
    """
    columns = tables.vectors.c
    own_last = case((columns.encoder_id == space.id, 1), else_=0), columns.encoder_id
    query = select(columns.thing_id, columns.data).where(
        columns.encoder_id.in_(same_spaces(connection, space.id)), columns.kind == kind
    )
    found: dict[str, bytes] = {}
    if ids is None:
        found.update(
            (row.thing_id, row.data) for row in connection.execute(query.order_by(columns.thing_id, *own_last))
        )
    else:
        for some in in_parts(ids):
            part = query.where(columns.thing_id.in_(some)).order_by(*own_last)
            found.update((row.thing_id, row.data) for row in connection.execute(part))
    order = list(found) if ids is None else [id for id in ids if id in found]
    raw = b"".join(found[id] for id in order)
    return order, np.frombuffer(raw, dtype="<f4").reshape(len(order), space.dim)


def filled_spaces(connection: Connection) -> list[Space]:
    """Spaces that hold at least one picture, those with most first."""
    columns = tables.vectors.c
    query = select(columns.encoder_id, func.count()).where(columns.kind == "picture").group_by(columns.encoder_id)
    counts = {row[0]: row[1] for row in connection.execute(query)}
    filled = [space for space in spaces(connection) if space.id in counts]
    return sorted(filled, key=lambda space: (-counts[space.id], space.id))
