"""Open every blob, vector and row; say what is wrong and how to mend it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from sqlalchemy import Connection, select

from palate.catalogue import models as model_rows
from palate.catalogue import tables, vectors
from palate.catalogue.home import Home
from palate.catalogue.records import digest
from palate.errors import PalateError

Severity = Literal["wrong", "note"]


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
        data = home.blobs.path(id).read_bytes()
        if hashlib.sha256(data).hexdigest()[:32] != id:
            yield Fault("wrong", id, "the blob's bytes have changed", "delete it and run `palate specify` again")
    for id in sorted(owned - present):
        yield Fault("wrong", id, "the blob is gone", "run `palate specify` again to draw it anew")


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
        mend = "run `palate specify` again: it encodes what has no vector"
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
