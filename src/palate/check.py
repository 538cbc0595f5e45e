"""Open every blob, vector and row; say what is wrong, how to mend it, and mend what can be made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from sqlalchemy import Connection, delete, select, update

from palate.catalogue import models as model_rows
from palate.catalogue import tables, vectors
from palate.catalogue.blobs import content_id
from palate.catalogue.home import Home
from palate.catalogue.records import digest
from palate.errors import PalateError

Severity = Literal["wrong", "note"]
MEND = "run `palate check --mend`, then `palate specify`"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is not as it should be. A `note` loses nothing; `wrong` needs a hand."""

    severity: Severity
    about: str
    what: str
    mend: str

    def as_json(self) -> dict[str, str]:
        return {"severity": self.severity, "about": self.about, "what": self.what, "mend": self.mend}


def check(home: Home) -> list[Fault]:
    """Every fault found, in the order of the store's parts; an empty list is a clean home."""
    with home.read() as connection:
        return [
            *_database(connection),
            *_blobs(connection, home),
            *_originals(connection),
            *_vectors(connection),
            *_drawings(connection),
            *_models(connection),
        ]


def mend(home: Home) -> dict[str, int]:
    """Forget what is damaged and can be made again: `palate specify` then draws and encodes it anew.

    Pictures of ours whose blob is gone or changed go back to their tasks; vectors that are no vectors are dropped, and
    so are blobs that nothing speaks of.
    """
    with home.write() as connection:
        owned = set(connection.execute(select(tables.pictures.c.id).where(tables.pictures.c.owned == 1)).scalars())
        lost, orphans = set(owned), []
        for id in home.blobs:
            if id in owned and _is_sound(home, id):
                lost.discard(id)
            else:
                orphans.append(id)
        drawings = tables.drawings.c
        gone = (
            set(connection.execute(select(drawings.id).where(drawings.picture_id.in_(lost))).scalars())
            if lost
            else set()
        )
        done = connection.execute(select(tables.tasks.c.key).where(tables.tasks.c.state == "done")).scalars()
        again = [key for key in done if digest("drawing", key) in gone]
        for key in again:
            connection.execute(
                update(tables.tasks).where(tables.tasks.c.key == key).values(state="planned", attempts=0)
            )
        bad = _unsound(connection)
        columns = tables.vectors.c
        for encoder, kind, thing in bad:
            row = (columns.encoder_id == encoder) & (columns.kind == kind) & (columns.thing_id == thing)
            connection.execute(delete(tables.vectors).where(row))
    for id in orphans:
        home.blobs.remove(id)
    return {"to_draw_again": len(again), "vectors_dropped": len(bad), "blobs_removed": len(orphans)}


def _unsound(connection: Connection) -> list[tuple[str, str, str]]:
    """Encoder, kind and thing of every vector that is not finite, of unit length and of its space's width."""
    dims = {space.id: space.dim for space in vectors.spaces(connection)}
    columns = tables.vectors.c
    rows = connection.execute(select(columns.encoder_id, columns.kind, columns.thing_id, columns.data))
    return [
        (encoder, kind, thing)
        for encoder, kind, thing, data in rows
        if len(data) != 4 * dims[encoder]
        or not abs(float(np.linalg.norm(np.frombuffer(data, dtype="<f4"))) - 1) <= vectors.NORM_TOLERANCE
    ]


def _database(connection: Connection) -> Iterator[Fault]:
    if connection.dialect.name != "sqlite":
        return
    for (said,) in connection.exec_driver_sql("PRAGMA integrity_check").all():
        if said != "ok":
            yield Fault("wrong", "database", said, "restore the latest backup of the home")
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        yield Fault("wrong", "database", f"{len(broken)} rows refer to rows that are gone", "restore a backup")


def _blobs(connection: Connection, home: Home) -> Iterator[Fault]:
    columns = tables.pictures.c
    owned = set(connection.execute(select(columns.id).where(columns.owned == 1)).scalars())
    present = set()
    for id in home.blobs:
        present.add(id)
        if id not in owned:
            yield Fault("note", id, "a blob that no picture speaks of", "none needed: an interrupted step left it")
            continue
        if not _is_sound(home, id):
            yield Fault("wrong", id, "the blob's bytes have changed", MEND)
    for id in sorted(owned - present):
        yield Fault("wrong", id, "the blob is gone", MEND)


def _is_sound(home: Home, id: str) -> bool:
    try:
        return content_id(home.blobs.get(id)) == id
    except PalateError as error:
        if error.code not in ("picture_damaged", "picture_missing"):
            raise
        return False


def _originals(connection: Connection) -> Iterator[Fault]:
    columns = tables.files.c
    for path, size, mtime in connection.execute(select(columns.path, columns.size, columns.mtime_ns)):
        try:
            found = Path(path).stat()
        except OSError:
            yield Fault("note", path, "the original is gone or moved", "run `palate add pictures` on its new folder")
            continue
        if (found.st_size, found.st_mtime_ns) != (size, mtime):
            yield Fault("note", path, "the original has changed", "run `palate add pictures` on its folder again")


def _vectors(connection: Connection) -> Iterator[Fault]:
    dims = {space.id: space.dim for space in vectors.spaces(connection)}
    columns = tables.vectors.c
    known = {
        "picture": set(connection.execute(select(tables.pictures.c.id)).scalars()),
        "prompt": set(connection.execute(select(tables.prompts.c.id)).scalars()),
    }
    rows = connection.execute(select(columns.encoder_id, columns.kind, columns.thing_id, columns.data))
    for encoder, kind, thing, data in rows:
        mend = MEND
        if len(data) != 4 * dims[encoder]:
            yield Fault("wrong", thing, f"its vector has {len(data) // 4} dimensions, not {dims[encoder]}", mend)
            continue
        length = float(np.linalg.norm(np.frombuffer(data, dtype="<f4")))
        if not abs(length - 1) <= vectors.NORM_TOLERANCE:
            yield Fault("wrong", thing, f"its vector has length {length:.4g}, not 1", mend)
        if thing not in known[kind]:
            yield Fault("note", thing, f"a vector of a {kind} that is not here", "none needed")


def _drawings(connection: Connection) -> Iterator[Fault]:
    """Every finished drawing task has its drawing, and no picture is without a way it came to be."""
    tasks, drawings = tables.tasks.c, tables.drawings.c
    there = set(connection.execute(select(drawings.id)).scalars())
    done = connection.execute(
        select(tasks.key)
        .join(tables.jobs, tables.jobs.c.id == tasks.job_id)
        .where(tables.jobs.c.kind == "draw", tasks.state == "done")
    )
    for key in done.scalars():
        if digest("drawing", key) not in there:
            yield Fault("wrong", key, "a task is marked done and its picture is not here", "restore a backup")


def _models(connection: Connection) -> Iterator[Fault]:
    from palate.importers.models import quick_check

    for model in model_rows.listed(connection):
        if model.state in ("quarantined", "convert first"):
            yield Fault("note", model.name, model.state_reason or model.state, "see `palate show`")
        try:
            quick_check(model)
        except PalateError as error:
            yield Fault("note", model.name, error.message, error.hint or "run `palate add models` on its folder again")
