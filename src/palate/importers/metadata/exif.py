"""The few EXIF texts that drawing tools write; positions, thumbnails and makers' data are never looked at."""

from __future__ import annotations

import struct
from collections.abc import Iterator

IMAGE_DESCRIPTION, MAKE, MODEL, SOFTWARE = 0x010E, 0x010F, 0x0110, 0x0131
EXIF_FOLDER, MAKER_NOTE, USER_COMMENT = 0x8769, 0x927C, 0x9286

_BYTES, _ASCII, _UNDEFINED = 1, 2, 7
_LONG = 4
_MOST_ENTRIES = 512


def exif_texts(data: bytes) -> dict[int, bytes]:
    """Tag to raw bytes, from the first folder and the EXIF folder below it; nothing where it is damaged."""
    data = data.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        return {}
    found: dict[int, bytes] = {}
    (first,) = struct.unpack_from(order + "I", data, 4)
    below: int | None = None
    for tag, kind, value in _entries(data, order, first):
        if tag == EXIF_FOLDER and kind == _LONG:
            (below,) = struct.unpack(order + "I", value)
        elif kind in (_BYTES, _ASCII, _UNDEFINED):
            found[tag] = value
    if below is not None:
        found.update((tag, value) for tag, kind, value in _entries(data, order, below) if kind != _LONG)
    return found


def _entries(data: bytes, order: str, start: int) -> Iterator[tuple[int, int, bytes]]:
    if start + 2 > len(data):
        return
    (count,) = struct.unpack_from(order + "H", data, start)
    for index in range(min(count, _MOST_ENTRIES)):
        position = start + 2 + 12 * index
        if position + 12 > len(data):
            return
        tag, kind, length = struct.unpack_from(order + "HHI", data, position)
        if kind == _LONG and length == 1:
            yield tag, kind, data[position + 8 : position + 12]
        elif kind in (_BYTES, _ASCII, _UNDEFINED):
            offset = position + 8
            if length > 4:
                (offset,) = struct.unpack_from(order + "I", data, offset)
            if offset + length <= len(data):
                yield tag, kind, data[offset : offset + length]


def comment_text(value: bytes) -> str:
    """A user comment, whose first eight bytes name its characters and whose writers disagree on the byte order."""
    mark, body = value[:8], value[8:]
    if mark == b"UNICODE\0":
        return _unicode(body)
    if mark in (b"ASCII\0\0\0", b"\0" * 8):
        return plain_text(body)
    return plain_text(value)


def _unicode(body: bytes) -> str:
    """UTF-16 in whichever order makes its Latin letters Latin; some tools write UTF-8 there."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        order = "utf-16-le" if body[0] == 0xFF else "utf-16-be"
        body = body[2:]
    else:
        high_first, low_first = body[0::2].count(0), body[1::2].count(0)
        if not high_first and not low_first:
            return plain_text(body)
        order = "utf-16-be" if high_first >= low_first else "utf-16-le"
    return body[: len(body) // 2 * 2].decode(order, "surrogatepass").rstrip("\0")


def plain_text(value: bytes) -> str:
    """UTF-8 where it is, else Latin-1: either way the bytes can be told from the text."""
    trimmed = value.rstrip(b"\0")
    try:
        return trimmed.decode("utf-8")
    except UnicodeDecodeError:
        return trimmed.decode("latin-1")
