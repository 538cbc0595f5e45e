"""One writing process a home: an advisory lock that the system drops when its holder dies."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import IO

from palate.errors import PalateError


def _boot_id() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return "unknown"


class WriterLock:
    """Held from construction to `close`; a second writer is told who holds it."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: IO[str] = path.open("a+")
        except OSError as error:
            raise PalateError(
                "storage_unwritable", f"cannot be written: {error.strerror}", about=str(path.parent)
            ) from error
        if not _try_lock(self._file):
            self._file.seek(0)
            said = _holder(self._file.read())
            self._file.close()
            raise PalateError(
                "library_in_use",
                f"this home is being written by {said}",
                about=str(path.parent),
                hint="wait for it, or stop it: nothing is lost",
            )
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "boot": _boot_id()}
        with suppress(OSError):  # a full disk: the lock holds all the same, only its holder's name is not told
            os.ftruncate(self._file.fileno(), 0)
            os.write(self._file.fileno(), json.dumps(holder).encode())

    def close(self) -> None:
        self._file.close()


def _holder(text: str) -> str:
    with suppress(ValueError, KeyError, TypeError):
        said = json.loads(text)
        return f"process {said['pid']} on {said['host']}"
    return "another process"


def _try_lock(file: IO[str]) -> bool:
    if os.name == "posix":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
    return _try_lock_windows(file)  # pragma: no cover - measured on Windows only


def _try_lock_windows(file: IO[str]) -> bool:  # pragma: no cover - measured on Windows only
    import importlib

    msvcrt = importlib.import_module("msvcrt")
    file.seek(1 << 30)  # a byte far behind the text, so that others may read who holds it
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True
