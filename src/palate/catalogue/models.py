"""The models' rows: put, listed, looked up by what a person would call them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from palate.catalogue import tables
from palate.catalogue.database import in_parts, upsert
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


def listed(connection: Connection, among: Sequence[str] | None = None) -> list[Model]:
    """Every model, or those of some, by name."""
    columns = tables.models.c
    query = select(tables.models).order_by(columns.name, columns.id)
    if among is None:
        return [_from_row(row) for row in connection.execute(query)]
    found: list[Model] = []
    for some in in_parts(among):
        found += [_from_row(row) for row in connection.execute(query.where(columns.id.in_(some)))]
    return sorted(found, key=lambda model: (model.name, model.id))


def ids_after(connection: Connection, id: str, limit: int) -> list[str]:
    """The next ids in their order: whoever goes through all of them need not hold them."""
    columns = tables.models.c
    return list(
        connection.execute(select(columns.id).where(columns.id > id).order_by(columns.id).limit(limit)).scalars()
    )


def put_files(connection: Connection, files: Iterable[tuple[str, str, int, int]]) -> None:
    """Where models lie: path, model id, size, mtime_ns. Two copies of one file are one model at two places."""
    names = ("path", "model_id", "size", "mtime_ns")
    upsert(connection, tables.model_files, [dict(zip(names, file, strict=True)) for file in files])


def stamps(connection: Connection) -> dict[str, tuple[int, int]]:
    """Size and time of every place a model was read at, for an incremental scan."""
    columns = tables.model_files.c
    query = select(columns.path, columns.size, columns.mtime_ns)
    return {path: (size, mtime) for path, size, mtime in connection.execute(query)}


def last_scan(connection: Connection, folder: str) -> int | None:
    """When the last whole scan of this folder began, in nanoseconds."""
    query = select(tables.meta.c.value).where(tables.meta.c.name == f"scanned {folder}")
    value = connection.execute(query).scalar()
    return None if value is None else int(value)


def put_scan(connection: Connection, folder: str, began_ns: int) -> None:
    upsert(connection, tables.meta, [{"name": f"scanned {folder}", "value": str(began_ns)}])


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


def supersede(connection: Connection, models: Sequence[Model]) -> None:
    """Another model lies where an older one lay: the older one's bytes are gone, its pictures stay its own."""
    columns = tables.models.c
    lies = {model.location: model.id for model in models}
    older = connection.execute(select(columns.id, columns.location).where(columns.location.in_(list(lies))))
    for id, location in older.all():
        if lies[location] != id:
            set_state(connection, id, "changed", "its file was replaced by another")


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
