"""Only whole, single pictures of sane size in four formats come through; everything else is named and refused."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from palate.errors import PalateError
from palate.safety.containers import MOST_SCANS, PNG_SIGNATURE
from palate.safety.pictures import PictureLimits, looks_degenerate, open_picture, picture_facts, reencoded

FORMATS = ["PNG", "JPEG", "WEBP", *(["AVIF"] if features.check("avif") else [])]


def gradient(width: int = 32, height: int = 24, mode: str = "RGB") -> Image.Image:
    rows = np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)
    return Image.fromarray(rows).convert(mode)


def saved(image: Image.Image, format: str, **options: object) -> bytes:  # noqa: A002
    written = io.BytesIO()
    image.save(written, format, **options)
    return written.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of_claimed_size(width: int, height: int) -> bytes:
    """A tiny file that claims to be huge: its pixels compress a thousand-fold."""
    rows = zlib.compress(b"\0" * 1000)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def code_of(source: bytes | Path) -> str:
    with pytest.raises(PalateError) as caught:
        open_picture(source)
    return caught.value.code


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_opens_by_content_whatever_its_name(tmp_path: Path, format: str) -> None:  # noqa: A002
    file = tmp_path / "picture.txt"
    file.write_bytes(saved(gradient(), format))
    assert open_picture(file).mode == "RGB"
    facts = picture_facts(file)
    assert (facts.width, facts.height, facts.format) == (32, 24, format.lower())
    assert facts.size == file.stat().st_size


def test_a_png_keeps_its_exact_pixels() -> None:
    picture = gradient()
    assert np.array_equal(np.asarray(open_picture(saved(picture, "PNG"))), np.asarray(picture))


@pytest.mark.parametrize("lossless", [True, False])
def test_both_kinds_of_webp_are_measured(lossless: bool) -> None:
    facts = picture_facts(saved(gradient(37, 21), "WEBP", lossless=lossless))
    assert (facts.width, facts.height) == (37, 21)
    assert picture_facts(saved(gradient(37, 21, "RGBA"), "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0")).width == 37


def test_transparency_lies_over_white() -> None:
    clear = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    clear.putpixel((1, 0), (255, 0, 0, 255))
    opened = open_picture(saved(clear, "PNG"))
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (255, 0, 0)]


def test_sixteen_bits_become_eight_without_clipping() -> None:
    grey = Image.fromarray(np.array([[0, 256 * 100, 65535]], dtype=np.uint16))
    opened = open_picture(saved(grey, "PNG"))
    assert [opened.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (100, 100, 100), (255, 255, 255)]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    format = "JPEG" if mode == "CMYK" else "PNG"  # noqa: A001
    image = gradient().convert("RGBA").convert("P") if mode == "PA" else gradient(mode=mode)
    assert open_picture(saved(image, format)).mode == "RGB"


def test_a_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    assert open_picture(saved(gradient(32, 24), "JPEG", exif=exif)).size == (24, 32)


def test_bombs_are_refused_before_they_are_unpacked() -> None:
    assert code_of(png_of_claimed_size(13_000, 13_000)) == "picture_too_large"
    assert code_of(png_of_claimed_size(1, 100_000)) == "picture_too_large"
    assert code_of(png_of_claimed_size(2**31 - 1, 2**31 - 1)) == "picture_too_large"
    with pytest.raises(PalateError, match=r"169.0 megapixels, at most 40"):
        picture_facts(png_of_claimed_size(13_000, 13_000))


def test_a_file_above_the_limit_names_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "big.png"
    file.write_bytes(PNG_SIGNATURE + b"\0" * 1_999_992)
    with pytest.raises(PalateError, match=r"big.png: 2.0 MB, at most 1 "):
        picture_facts(file, limits=PictureLimits(bytes=1_000_000))


def test_the_limits_are_the_last_size_that_passes() -> None:
    limits = PictureLimits(pixels=32 * 24, side=32)
    assert open_picture(saved(gradient(32, 24), "PNG"), limits=limits).size == (32, 24)
    for width, height in ((33, 1), (32, 25)):
        with pytest.raises(PalateError) as caught:
            open_picture(saved(gradient(width, height), "PNG"), limits=limits)
        assert caught.value.code == "picture_too_large"


def test_a_text_bomb_draws_nothing_and_is_never_unpacked() -> None:
    picture = saved(gradient(), "PNG")
    bomb = zlib.compress(b"\0" * 200_000_000, 9)
    parts = [chunk(b"zTXt", b"parameters\0\0" + bomb), chunk(b"iCCP", b"profile\0\0" + bomb)]
    with_bomb = picture[:33] + b"".join(parts) + picture[33:]
    assert np.array_equal(np.asarray(open_picture(with_bomb)), np.asarray(gradient()))


def test_moving_pictures_are_refused() -> None:
    frames = [gradient(), gradient().transpose(Image.Transpose.ROTATE_180)]
    for format in ("PNG", "WEBP"):  # noqa: A001
        moving = saved(frames[0], format, save_all=True, append_images=frames[1:])
        assert code_of(moving) == "picture_animated"
    assert code_of(saved(frames[0], "GIF", save_all=True, append_images=frames[1:])) == "not_a_picture"


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_cut_off_anywhere_is_refused_and_never_crashes(format: str) -> None:  # noqa: A002
    whole = saved(gradient(64, 64), format)
    for length in [*range(0, 64, 3), *range(64, len(whole) - 2, max(1, len(whole) // 60))]:
        assert code_of(whole[:length]) in {"picture_corrupt", "not_a_picture"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "an SVG"),
        (b"\n  <!DOCTYPE html><img src=x onerror=alert(1)>", "HTML"),
        (b"%PDF-1.7", "a PDF"),
        (b"%!PS-Adobe-3.0 EPSF", "PostScript"),
        (b"SIMPLE  =  T", "a FITS file"),
        (b"8BPS\0\1", "a Photoshop file"),
        (b"II*\0", "a TIFF"),
        (b"PK\x03\x04", "an archive"),
        (b"just words", "no picture"),
    ],
)
def test_what_is_no_picture_is_said_to_be_what_it_is(content: bytes, said: str) -> None:
    with pytest.raises(PalateError, match=said) as caught:
        open_picture(content)
    assert caught.value.code == "not_a_picture"


def test_reencoding_strips_what_is_appended_and_what_is_embedded() -> None:
    notes = PngInfo()
    notes.add_text("parameters", "<script>alert(1)</script>")
    notes.add_text("XML:com.adobe.xmp", "<!ENTITY bomb>", zip=True)
    dirty = saved(gradient(), "PNG", pnginfo=notes) + b"<html><script>alert(2)</script></html>"
    clean = reencoded(dirty)
    assert b"script" in dirty
    assert b"script" not in clean
    assert b"ENTITY" not in clean
    assert np.array_equal(np.asarray(open_picture(clean)), np.asarray(gradient()))


def test_reencoding_a_photograph_forgets_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010F] = "a maker"
    dirty = saved(gradient(), "JPEG", exif=exif, comment=b"GIFAR") + b"PK\x03\x04"
    clean = reencoded(dirty)
    assert (b"a maker" in dirty, b"a maker" in clean, b"GIFAR" in clean, b"PK" in clean) == (True, False, False, False)
    assert picture_facts(clean).format == "jpeg"


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    plain = saved(gradient(), "JPEG")
    scan = plain[plain.index(b"\xff\xda") : -2]
    with pytest.raises(PalateError, match="scans"):
        open_picture(plain[:-2] + scan * MOST_SCANS + plain[-2:])


def test_a_broken_checksum_is_one_sentence() -> None:
    whole = bytearray(saved(gradient(), "PNG"))
    whole[29] ^= 0xFF
    assert code_of(bytes(whole)) == "picture_corrupt"


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_flipped_bytes_give_a_picture_or_an_error_and_nothing_else(format: str, data: st.DataObject) -> None:  # noqa: A002
    whole = bytearray(saved(gradient(16, 16), format))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PalateError):
        assert open_picture(bytes(whole)).mode == "RGB"


@given(
    st.binary(max_size=300),
    st.sampled_from([PNG_SIGNATURE, b"\xff\xd8\xff", b"RIFF\xff\0\0\0WEBP", b"\0\0\0\x20ftypavif"]),
)
def test_noise_behind_a_good_beginning_is_refused(noise: bytes, start: bytes) -> None:
    assert code_of(start + noise) in {"picture_corrupt", "picture_too_large", "picture_animated"}


def test_a_missing_file_and_a_pipe_are_refused(tmp_path: Path) -> None:
    assert code_of(tmp_path / "none.png") == "picture_unreadable"
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        assert code_of(tmp_path / "pipe.png") == "not_a_file"


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory through resource")
def test_bombs_cost_neither_memory_nor_time() -> None:
    """In a confined process of its own, in under two seconds."""
    program = """
