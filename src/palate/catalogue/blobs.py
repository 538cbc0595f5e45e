"""Pictures of ours by their content: written, synced, renamed, synced again, and only then spoken of."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from palate.errors import PalateError

RESERVE = 64 * 2**20
"""Bytes that must stay free: a full disk is refused before it is reached."""


def content_id(data: bytes) -> str:
    """The identity of a picture: the first 32 hexadecimal digits of its sha256."""
    return hashlib.sha256(data).hexdigest()[:32]


class BlobStore(Protocol):
    """Where pictures of ours lie, wherever that is (`Blobs` here, `catalogue.objects` elsewhere)."""

    reserve: int
    """Bytes that must stay free, where somebody counts them."""

    def put(self, data: bytes) -> str: ...

    def get(self, id: str) -> bytes: ...

    def path(self, id: str) -> Path: ...

    def remove(self, id: str) -> None: ...

    def __iter__(self) -> Iterator[str]: ...

    def sweep(self) -> int: ...


class Blobs:
    """A folder of files named by content, two letters a folder."""

    def __init__(self, folder: Path, *, reserve: int = RESERVE) -> None:
        self.folder = folder
        self.reserve = reserve
        self._synced: set[Path] = set()

    def path(self, id: str) -> Path:
        return self.folder / id[:2] / id

    def put(self, data: bytes) -> str:
        """Store bytes durably and answer their id; storing the same bytes twice is one blob."""
        name = content_id(data)
        target = self.path(name)
        try:
            if target.exists() and target.stat().st_size == len(data):
                self._sync_way_to(target)  # whoever put it there may have been killed before doing so
                return name
            self._require_room(len(data))
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = target.with_name(f".{name}.{secrets.token_hex(4)}")
            try:
                _write_durably(scratch, data)
                os.replace(scratch, target)  # noqa: PTH105 - the call that the durability argument names
            finally:
                scratch.unlink(missing_ok=True)
            self._sync_way_to(target)
        except OSError as error:
            raise _storage_error(error, len(data)) from error
        return name

    def get(self, id: str) -> bytes:
        try:
            return self.path(id).read_bytes()
        except FileNotFoundError as error:
            raise PalateError("picture_missing", "its file is gone", about=id, hint="run `palate check`") from error

    def remove(self, id: str) -> None:
        self.path(id).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[str]:
        """Every blob's id; half-written files of a killed process are not blobs."""
        for folder in sorted(self.folder.iterdir()) if self.folder.exists() else []:
            if folder.is_dir():
                yield from sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))

    def sweep(self) -> int:
        """Remove half-written files that a killed process left; only the one writing process may call this."""
        leftovers = list(self.folder.glob("??/.*"))
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def _sync_way_to(self, target: Path) -> None:
        """The file's entry in its folder, and once a process that folder's own entry."""
        _sync_folder(target.parent)
        if target.parent not in self._synced:
            _sync_folder(self.folder)
            self._synced.add(target.parent)

    def _require_room(self, size: int) -> None:
        with suppress(AttributeError):  # no statvfs on Windows: the write itself will tell
            room = os.statvfs(self.folder)
            free = room.f_bavail * room.f_frsize
            if free < size + self.reserve:
                raise PalateError(
                    "storage_full",
                    f"{size} bytes are to be stored and {self.reserve} kept free, {free} are left",
                    hint="make room, then run the same command again: it goes on where it stopped",
                )


def _write_durably(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o644)
    try:
        view = memoryview(data)
        while view:  # near a full disk one call may write a part and say nothing
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # pragma: no cover - Windows cannot open a folder; its rename is journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _storage_error(error: OSError, size: int) -> PalateError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return PalateError("storage_full", f"the disk is full: {size} bytes did not fit; nothing of them was stored")
    if error.errno in (errno.EROFS, errno.EACCES):
        return PalateError("storage_unwritable", "the home cannot be written", hint="check its rights")
    return PalateError("storage_failed", f"writing failed: {error.strerror}; nothing of it was stored")
