"""The four picture formats as containers: what they are by content, how large, whole or cut off. Nothing is decoded.

Every loop here moves forward through the bytes and is bounded, whatever the bytes are (THREATS T5).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

PictureFormat = Literal["png", "jpeg", "webp", "avif"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_PARTS = 65_536
"""Chunks or segments in one file; writers make a few thousand at most."""
MOST_SCANS = 64
"""Scans of one progressive JPEG; encoders make about ten, and each costs a pass over the whole picture."""

_REFUSED = {
    b"GIF8": "a GIF",
    b"II*\0": "a TIFF",
    b"MM\0*": "a TIFF",
    b"BM": "a BMP",
    b"8BPS": "a Photoshop file",
    b"%!PS": "PostScript",
    b"%PDF": "a PDF",
    b"SIMPLE": "a FITS file",
    b"\0\0\1\0": "an icon file",
    b"\xff\x0a": "a JPEG XL",
    b"<svg": "an SVG",
    b"<?xml": "XML",
    b"<!DOCTYPE": "HTML",
    b"<html": "HTML",
    b"PK\x03\x04": "an archive",
}

# SOF0-SOF15 but DHT, JPG and DAC, which share their range
_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE_MARKERS = frozenset(range(0xD0, 0xD8)) | {0x01}
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9


class BrokenContainerError(ValueError):
    """Cut off, or not built as its format says."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the container says of the picture in it."""

    format: PictureFormat
    width: int
    height: int
    frames: int = 1


def sniff(data: bytes) -> PictureFormat | None:
    """The format by its first bytes; names and media types are never asked."""
    if data.startswith(PNG_SIGNATURE):
        return "png"
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        brands = data[8 : min(struct.unpack_from(">I", data)[0], 128)]
        if b"avif" in brands or b"avis" in brands:
            return "avif"
    return None


def kind_of_refused(data: bytes) -> str | None:
    """What a file that is none of ours is, where its first bytes tell."""
    start = data[:64].lstrip()
    return next((kind for magic, kind in _REFUSED.items() if start.startswith(magic)), None)


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each chunk's content, through IEND; what follows IEND is not looked at."""
    position = len(PNG_SIGNATURE)
    for _ in range(MOST_PARTS):
        if position + 12 > len(data):
            raise BrokenContainerError("the file is cut off")
        length, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        end = start + length
        if end + 4 > len(data):
            raise BrokenContainerError("the file is cut off")
        yield kind, start, end
        if kind == b"IEND":
            return
        position = end + 4
    raise BrokenContainerError(f"more than {MOST_PARTS} chunks")


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment's content, up to and including the start of the first scan."""
    position = 2
    for _ in range(MOST_PARTS):
        if position + 2 > len(data) or data[position] != 0xFF:
            raise BrokenContainerError("the file is cut off or damaged before the picture begins")
        marker = data[position + 1]
        if marker == 0xFF:  # padding
            position += 1
            continue
        position += 2
        if marker in _BARE_MARKERS:
            continue
        if marker == _END_OF_IMAGE or position + 2 > len(data):
            raise BrokenContainerError("the file ends before the picture begins")
        (length,) = struct.unpack_from(">H", data, position)
        if length < 2 or position + length > len(data):
            raise BrokenContainerError("the file is cut off")
        yield marker, position + 2, position + length
        if marker == _START_OF_SCAN:
            return
        position += length
    raise BrokenContainerError(f"more than {MOST_PARTS} segments")


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, start, end) of each chunk's content."""
    (length,) = struct.unpack_from("<I", data, 4)
    whole = length + 8
    if whole > len(data):
        raise BrokenContainerError("the file is cut off")
    position = 12
    for _ in range(MOST_PARTS):
        if position + 8 > whole:
            return
        kind, size = struct.unpack_from("<4sI", data, position)
        start = position + 8
        if start + size > whole:
            raise BrokenContainerError("the file is cut off")
        yield kind, start, start + size
        position = start + size + size % 2
    raise BrokenContainerError(f"more than {MOST_PARTS} chunks")


def measure(data: bytes) -> Measured | None:
    """The picture's format, size and number of frames; None where the bytes are no picture of a format we read."""
    match sniff(data):
        case "png":
            return _measure_png(data)
        case "jpeg":
            return _measure_jpeg(data)
        case "webp":
            return _measure_webp(data)
        case "avif":
            return _measure_avif(data)
        case None:
            return None


def _measure_png(data: bytes) -> Measured:
    size: tuple[int, int] | None = None
    frames, pixels = 1, False
    for kind, start, end in png_chunks(data):
        if kind == b"IHDR" and end - start == 13:
            size = struct.unpack_from(">II", data, start)
        elif kind == b"acTL" and end - start == 8:
            (frames,) = struct.unpack_from(">I", data, start)
        elif kind == b"IDAT":
            pixels = True
    if size is None or not pixels:
        raise BrokenContainerError("the PNG holds no picture")
    return Measured("png", *size, frames=frames)


def _measure_jpeg(data: bytes) -> Measured:
    size: tuple[int, int] | None = None
    end = 0
    for marker, start, end in jpeg_segments(data):
        if marker in _SIZE_MARKERS:
            if end - start < 6:
                raise BrokenContainerError("the JPEG's frame header is cut short")
            height, width = struct.unpack_from(">HH", data, start + 1)
            size = (width, height)
    if size is None:
        raise BrokenContainerError("the JPEG holds no picture")
    # Inside a scan 0xFF is always stuffed, so a marker found there is one.
    if data.find(b"\xff\xd9", end) < 0:
        raise BrokenContainerError("the file is cut off")
    if data.count(b"\xff\xda", end) >= MOST_SCANS:
        raise BrokenContainerError(f"more than {MOST_SCANS} scans")
    return Measured("jpeg", *size)


def _measure_webp(data: bytes) -> Measured:
    size: tuple[int, int] | None = None
    frames = 0
    for kind, start, end in webp_chunks(data):
        length = end - start
        if kind == b"ANMF":
            frames += 1
        elif kind == b"VP8X" and length >= 10:
            width, height = data[start + 4 : start + 7], data[start + 7 : start + 10]
            size = int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
        elif kind == b"VP8L" and length >= 5 and size is None:
            (bits,) = struct.unpack_from("<I", data, start + 1)
            size = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        elif kind == b"VP8 " and length >= 10 and size is None:
            width_bits, height_bits = struct.unpack_from("<HH", data, start + 6)
            size = width_bits & 0x3FFF, height_bits & 0x3FFF
    if size is None:
        raise BrokenContainerError("the WebP holds no picture")
    return Measured("webp", *size, frames=max(frames, 1))


def _measure_avif(data: bytes) -> Measured:
    """Pillow reads the header here: AVIF's boxes nest, and its pictures are rare among outputs."""
    from PIL import Image

    _require_whole_boxes(data)
    try:
        with Image.open(BytesIO(data), formats=["AVIF"]) as image:
            return Measured("avif", image.width, image.height, getattr(image, "n_frames", 1))
    except Exception as error:  # Pillow's plugins raise whatever the bytes lead them to
        raise BrokenContainerError("this AVIF cannot be read here") from error


def _require_whole_boxes(data: bytes) -> None:
    position = 0
    for _ in range(MOST_PARTS):
        if position == len(data):
            return
        if position + 8 > len(data):
            break
        (size,) = struct.unpack_from(">I", data, position)
        if size == 1 and position + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, position + 8)
        if size == 0:
            return
        if size < 8:
            break
        position += size
    raise BrokenContainerError("the file is cut off")
