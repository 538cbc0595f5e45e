"""The texts embedded in a picture's bytes, each capped, none decoded further than to text (THREATS T7)."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from io import BytesIO

from palate.importers.metadata import exif
from palate.safety.containers import PictureFormat, jpeg_segments, png_chunks, webp_chunks

MOST_TEXT = 2_000_000
"""Bytes of one text, unpacked. The largest workflows of real graphs stay below it."""
MOST_TEXTS = 8_000_000
"""Bytes of all texts of one picture."""

_NAMED = re.compile(r"(prompt|workflow):", re.IGNORECASE)
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})


@dataclass(slots=True)
class Embedded:
    """Texts by keyword, and the keywords of those that were too large to read."""

    texts: dict[str, str] = field(default_factory=dict)
    too_large: list[str] = field(default_factory=list)
    room: int = MOST_TEXTS

    def take(self, keyword: str, body: bytes) -> None:
        if len(body) > min(MOST_TEXT, self.room):
            self.too_large.append(keyword)
        else:
            self.room -= len(body)
            self.texts[keyword] = exif.plain_text(body)

    def unpack(self, keyword: str, packed: bytes) -> None:
        unpacker = zlib.decompressobj()
        try:
            body = unpacker.decompress(packed, min(MOST_TEXT, self.room) + 1)
        except zlib.error:
            return
        self.take(keyword, body)

    def take_exif(self, data: bytes) -> None:
        if len(data) > MOST_TEXTS:
            self.too_large.append("EXIF")
            return
        tags = exif.exif_texts(data)
        for tag in (exif.IMAGE_DESCRIPTION, exif.MAKE, exif.MODEL):
            text = exif.plain_text(tags.get(tag, b"")[:MOST_TEXT])
            if named := _NAMED.match(text):
                self.texts.setdefault(named[1].lower(), text[named.end() :].lstrip())
            elif tag == exif.IMAGE_DESCRIPTION and "Steps: " in text:
                self.texts.setdefault("parameters", text)
        if len(comment := tags.get(exif.USER_COMMENT, b"")) > 2 * MOST_TEXT:
            self.too_large.append("UserComment")
        elif comment:
            self.texts.setdefault("parameters", exif.comment_text(comment))
        if software := tags.get(exif.SOFTWARE):
            self.texts.setdefault("Software", exif.plain_text(software[:200]))


def embedded(data: bytes, format: PictureFormat) -> Embedded:  # noqa: A002
    """All texts of a picture whose container was already found to be whole."""
    found = Embedded()
    match format:
        case "png":
            _from_png(data, found)
        case "jpeg":
            _from_jpeg(data, found)
        case "webp":
            for kind, start, end in webp_chunks(data):
                if kind == b"EXIF":
                    found.take_exif(data[start:end])
        case "avif":
            _from_avif(data, found)
    return found


def _from_png(data: bytes, found: Embedded) -> None:
    for kind, start, end in png_chunks(data):
        if kind in _TEXT_CHUNKS:
            keyword, _, body = data[start:end].partition(b"\0")
            _take_chunk(found, kind, keyword[:79].decode("latin-1"), body)
        elif kind == b"eXIf":
            found.take_exif(data[start:end])


def _take_chunk(found: Embedded, kind: bytes, keyword: str, body: bytes) -> None:
    if kind == b"tEXt":
        found.take(keyword, body)
    elif kind == b"zTXt":
        found.unpack(keyword, body[1:])
    elif len(body) >= 2:
        _, _, rest = body[2:].partition(b"\0")
        _, _, text = rest.partition(b"\0")
        if body[0]:
            found.unpack(keyword, text)
        else:
            found.take(keyword, text)


def _from_jpeg(data: bytes, found: Embedded) -> None:
    comment = b""
    for marker, start, end in jpeg_segments(data):
        if marker == 0xE1 and data[start : start + 6] == b"Exif\0\0":
            found.take_exif(data[start:end])
        elif marker == 0xFE:
            comment = data[start:end]
    if b"Steps: " in comment:
        found.texts.setdefault("parameters", exif.plain_text(comment))


def _from_avif(data: bytes, found: Embedded) -> None:
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=["AVIF"]) as image:
            raw = image.info.get("exif")
    except Exception:  # a decoder's troubles are no concern of its texts
        return
    if isinstance(raw, bytes):
        found.take_exif(raw)
