"""A folder of outputs comes in once, incrementally, with nothing changed and nothing stopping it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from palate.errors import PalateError
from palate.importers.listing import ListedPicture, Listing
from palate.importers.pictures import PictureFound, PictureRefused, PictureUnchanged, Scanned, scan_pictures
from palate.safety.paths import read_regular
from palate.safety.pictures import PictureLimits
from palate.testing.outputs import chunk, jpeg_with_comment, png, text_to_image

A1111 = "a fox <lora:ink:0.8>\nNegative prompt: bad\nSteps: 20, Sampler: Euler, Seed: 7, Size: 8x8, Model: v1-5"


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    (folder / "2024").mkdir(parents=True)
    (folder / "2024" / "a.png").write_bytes(png({"parameters": A1111}))
    (folder / "2024" / "b.PNG").write_bytes(png(text_to_image(), shade=30))
    (folder / "c.jpg").write_bytes(jpeg_with_comment(A1111))
    (folder / "plain.webp").write_bytes(jpeg_with_comment("holiday", format="WEBP"))
    (folder / "notes.txt").write_text("not a picture")
    return folder


def found(answers: list[Scanned]) -> dict[str, PictureFound]:
    return {Path(each.file.path).name: each for each in answers if isinstance(each, PictureFound)}


def refused(answers: list[Scanned]) -> dict[str, str]:
    return {Path(each.path).name: each.code for each in answers if isinstance(each, PictureRefused)}


def stamps(answers: list[Scanned]) -> dict[str, tuple[int, int]]:
    return {each.file.path: (each.file.size, each.file.mtime_ns) for each in answers if isinstance(each, PictureFound)}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_picture_is_identified_measured_and_credited(outputs: Path, workers: int) -> None:
    answers = list(scan_pictures(outputs, workers=workers))
    pictures = found(answers)
    assert list(pictures) == ["c.jpg", "plain.webp", "a.png", "b.PNG"]
    assert refused(answers) == {}
    a = pictures["a.png"]
    assert a.picture.id == hashlib.sha256((outputs / "2024" / "a.png").read_bytes()).hexdigest()[:32]
    assert (a.picture.width, a.picture.height, a.picture.format) == (8, 8, "png")
    assert (a.picture.size, a.picture.owned, a.reason) == (a.file.size, False, None)
    assert a.drawing is not None
    assert a.drawing.prompt is not None
    assert (a.drawing.prompt.text, a.drawing.prompt.negative) == ("a fox <lora:ink:0.8>", "bad")
    assert (a.drawing.seed, a.drawing.tool, a.drawing.source) == (7, "A1111", "imported")
    assert [(each.name, each.role, each.weight) for each in a.drawing.credits] == [
        ("v1-5", "checkpoint", 1.0),
        ("ink", "adapter", 0.8),
    ]
    assert pictures["b.PNG"].drawing is not None
    assert pictures["b.PNG"].drawing.tool == "ComfyUI"


def test_a_picture_without_metadata_comes_in_and_says_why_it_has_none(outputs: Path) -> None:
    plain = found(list(scan_pictures(outputs)))["plain.webp"]
    assert plain.drawing is None
    assert plain.reason == "its text has no line of settings"


def test_nothing_is_changed_by_looking(outputs: Path) -> None:
    files = [path for path in outputs.rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, ns=(10**18, 10**18))
    before = {path: path.read_bytes() for path in files}
    for path in files:
        os.utime(path, ns=(10**18, 10**18))
    list(scan_pictures(outputs))
    states = [path.stat() for path in files]
    assert {state.st_mtime_ns for state in states} == {10**18}
    if sys.platform == "linux":
        assert {state.st_atime_ns for state in states} == {10**18}
    assert {path: path.read_bytes() for path in files} == before


@pytest.mark.parametrize("as_mapping", [True, False])
def test_unchanged_files_are_not_read_again(outputs: Path, monkeypatch: pytest.MonkeyPatch, as_mapping: bool) -> None:
    known: Mapping[str, tuple[int, int]] = stamps(list(scan_pictures(outputs)))

    def never(*_: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("palate.importers.pictures.read_regular", never)
    again = list(scan_pictures(outputs, known=known if as_mapping else known.get))
    assert [type(each) for each in again] == [PictureUnchanged] * 4


def test_a_changed_file_is_read_again(outputs: Path) -> None:
    known = stamps(list(scan_pictures(outputs)))
    (outputs / "c.jpg").write_bytes(jpeg_with_comment(A1111.replace("fox", "owl")))
    again = list(scan_pictures(outputs, known=known))
    assert list(found(again)) == ["c.jpg"]
    assert sum(isinstance(each, PictureUnchanged) for each in again) == 3


def test_a_moved_file_keeps_its_identity_and_its_drawing(outputs: Path) -> None:
    before = found(list(scan_pictures(outputs)))["a.png"]
    (outputs / "2024").rename(outputs / "moved")
    after = found(list(scan_pictures(outputs)))["a.png"]
    assert after.file.path != before.file.path
    assert (after.picture, after.drawing) == (before.picture, before.drawing)


def test_bad_files_are_named_and_the_rest_comes_in(outputs: Path) -> None:
    whole = png({"parameters": A1111})
    (outputs / "cut.png").write_bytes(whole[:-20])
    (outputs / "page.png").write_bytes(b"<!DOCTYPE html><script>")
    (outputs / "empty.png").write_bytes(b"")
    (outputs / "huge.png").write_bytes(whole.replace(b"IHDR\0\0\0\x08\0\0\0\x08", b"IHDR\0\0\x40\0\0\0\x40\0"))
    (outputs / "moving.png").write_bytes(png(extra=chunk(b"acTL", b"\0\0\0\x03\0\0\0\0")))
    (outputs / "old.gif").write_bytes(b"GIF89a")
    (outputs / "._a.png").write_bytes(b"\0\5\x16\7")
    answers = list(scan_pictures(outputs))
    assert refused(answers) == {
        "cut.png": "picture_corrupt",
        "page.png": "not_a_picture",
        "empty.png": "not_a_picture",
        "huge.png": "picture_too_large",
        "moving.png": "picture_animated",
        "old.gif": "not_a_picture",
    }
    assert len(found(answers)) == 4


def test_a_file_above_the_limit_is_not_read_at_all(outputs: Path) -> None:
    answers = list(scan_pictures(outputs, limits=PictureLimits(bytes=50)))
    assert set(refused(answers).values()) == {"picture_too_large"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links and pipes")
def test_links_and_pipes_are_named_and_not_opened(outputs: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png())
    (outputs / "link.png").symlink_to(tmp_path / "secret.png")
    (outputs / "all").symlink_to(tmp_path)
    os.mkfifo(outputs / "pipe.jpg")
    answers = list(scan_pictures(outputs))
    assert refused(answers) == {"link.png": "link_not_followed", "all": "link_not_followed", "pipe.jpg": "not_a_file"}
    assert len(found(answers)) == 4


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the file system refuses such names")
def test_names_that_are_not_text_come_in_too(outputs: Path) -> None:
    name = os.fsdecode(b"caf\xe9\nnew.png")
    (outputs / name).write_bytes(png({"parameters": A1111}, shade=3))
    assert name in found(list(scan_pictures(outputs)))


def test_a_text_file_beside_a_bare_picture_is_its_metadata(outputs: Path) -> None:
    (outputs / "bare.png").write_bytes(png(shade=1))
    (outputs / "bare.txt").write_text(A1111)
    (outputs / "caption.png").write_bytes(png(shade=2))
    (outputs / "caption.txt").write_text("1girl, solo")
    pictures = found(list(scan_pictures(outputs)))
    assert pictures["bare.png"].drawing is not None
    assert pictures["bare.png"].drawing.seed == 7
    assert (pictures["caption.png"].drawing, pictures["caption.png"].reason) == (None, "no metadata of a tool we know")


def test_the_listing_knows_better_than_the_file(outputs: Path) -> None:
    listing = Listing(
        [
            ListedPicture("2024/a.png", "my model", 2, prompt="an owl", seed=9, tag="birds", settings={"cfg": 3.5}),
            ListedPicture("plain.webp", "other", 3),
            ListedPicture("gone.png", "m", 4),
        ]
    )
    known = stamps(list(scan_pictures(outputs)))
    answers = list(scan_pictures(outputs, listing=listing, known=known))
    pictures = found(answers)
    assert set(pictures) == {"a.png", "plain.webp"}
    a, plain = pictures["a.png"].drawing, pictures["plain.webp"].drawing
    assert a is not None
    assert plain is not None
    assert a.prompt is not None
    assert (a.prompt.text, a.prompt.negative, a.prompt.tag, a.seed) == ("an owl", "bad", "birds", 9)
    assert (a.settings["cfg"], a.settings["steps"]) == (3.5, 20)
    assert [(each.name, each.matched) for each in a.credits] == [("my model", "given")]
    assert (plain.prompt, plain.credits[0].name) == (None, "other")
    assert refused(answers) == {"gone.png": "listed_missing"}


def test_equal_bytes_listed_for_two_models_are_one_picture_and_two_drawings(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        (tmp_path / name).write_bytes(png())
    listing = Listing([ListedPicture("1.png", "m", 2), ListedPicture("2.png", "n", 3)])
    first, second = found(list(scan_pictures(tmp_path, listing=listing))).values()
    assert first.picture == second.picture
    assert first.drawing is not None
    assert second.drawing is not None
    assert first.drawing.id != second.drawing.id


def test_the_scan_waits_for_its_reader_and_ends_when_the_reader_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(200):
        (tmp_path / f"{index:03}.png").write_bytes(png(shade=index))
    opened: list[str] = []

    def counting(root: str, path: str, limit: int) -> tuple[bytes, os.stat_result]:
        opened.extend([path] if path.endswith(".png") else [])
        return read_regular(root, path, limit)

    monkeypatch.setattr("palate.importers.pictures.read_regular", counting)
    scan = scan_pictures(tmp_path, workers=2)
    first = next(scan)
    assert isinstance(first, PictureFound)
    time.sleep(0.05)
    assert len(opened) <= 10
    scan.close()  # type: ignore[attr-defined]
    assert len(opened) <= 10


def test_an_interrupt_leaves_no_reader_behind(outputs: Path) -> None:
    scan = scan_pictures(outputs, workers=2)
    next(scan)
    with pytest.raises(KeyboardInterrupt):
        scan.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("scan")]


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links")
def test_nothing_outside_the_folder_is_opened(outputs: Path, tmp_path: Path) -> None:
    """Seen by an audit hook, in a process of its own because a hook cannot be taken back."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.png").write_bytes(png())
    (outputs / "s.png").symlink_to(tmp_path / "secret" / "s.png")
    (outputs / "below").symlink_to(tmp_path / "secret")
    program = """
import sys
from palate.importers.pictures import scan_pictures
list(scan_pictures(sys.argv[1]))  # Python's own modules are loaded now
opened = []
sys.addaudithook(lambda event, about: opened.append(about[0]) if event in ("open", "os.scandir") else None)
answers = list(scan_pictures(sys.argv[1]))
print(len(answers))
for path in opened:
    if isinstance(path, str):
        print(path)
"""
    done = subprocess.run([sys.executable, "-c", program, str(outputs)], capture_output=True, check=True, text=True)
    count, *opened = done.stdout.splitlines()
    assert int(count) == 6
    whole = [path for path in opened if Path(path).is_absolute()]
    assert set(whole) == {os.path.realpath(outputs)}
    assert "s.png" not in opened  # a name found to be a link is not even tried
    assert {"a.png", "b.PNG", "c.jpg", "plain.webp"} <= set(opened)


def test_a_missing_folder_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(PalateError) as caught:
        next(scan_pictures(tmp_path / "none"))
    assert caught.value.code == "folder_missing"


def test_a_file_that_vanishes_or_grows_meanwhile_is_refused(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def disturbed(root: str, path: str, limit: int) -> tuple[bytes, os.stat_result]:
        if path.endswith("c.jpg"):
            raise FileNotFoundError(2, "No such file or directory")
        data, about = read_regular(root, path, limit)
        return (data + b"more", about) if path.endswith("a.png") else (data, about)

    monkeypatch.setattr("palate.importers.pictures.read_regular", disturbed)
    answers = list(scan_pictures(outputs))
    assert refused(answers) == {"c.jpg": "picture_unreadable", "a.png": "picture_changed"}
    assert len(found(answers)) == 2
