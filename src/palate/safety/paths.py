"""Walking a folder and opening what lies in it, without ever being led outside it (THREATS T8)."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from palate.errors import PalateError

DEEPEST_FOLDER = 64
"""Folders below the root that a walk enters; nobody's outputs lie deeper, a hostile tree may."""
MOST_MARKS = 4
"""Combining marks shown after one character; more is a flood that spills over the lines around it."""

# Directory descriptors let every component be opened below its parent and never through a link.
# Windows has neither, and falls back to comparing real paths.
_BELOW_DESCRIPTOR = os.open in os.supports_dir_fd and os.scandir in os.supports_fd and hasattr(os, "O_NOFOLLOW")
_NOATIME = getattr(os, "O_NOATIME", 0)
_OPEN_FILE = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_OPEN_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_REPARSE_POINT = getattr(stat, "FILE_ATTRIBUTE_REPARSE_POINT", 0x400)

_LOOKS_EMPTY = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class FileFound:
    """A regular file; `path` is absolute, below the real root, and may hold any bytes a name can hold."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """Something that is not looked into, and why; the walk goes on."""

    path: str
    code: str
    reason: str


def real_folder(folder: str | os.PathLike[str]) -> str:
    """The folder with all links in its own path resolved; a link is followed here because the person named it."""
    try:
        real = os.path.realpath(folder)
        mode = os.stat(real).st_mode  # noqa: PTH116 - str paths keep odd bytes and cost less
    except (OSError, ValueError):
        raise PalateError("folder_missing", "there is no such folder", about=shown(os.fspath(folder))) from None
    if not stat.S_ISDIR(mode):
        raise PalateError("not_a_folder", "this is not a folder", about=shown(os.fspath(folder)))
    return real


def walk(folder: str | os.PathLike[str]) -> Iterator[FileFound | FileSkipped]:
    """Every regular file below the folder, in the order of the names.

    Links are reported and not followed, special files reported and not opened, unreadable folders reported.
    """
    root = real_folder(folder)
    pending = [root]
    while pending:
        here = pending.pop()
        if here.count(os.sep) - root.count(os.sep) > DEEPEST_FOLDER:
            yield FileSkipped(here, "folder_too_deep", f"more than {DEEPEST_FOLDER} folders deep")
            continue
        try:
            entries = _entries(root, here)
        except OSError as error:
            yield FileSkipped(here, "unreadable", f"cannot be listed: {error.strerror}")
            continue
        except PalateError as error:
            yield FileSkipped(here, error.code, error.message)
            continue
        below: list[str] = []
        for name, about in entries:
            path = os.path.join(here, name)  # noqa: PTH118 - as above
            if about is None:
                yield FileSkipped(path, "unreadable", "vanished or cannot be looked at")
            elif _is_link(about):
                yield FileSkipped(path, "link_not_followed", "links are not followed; add what it points to instead")
            elif stat.S_ISDIR(about.st_mode):
                below.append(path)
            elif stat.S_ISREG(about.st_mode):
                yield FileFound(path, about.st_size, about.st_mtime_ns)
            else:
                yield FileSkipped(path, "not_a_file", "a pipe, socket or device, not a regular file")
        pending += reversed(below)


def _entries(root: str, folder: str) -> list[tuple[str, os.stat_result | None]]:
    """Names and states in a folder, sorted; the folder is reached from the root without passing a link."""
    if not _BELOW_DESCRIPTOR:
        _require_inside(root, folder)
        with os.scandir(folder) as entries:
            return sorted(((entry.name, _state(entry)) for entry in entries), key=lambda pair: pair[0])
    descriptor = _open_below(root, folder, _OPEN_FOLDER)
    try:
        with os.scandir(descriptor) as entries:
            return sorted(((entry.name, _state(entry)) for entry in entries), key=lambda pair: pair[0])
    finally:
        os.close(descriptor)


def _state(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None


def _is_link(about: os.stat_result) -> bool:
    """Symbolic links, and on Windows also junctions and other reparse points."""
    return stat.S_ISLNK(about.st_mode) or bool(getattr(about, "st_file_attributes", 0) & _REPARSE_POINT)


def _open_below(root: str, path: str, flags: int) -> int:
    """Open `path` component by component from `root`, refusing a link at each step, even one put there just now."""
    parts = Path(os.path.relpath(path, root)).parts
    if os.pardir in parts:
        raise PalateError("path_not_allowed", "this lies outside the folder", about=shown(path))
    descriptor = os.open(root, _OPEN_FOLDER & ~getattr(os, "O_NOFOLLOW", 0))
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        try:
            below = os.open(part, flags if last else _OPEN_FOLDER, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _require_inside(root: str, path: str) -> None:
    real = os.path.realpath(path)
    if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
        raise PalateError("path_not_allowed", "this lies outside the folder", about=shown(path))


def inside(folder: str | os.PathLike[str], name: str | os.PathLike[str]) -> Path:
    """The real path of `name` in `folder`, or `path_not_allowed` where it leads out of it or is no path at all."""
    root = os.path.realpath(folder)
    text = os.fspath(name)
    joined = os.path.join(root, text)  # noqa: PTH118 - pathlib would drop what makes the path suspicious
    try:
        real = os.path.realpath(joined)
        os.fsencode(real)
    except (OSError, ValueError):  # zero bytes, lone surrogates
        raise PalateError("path_not_allowed", "this is no path", about=shown(text)) from None
    _require_inside(root, real)
    return Path(real)


def open_regular(root: str, path: str) -> tuple[int, os.stat_result]:
    """A read-only descriptor of a regular file below the real folder `root`, and its state.

    The file's times stay as they are where the system allows it (Linux, for the file's owner).
    """
    descriptor = _open_untouched(root, path)
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        os.close(descriptor)
        raise PalateError("not_a_file", "this is not a regular file", about=shown(path))
    return descriptor, about


def _open_untouched(root: str, path: str) -> int:
    for flags in dict.fromkeys((_OPEN_FILE | _NOATIME, _OPEN_FILE)):
        try:
            if _BELOW_DESCRIPTOR:
                return _open_below(root, path, flags)
            _require_inside(root, path)
            return os.open(path, flags)
        except PermissionError:
            if not flags & _NOATIME:
                raise
    raise AssertionError("unreachable")  # pragma: no cover


def read_regular(root: str, path: str, limit: int) -> tuple[bytes, os.stat_result]:
    """The whole of a regular file of at most `limit` bytes below `root`, and its state when it was opened.

    A larger file gives its first `limit + 1` bytes, so that the caller can say how much too large it is.
    """
    descriptor, about = open_regular(root, path)
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        pieces = []
        wanted = limit + 1
        while wanted and (piece := file.read(min(wanted, max(about.st_size, 1 << 16)))):
            pieces.append(piece)
            wanted -= len(piece)
    return b"".join(pieces), about


def shown(name: str) -> str:
    """A name or text for people: what is invisible, reorders text or fakes a space becomes a visible marker."""
    if name.isascii() and name.isprintable():
        return name
    pieces: list[str] = []
    marks = 0
    for character in name:
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        if marks > MOST_MARKS:
            if marks == MOST_MARKS + 1:
                pieces.append("⟨more marks⟩")
        elif _is_hidden(character, category):
            pieces.append(_marker(character))
        else:
            pieces.append(character)
    return "".join(pieces)


def _is_hidden(character: str, category: str) -> bool:
    fake_space = category == "Zs" and character != " "
    return category in _HIDDEN_CATEGORIES or fake_space or character in _LOOKS_EMPTY


def _marker(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if 0xDC80 <= code <= 0xDCFF:
        return f"⟨{code - 0xDC00:02X}⟩"  # a byte of a name that is not UTF-8
    return f"⟨U+{code:04X}⟩"
