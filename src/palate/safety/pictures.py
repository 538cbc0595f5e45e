"""Opening a picture that nobody vouched for: few formats, by content, within limits, decoded to plain RGB."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

from palate.errors import PalateError
from palate.safety.containers import (
    PNG_SIGNATURE,
    BrokenContainerError,
    Measured,
    PictureFormat,
    kind_of_refused,
    measure,
    png_chunks,
)
from palate.safety.paths import read_regular, shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

Source = str | os.PathLike[str] | bytes

MB = 1_000_000
FLAT = 2
"""Levels of 255 by which a picture may vary and still be one flat colour: what JPEG makes of a constant."""

# Chunks that say what the pixels are. The rest (text, profiles, EXIF, times) is where bombs hide, and draws nothing.
_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """How large a picture may be before it is refused unread or undecoded."""

    bytes: int = 20 * MB
    pixels: int = 40 * MB
    side: int = 16_384


LIMITS = PictureLimits()


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """What the file says of itself; nothing was decoded."""

    width: int
    height: int
    format: PictureFormat
    size: int


def picture_facts(source: Source, *, limits: PictureLimits = LIMITS) -> PictureFacts:
    """Size and format of a whole, single picture within the limits; a PalateError says what else it is."""
    data, about = _read(source, limits)
    return _facts(data, about, limits)


def open_picture(source: Source, *, limits: PictureLimits = LIMITS) -> Image.Image:
    """The picture in RGB, upright, transparency over white; refused unless whole, single and within the limits."""
    data, about = _read(source, limits)
    facts = _facts(data, about, limits)
    return _decoded(data, facts.format, about, limits)


def reencoded(data: bytes, *, limits: PictureLimits = LIMITS) -> bytes:
    """The same picture, written anew: no metadata, no profile, nothing appended; PNG, or JPEG where it came as JPEG.

    A pure function of bytes, so that an upload can be given to it in a process of its own (`confine_this_process`).
    """
    facts = picture_facts(data, limits=limits)
    picture = _decoded(data, facts.format, None, limits)
    written = BytesIO()
    if facts.format == "jpeg":
        picture.save(written, "JPEG", quality=95, subsampling=0)
    else:
        picture.save(written, "PNG")
    return written.getvalue()


def confine_this_process(*, memory: int = 1_500 * MB, seconds: int = 20) -> None:
    """Let this process have no more memory and processor time; a no-op where the system has no such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        wanted = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (wanted, wanted))


def looks_degenerate(picture: Image.Image | NDArray[Any]) -> str | None:
    """Why this is no picture to judge a model by (not finite, all black, one flat colour); None where it is one.

    Give a generator's float array, (h, w) or (h, w, channels), before it is cast: NaN looks like an innocent 0 after.
    """
    import numpy as np

    if not isinstance(picture, np.ndarray):
        spans = cast("tuple[tuple[int, int], ...]", picture.convert("RGB").getextrema())
        if all(high <= FLAT for _, high in spans):
            return "all black"
        return "one flat colour" if all(high - low <= FLAT for low, high in spans) else None
    values: NDArray[np.float64] = np.asarray(picture, dtype=np.float64)
    values = values.reshape(-1, values.shape[2] if values.ndim == 3 else 1)
    if values.size == 0 or not np.isfinite(values).all():
        return "not finite"
    if not values.any():
        return "all black"
    return "one flat colour" if not np.ptp(values, axis=0).any() else None


def _read(source: Source, limits: PictureLimits) -> tuple[bytes, str | None]:
    if isinstance(source, bytes):
        data, about = source, None
    else:
        about = shown(os.fspath(source))
        try:
            path = os.path.realpath(source)
            data, state = read_regular(os.path.dirname(path), path, limits.bytes)  # noqa: PTH120
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "no such path"
            raise PalateError("picture_unreadable", f"this cannot be read: {reason}", about=about) from error
        require_size(state.st_size, about, limits)
    return data, about


def require_size(size: int, about: str | None, limits: PictureLimits) -> None:
    """Refuse a file by its size alone, before it is read."""
    if size > limits.bytes:
        message = f"{size / MB:.1f} MB, at most {limits.bytes / MB:g}"
        raise PalateError("picture_too_large", message, about=about, hint="save it smaller, or as JPEG or WebP")


def _facts(data: bytes, about: str | None, limits: PictureLimits) -> PictureFacts:
    require_size(len(data), about, limits)
    with _as_palate_errors(about):
        measured = measure(data)
    if measured is None:
        kind = "an empty file" if not data else kind_of_refused(data)
        said = "this is no picture" if kind is None else f"this is {kind}"
        raise PalateError("not_a_picture", f"{said}; PNG, JPEG, WebP and AVIF are read", about=about)
    if measured.frames != 1:
        raise PalateError("picture_animated", f"{measured.frames} frames; only single pictures are read", about=about)
    _require_within(measured, about, limits)
    return PictureFacts(measured.width, measured.height, measured.format, len(data))


def _require_within(measured: Measured, about: str | None, limits: PictureLimits) -> None:
    width, height = measured.width, measured.height
    if not width or not height:
        raise PalateError("picture_corrupt", f"its size is given as {width} x {height}", about=about)
    if max(width, height) > limits.side:
        message = f"{width} x {height} pixels, at most {limits.side} a side"
    elif width * height > limits.pixels:
        message = f"{width * height / MB:.1f} megapixels, at most {limits.pixels / MB:g}"
    else:
        return
    raise PalateError("picture_too_large", message, about=about, hint="save it smaller")


@contextmanager
def _as_palate_errors(about: str | None) -> Iterator[None]:
    """Whatever a reader raises on hostile bytes becomes one plain sentence."""
    try:
        yield
    except PalateError:
        raise
    except (BrokenContainerError, struct.error) as error:
        message = str(error) if isinstance(error, BrokenContainerError) else "the file is cut off"
        raise PalateError("picture_corrupt", message, about=about) from error
    except Exception as error:
        from PIL import Image

        if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
            raise PalateError("picture_too_large", "it unpacks to far more pixels than it says", about=about) from error
        raise PalateError("picture_corrupt", f"it cannot be decoded: {error}", about=about) from error


def _decoded(data: bytes, format: PictureFormat, about: str | None, limits: PictureLimits) -> Image.Image:  # noqa: A002
    from PIL import Image, ImageOps

    with _as_palate_errors(about):
        plain = _only_pixels(data) if format == "png" else data
        with Image.open(BytesIO(plain), formats=[format.upper()]) as image:
            # The decoder's own idea of the size counts before a pixel is made, should it differ from ours.
            _require_within(Measured(format, *image.size), about, limits)
            image.load()
            if format != "png":
                ImageOps.exif_transpose(image, in_place=True)
            picture = _as_rgb(image)
    picture.info.clear()
    return picture


def _only_pixels(png: bytes) -> bytes:
    """The PNG without its text, profiles and tail, so that no decoder ever unpacks them."""
    kept = [png[start - 8 : end + 4] for kind, start, end in png_chunks(png) if kind in _PIXEL_CHUNKS]
    return b"".join([PNG_SIGNATURE, *kept])


def _as_rgb(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits a pixel, which a plain conversion would clip to white
        import numpy as np

        grey: NDArray[np.uint8] = (np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGB", clear.size, (255, 255, 255))
        white.paste(clear, mask=clear)
        return white
    return image if image.mode == "RGB" else image.convert("RGB")
