"""The models' rows: put, listed, looked up by what a person would call them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from palate.catalogue import tables
from palate.catalogue.database import upsert
from palate.catalogue.records import Model, ModelState
from palate.errors import PalateError

SHORTEST_PREFIX = 4


def _to_row(model: Model) -> dict[str, Any]:
    row = asdict(model)
    for name in ("tags", "trigger_words", "known_hashes"):
        row[name] = list(row[name])
    row["card"] = dict(model.card)
    return row


def _from_row(row: Row[Any]) -> Model:
    values = dict(row._mapping)
    for name in ("tags", "trigger_words", "known_hashes"):
        values[name] = tuple(values[name])
    return Model(**values)


def put(connection: Connection, models: Iterable[Model]) -> None:
    upsert(connection, tables.models, [_to_row(model) for model in models])


def listed(connection: Connection) -> list[Model]:
    """Every model, by name."""
    rows = connection.execute(select(tables.models).order_by(tables.models.c.name, tables.models.c.id))
    return [_from_row(row) for row in rows]


def stamps(connection: Connection) -> dict[str, tuple[int, int]]:
    """Where each file-like model lies, with its size and time, for an incremental scan."""
    columns = tables.models.c
    query = select(columns.location, columns.size, columns.mtime_ns).where(columns.mtime_ns.is_not(None))
    return {location: (size, mtime) for location, size, mtime in connection.execute(query)}


def get(connection: Connection, id: str) -> Model | None:
    row = connection.execute(select(tables.models).where(tables.models.c.id == id)).first()
    return None if row is None else _from_row(row)


def named(connection: Connection, name: str) -> Model:
    """The model with this id, this name, or an id beginning so; a doubt is an error that lists the choices."""
    columns = tables.models.c
    query = select(tables.models).where((columns.id == name) | (columns.name == name))
    rows = connection.execute(query).all()
    if not rows and len(name) >= SHORTEST_PREFIX:
        prefix = columns.id.startswith(name, autoescape=True)
        rows = connection.execute(
            select(tables.models).where(prefix | (func.lower(columns.name) == name.lower()))
        ).all()
    found = [_from_row(row) for row in rows]
    if not found:
        raise PalateError("unknown_model", f"no model is called '{name}'", hint="`palate models` lists them")
    exact = [model for model in found if model.id == name]
    if len(found) > 1 and not exact:
        ids = ", ".join(model.id[:8] for model in found[:5])
        raise PalateError(
            "ambiguous_model", f"{len(found)} models are called '{name}': {ids}", hint="name it by its id"
        )
    return (exact or found)[0]


def set_state(connection: Connection, id: str, state: ModelState, reason: str | None) -> None:
    row = update(tables.models).where(tables.models.c.id == id).values(state=state, state_reason=reason)
    connection.execute(row)


def merged(known: Model | None, found: Model) -> Model:
    """A found file's record over what is known of the same content: facts found win, known ones are not forgotten."""
    if known is None:
        return found
    keep: dict[str, Any] = {
        name: getattr(known, name)
        for name in ("base", "base_location", "downloads", "maker", "licence", "full_hash")
        if getattr(found, name) is None
    }
    hashes = dict.fromkeys((*found.known_hashes, *known.known_hashes))
    return replace(found, known_hashes=tuple(hashes), card={**known.card, **found.card}, **keep)
