"""Rows that a newer release of a bank replaces."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from palate.catalogue import tables
from palate.catalogue.database import in_parts


def forget_drawn_by(connection: Connection, tool: str) -> None:
    """Drawings that this tool made known, and those of their pictures that are known by a vector and nothing else."""
    drawings, pictures, vectors = tables.drawings.c, tables.pictures.c, tables.vectors.c
    own = select(drawings.id).where(drawings.tool == tool)
    shown = select(drawings.picture_id)
    connection.execute(delete(tables.credits).where(tables.credits.c.drawing_id.in_(own)))
    ids = list(connection.execute(select(drawings.picture_id).where(drawings.tool == tool).distinct()).scalars())
    connection.execute(delete(tables.drawings).where(drawings.tool == tool))
    for some in in_parts(ids):
        gone = select(pictures.id).where(
            pictures.id.in_(some), pictures.state == "vector only", pictures.id.not_in(shown)
        )
        connection.execute(delete(tables.vectors).where(vectors.kind == "picture", vectors.thing_id.in_(gone)))
        connection.execute(delete(tables.pictures).where(pictures.id.in_(gone)))
