"""A home as it is at one moment, in a folder that is a home itself: to look through, to serve, to move back.

The rows of one moment are written beside those of the copy before, then every picture of ours that they speak of, then
the other files of the home; last, the new rows take the place of the old ones. Killed at any point, the copy is what it
was, and the same command goes on. What the home has no more leaves the copy as well: what a person erased is in no copy
that was brought up to date since.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import select

from palate import settings as settings_file
from palate.catalogue import tables
from palate.catalogue.blobs import Blobs, content_id
from palate.catalogue.database import Database
from palate.catalogue.home import CELLS, DATABASE, HERE, Home
from palate.catalogue.lock import WriterLock
from palate.catalogue.moving import copy_rows
from palate.errors import PalateError

MARK = "backup.json"
"""In a folder that holds a copy: of which home."""
PART = f"{DATABASE}.part"
OF_THE_FOLDER = frozenset(
    (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal", "lock", "blobs", MARK)
)
MADE_AGAIN = frozenset(("derived",))
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def back_up(home: Home, target: Path) -> dict[str, int]:
    """How many pictures of ours the copy holds, how many of them are new, missing in the home, and gone since."""
    _require_own(home, target)
    try:
        (target / "blobs").mkdir(parents=True, exist_ok=True)
        with closing(WriterLock(target / "lock")):
            return _copy(home, target)
    except (OSError, sqlite3.Error) as error:
        raise PalateError(
            "storage_full" if getattr(error, "errno", None) in NO_ROOM or "full" in str(error) else "storage_failed",
            f"the copy cannot be written: {getattr(error, 'strerror', None) or error}",
            about=str(target),
            hint="a copy of before is as it was; the same command goes on",
        ) from error


def _copy(home: Home, target: Path) -> dict[str, int]:
    (target / MARK).write_text(json.dumps({"of": str(home.folder.resolve())}) + "\n")
    _copy_of_rows(home, target / PART)
    with closing(Database.embedded(target / PART)) as rows, rows.read() as connection:
        owned = tables.pictures.c.owned == 1
        ids = set(connection.execute(select(tables.pictures.c.id).where(owned)).scalars())
    blobs = Blobs(target / "blobs")
    new, missing = _copy_blobs(home, blobs, sorted(ids))
    _copy_files(home.folder, target)
    _say_here(target)
    os.replace(target / PART, target / DATABASE)  # noqa: PTH105 - from here on it is the copy
    gone = [id for id in blobs if id not in ids]
    for id in gone:
        blobs.remove(id)
    return {"pictures": len(ids) - missing, "new": new, "missing": missing, "gone": len(gone)}


def _require_own(home: Home, target: Path) -> None:
    here, there = home.folder.resolve(), target.resolve()
    if there == here or here in there.parents or there in here.parents:
        raise PalateError("wrong_place", "a copy lies neither in its home nor around it", about=str(target))
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    try:
        of = json.loads((target / MARK).read_text())["of"]
    except (OSError, ValueError, KeyError, TypeError):
        of = None
    if of != str(here):
        raise PalateError(
            "not_empty", "this folder is no copy of this home; nothing was written", about=str(target), hint="a new one"
        )


def _copy_of_rows(home: Home, path: Path) -> None:
    """All rows of one moment, whoever writes meanwhile."""
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    if home.database.shared:
        with closing(Database.embedded(path)) as rows:
            copy_rows(home.database, rows)
        return
    with home.read() as connection, closing(sqlite3.connect(path)) as rows:
        there = connection.connection.driver_connection
        assert isinstance(there, sqlite3.Connection)
        there.backup(rows)


def _copy_blobs(home: Home, blobs: Blobs, ids: list[str]) -> tuple[int, int]:
    """How many were not there yet, and how many the home lacks or has damaged."""
    new = missing = 0
    for id in ids:
        if blobs.path(id).is_file():  # its name is its content's, and it got it once it was whole
            continue
        try:
            data = home.blobs.get(id)
        except PalateError as error:
            if error.code != "picture_missing":
                raise
            data = b""
        if content_id(data) == id:
            blobs.put(data)
            new += 1
        else:
            missing += 1
    return new, missing


def _copy_files(folder: Path, target: Path) -> None:
    """Settings, secrets, uploads, runs, what was trained: as they are; links lead elsewhere and are left out."""
    wanted = set(_files(folder))
    for name in sorted(wanted):
        source, copy = folder / name, target / name
        was, now = copy.stat() if copy.is_file() else None, source.stat()
        if was is None or (was.st_size, was.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            copy.parent.mkdir(parents=True, exist_ok=True)
            scratch = copy.with_name(f".{copy.name}.part")
            shutil.copy2(source, scratch, follow_symlinks=False)
            os.replace(scratch, copy)  # noqa: PTH105 - a copy of a file is whole, or not there
    for name in set(_files(target)) - wanted:
        (target / name).unlink()


def _files(folder: Path) -> Iterator[str]:
    for top in sorted(folder.iterdir()):
        if top.name in OF_THE_FOLDER or top.name in MADE_AGAIN or top.name == PART:
            continue
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(folder))


def _say_here(target: Path) -> None:
    """A copy needs no server of anybody's."""
    file = target / settings_file.FILE
    said = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    for name in settings_file.ELSEWHERE:
        if said.get(name, HERE) not in (HERE, CELLS):
            settings_file.set_one(target, name, HERE)