import resource, sys, time
from PIL import Image
from palate.safety.pictures import confine_this_process, open_picture
from palate.errors import PalateError
confine_this_process()
bomb = sys.stdin.buffer.read()
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
try:
    open_picture(bomb)
except PalateError as error:
    grown, took = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.monotonic() - started
    print(error.code, grown < 300_000, took < 2)
"""
    for bomb in (png_of_claimed_size(13_000, 13_000), png_of_claimed_size(16_384, 2_441)):
        done = subprocess.run([sys.executable, "-c", program], input=bomb, capture_output=True, check=True, timeout=60)
        code, small, quick = done.stdout.decode().split()
        assert code in {"picture_too_large", "picture_corrupt"}
        assert (small, quick) == ("True", "True")


def test_pictures_that_say_nothing_are_degenerate() -> None:
    assert looks_degenerate(Image.new("RGB", (8, 8))) == "all black"
    assert looks_degenerate(Image.new("RGB", (8, 8), (9, 200, 30))) == "one flat colour"
    assert looks_degenerate(open_picture(saved(Image.new("RGB", (64, 64), (9, 200, 30)), "JPEG"))) == "one flat colour"
    assert looks_degenerate(gradient()) is None


def test_nan_is_seen_before_it_is_cast_away() -> None:
    values = np.linspace(0, 1, 48).reshape(4, 4, 3)
    assert looks_degenerate(values) is None
    values[1, 1, 1] = np.nan
    assert looks_degenerate(values) == "not finite"
    assert looks_degenerate(np.full((4, 4, 3), np.inf)) == "not finite"
    assert looks_degenerate(np.zeros((4, 4, 3))) == "all black"
    assert looks_degenerate(np.full((4, 4, 3), 0.5)) == "one flat colour"
    assert looks_degenerate(np.full((4, 4, 3), (0.5, 0.1, 0.9))) == "one flat colour"
    assert looks_degenerate(np.tile(np.linspace(0, 1, 4), (4, 1))) is None
