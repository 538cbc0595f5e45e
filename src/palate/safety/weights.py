"""What a weights file really is, told by its bytes and never by its name.

Nothing here is ever unpickled, not even to look inside (THREATS T1, T3, T4).
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from palate.errors import PalateError
from palate.safety.header import BITS, Tensors, corrupt, parse_header
from palate.safety.paths import open_regular, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

Format = Literal["safetensors", "pickle", "gguf", "zip", "archive", "unknown"]
"""pickle: anything that would run code when loaded (a raw pickle, torch's zip or tar, a 7z around one)."""

MAX_HEADER = 16 * 1024 * 1024
SAMPLE = 4096
"""Bytes of body at each end that go into the identity: trainers that write no metadata give different adapters of
one shape byte-equal headers."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells one file from another without reading all of it."""

    hash: str
    """First 32 hexadecimal digits of the sha256 of the header and of `SAMPLE` bytes at each end of the body."""
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Header:
    """Everything a safetensors file says of itself before its first weight."""

    metadata: Mapping[str, str]
    tensors: Tensors
    hash: str
    size: int
    mtime_ns: int


# ------------------------------------------------------------------------------------------------ opening and sniffing


@contextmanager
def opened(path: Path | str, root: Path | str | None = None) -> Iterator[tuple[FileIO, os.stat_result]]:
    """A regular file and its state, reached from `root` (where none is named, its own folder) passing no link."""
    folder = os.path.dirname(os.path.abspath(path)) if root is None else os.fspath(root)  # noqa: PTH100, PTH120
    try:
        descriptor, status = open_regular(folder, os.fspath(path))
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise PalateError("path_not_allowed", "links are not followed", about=shown(str(path))) from None
        reason = error.strerror if isinstance(error, OSError) else "this is no path"
        raise PalateError("not_readable", f"cannot be opened: {reason}", about=shown(str(path))) from None
    with FileIO(descriptor, "rb") as file:
        yield file, status


def read_exactly(file: FileIO, count: int) -> bytes:
    """`count` bytes, or fewer only where the file ends: one read may return less than it was asked for."""
    pieces: list[bytes] = []
    while count > 0:
        piece = file.read(count)
        if not piece:
            break
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


PICKLE = re.compile(
    rb"\x80[\x02-\x05]"  # protocol 2 and later
    rb"|\(*[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n"  # protocols 0 and 1: a global,
    rb"|[(\])}]*[dltp]p?[0-9]+\n"  # an empty container,
    rb"|\(*[ISVFL][^\n]{0,4000}\n"  # or a value first
)
ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd")
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"


def sniff(path: Path | str, root: Path | str | None = None) -> Format:
    """What the file is by its first bytes."""
    with opened(path, root) as (file, status):
        head = read_exactly(file, SAMPLE)
        file.seek(max(0, status.st_size - SAMPLE))
        return format_of(head, read_exactly(file, SAMPLE), status.st_size)


def format_of(head: bytes, tail: bytes, size: int) -> Format:
    """Safetensors first: a header of 640 bytes begins like a pickle, and no pickle has its zeros and its brace."""
    length = int.from_bytes(head[:8], "little")
    braced = len(head) >= 9 and head[8:9] == b"{"
    if braced and 2 <= length <= min(MAX_HEADER, size - 8):
        return "safetensors"
    if head.startswith(b"PK"):
        return "pickle" if b"data.pkl" in head or b"data.pkl" in tail or b".pkl" in tail else "zip"
    if head.startswith(SEVEN_ZIP) or head[257:262] == b"ustar":
        return "pickle"
    if head.startswith(b"GGUF"):
        return "gguf"
    if head.startswith(ARCHIVES):
        return "archive"
    if PICKLE.match(head) and (head[0] == 0x80 or tail.rstrip(b"\n").endswith(b".")):
        return "pickle"
    return "safetensors" if braced else "unknown"


# ------------------------------------------------------------------------------------------------------- the header


def read_header(path: Path | str, root: Path | str | None = None) -> Header:
    """The checked header of a safetensors file; `model_corrupt` or `unsafe_format` where it is not a sound one."""
    with opened(path, root) as (file, status):
        head = read_exactly(file, 65_536)
        try:
            length = _header_length(file, head, status.st_size)
            raw = head[8 : 8 + length]
            if len(raw) < length:
                raw += read_exactly(file, length - len(raw))
            mark = _fingerprint(file, head, raw, status)
            metadata, tensors = parse_header(raw, status.st_size - 8 - length)
        except PalateError as error:
            raise PalateError(error.code, error.message, about=shown(str(path)), hint=error.hint) from None
    return Header(metadata, tensors, mark.hash, mark.size, mark.mtime_ns)


def fingerprint(path: Path | str, root: Path | str | None = None) -> Fingerprint:
    """The identity of any file; of one that is no safetensors file, from `SAMPLE` bytes at each end."""
    with opened(path, root) as (file, status):
        head = read_exactly(file, 65_536)
        length = int.from_bytes(head[:8], "little")
        raw = b""
        if head[8:9] == b"{" and length <= min(MAX_HEADER, status.st_size - 8):
            raw = head[8 : 8 + length]
            raw += read_exactly(file, length - len(raw))
        return _fingerprint(file, head, raw, status)


def _fingerprint(file: FileIO, head: bytes, raw: bytes, status: os.stat_result) -> Fingerprint:
    state = hashlib.sha256(len(raw).to_bytes(8, "little"))
    state.update(raw)
    begin = 8 + len(raw) if raw else 0
    first = head[begin : begin + SAMPLE]
    if len(first) < SAMPLE and status.st_size > begin + len(first):
        file.seek(begin)
        first = read_exactly(file, SAMPLE)
    state.update(first)
    if status.st_size > begin + SAMPLE:
        file.seek(max(begin, status.st_size - SAMPLE))
        state.update(read_exactly(file, SAMPLE))
    return Fingerprint(state.hexdigest()[:32], status.st_size, status.st_mtime_ns)


def _header_length(file: FileIO, head: bytes, size: int) -> int:
    length = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= length <= min(MAX_HEADER, size - 8):
        return length
    if size < 9:
        raise corrupt(f"the file has {size} bytes, too few to hold a header")
    file.seek(max(0, size - SAMPLE))
    kind = format_of(head[:SAMPLE], read_exactly(file, SAMPLE), size)
    if kind not in ("safetensors", "unknown"):
        raise PalateError(
            "unsafe_format",
            f"its bytes are those of a {kind} file, not of safetensors",
            hint="convert it to safetensors with a tool you trust",
        )
    if head[8:9] != b"{":
        raise corrupt("it does not begin like a safetensors file")
    if not 2 <= length <= MAX_HEADER:
        raise corrupt(f"the header claims {length} bytes, at most {MAX_HEADER} are read")
    raise corrupt(f"the header claims {length} bytes and the file has {size}: it was cut short")


# ---------------------------------------------------------------------------------------------------- whole-file reads


def full_hash(path: Path | str) -> str:
    """sha256 of the whole file, in hexadecimal, read in chunks."""
    with opened(path) as (file, _):
        state = hashlib.sha256()
        while piece := file.read(1 << 20):
            state.update(piece)
        return state.hexdigest()


def has_only_finite(path: Path | str) -> bool:
    """Whether no weight is NaN or infinite; reads the whole file, 8 MB at a time."""
    header = read_header(path)
    with opened(path) as (file, _):
        length = int.from_bytes(read_exactly(file, 8), "little")
        columns = zip(header.tensors.dtypes, header.tensors.shapes, header.tensors.starts, strict=True)
        for dtype, shape, start in columns:
            remaining = prod(shape) * BITS[dtype] // 8
            file.seek(8 + length + start)
            while remaining > 0:
                piece = read_exactly(file, min(remaining, 8 << 20))
                if not piece:
                    raise PalateError("model_changed", "it became shorter while it was read", about=shown(str(path)))
                if not _finite(piece, dtype):
                    return False
                remaining -= len(piece)
    return True


_EXPONENT = {"BF16": ("<u2", 0x7F80), "F16": ("<u2", 0x7C00), "F32": ("<u4", 0x7F800000), "C64": ("<u4", 0x7F800000)}
_EXPONENT |= {"F64": ("<u8", 0x7FF0000000000000), "F8_E5M2": ("<u1", 0x7C), "F8_E4M3": ("<u1", 0x7F)}
_NAN_BYTE = {"F8_E8M0": 0xFF, "F8_E4M3FNUZ": 0x80, "F8_E5M2FNUZ": 0x80}


def _finite(piece: bytes, dtype: str) -> bool:
    """IEEE numbers are infinite or NaN where all exponent bits are set; E4M3 has only the one NaN, all bits set."""
    import numpy as np

    if dtype in _NAN_BYTE:
        return _NAN_BYTE[dtype].to_bytes(1, "little") not in piece
    if dtype not in _EXPONENT:
        return True
    kind, mask = _EXPONENT[dtype]
    bits: NDArray[np.unsignedinteger] = np.frombuffer(piece, kind)
    masked = bits & np.array(mask, kind)
    return not bool((masked == mask).any())
