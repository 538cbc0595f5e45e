"""A folder may hold anything; nothing in it leads outside, hangs or is changed."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palate.errors import PalateError
from palate.safety import paths
from palate.safety.paths import FileFound, FileSkipped, inside, read_regular, real_folder, shown, walk

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links and pipes")


def found(folder: Path) -> list[str]:
    return [Path(each.path).name for each in walk(folder) if isinstance(each, FileFound)]


def skipped(folder: Path) -> dict[str, str]:
    return {Path(each.path).name: each.code for each in walk(folder) if isinstance(each, FileSkipped)}


def test_regular_files_are_found_in_order_with_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.png").write_bytes(b"22")
    (tmp_path / "a.png").write_bytes(b"1")
    (tmp_path / "c.png").write_bytes(b"333")
    files = [each for each in walk(tmp_path) if isinstance(each, FileFound)]
    assert [Path(each.path).name for each in files] == ["a.png", "c.png", "two.png"]
    assert [each.size for each in files] == [1, 3, 2]
    assert files[0].mtime_ns == (tmp_path / "a.png").stat().st_mtime_ns


@posix_only
def test_links_are_reported_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"s")
    root = tmp_path / "root"
    root.mkdir()
    (root / "mine.png").write_bytes(b"m")
    (root / "file_link.png").symlink_to(outside / "secret.png")
    (root / "folder_link").symlink_to(outside, target_is_directory=True)
    (root / "circle").symlink_to(root, target_is_directory=True)
    assert found(root) == ["mine.png"]
    assert skipped(root) == dict.fromkeys(("file_link.png", "folder_link", "circle"), "link_not_followed")


@posix_only
def test_a_pipe_is_reported_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    assert skipped(tmp_path) == {"pipe.png": "not_a_file"}
    with pytest.raises(PalateError) as caught:
        read_regular(real_folder(tmp_path), str(tmp_path / "pipe.png"), 10)
    assert caught.value.code == "not_a_file"


@posix_only
def test_a_folder_named_through_a_link_is_followed_because_the_person_named_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"a")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert found(tmp_path / "link") == ["a.png"]


@posix_only
@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_a_link_put_in_place_after_the_walk_is_refused_when_opening(tmp_path: Path, swapped: str) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.png").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    target = root / "sub" / "a.png"
    target.write_bytes(b"mine")
    assert read_regular(real_folder(root), str(target), 100)[0] == b"mine"
    target.unlink()
    if swapped == "file":
        target.symlink_to(secret / "a.png")
    else:
        (root / "sub").rmdir()
        (root / "sub").symlink_to(secret)
    with pytest.raises(OSError):
        read_regular(real_folder(root), str(target), 100)


@posix_only
def test_an_unreadable_folder_does_not_stop_the_walk(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (tmp_path / "shut").mkdir(mode=0)
    (tmp_path / "z.png").write_bytes(b"z")
    assert found(tmp_path) == ["z.png"]
    assert skipped(tmp_path) == {"shut": "unreadable"}


def test_too_deep_folders_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "DEEPEST_FOLDER", 2)
    (tmp_path / "1" / "2" / "3").mkdir(parents=True)
    assert skipped(tmp_path) == {"3": "folder_too_deep"}


def test_without_descriptors_paths_are_compared_instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_BELOW_DESCRIPTOR", False)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.png").write_bytes(b"a")
    assert found(tmp_path) == ["a.png"]
    root = real_folder(tmp_path)
    assert read_regular(root, os.path.join(root, "sub", "a.png"), 5)[0] == b"a"  # noqa: PTH118
    with pytest.raises(PalateError) as caught:
        read_regular(root, os.path.join(root, "..", "x"), 5)  # noqa: PTH118
    assert caught.value.code == "path_not_allowed"


@pytest.mark.parametrize(
    "name",
    ["../secret", "a/../../secret", "/etc/passwd", "nul\0byte", "sub/../../x", "../" * 40 + "etc/passwd"],
)
def test_names_that_lead_out_are_not_allowed(tmp_path: Path, name: str) -> None:
    with pytest.raises(PalateError) as caught:
        inside(tmp_path, name)
    assert caught.value.code == "path_not_allowed"


def test_names_that_only_look_odd_stay_inside(tmp_path: Path) -> None:
    for name in ("%2e%2e/secret", "file:x", "a/../b", "...", "CON"):
        assert inside(tmp_path, name).is_relative_to(tmp_path.resolve())


@given(st.text(max_size=40))
def test_whatever_the_name_is_it_stays_inside_or_is_refused(name: str) -> None:
    root = Path(__file__).parent
    with contextlib.suppress(PalateError):
        assert inside(root, name).is_relative_to(root)


@posix_only
def test_odd_names_survive_the_walk(tmp_path: Path) -> None:
    names = [b"new\nline.png", b"not utf8 \xff.png", "bidi \u202egnp.exe".encode()]
    for name in names:
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"x")  # noqa: PTH118
    files = [each for each in walk(tmp_path) if isinstance(each, FileFound)]
    assert {os.path.basename(os.fsencode(each.path)) for each in files} == set(names)  # noqa: PTH119
    assert all(read_regular(real_folder(tmp_path), each.path, 5)[0] == b"x" for each in files)


def test_markers_show_what_cannot_be_seen() -> None:
    assert shown("plain name.png") == "plain name.png"
    assert shown("été 東京 عربي") == "été 東京 عربي"
    assert shown("a\nb") == "a␊b"
    assert shown("\x1b[31m") == "␛[31m"
    assert shown("a\u202eb") == "a⟨U+202E⟩b"
    assert shown("zero\u200bwidth") == "zero⟨U+200B⟩width"
    assert shown(os.fsdecode(b"\xff.png")) == "⟨FF⟩.png"
    assert shown("\U000e0041") == "⟨U+E0041⟩"
    assert shown("a" + "\u0301" * 50) == "a" + "\u0301" * 4 + "⟨more marks⟩"


@given(st.text(alphabet=st.characters()))
def test_what_is_shown_can_always_be_printed_on_one_line(text: str) -> None:
    line = shown(text)
    line.encode("utf-8")
    assert len(line.splitlines()) <= 1
    assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\x1b")


@posix_only
def test_reading_leaves_the_times_alone(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"abc")
    os.utime(file, ns=(10**18, 10**18))
    content, about = read_regular(real_folder(tmp_path), str(file), 100)
    assert (content, about.st_size) == (b"abc", 3)
    assert file.stat().st_mtime_ns == 10**18
    if sys.platform == "linux":
        assert file.stat().st_atime_ns == 10**18


def test_a_too_large_file_is_read_no_further_than_one_byte_over(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"x" * 5000)
    assert len(read_regular(real_folder(tmp_path), str(file), 1000)[0]) == 1001


def test_a_missing_folder_and_a_file_for_a_folder_are_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name, code in (("none", "folder_missing"), ("file", "not_a_folder")):
        with pytest.raises(PalateError) as caught:
            real_folder(tmp_path / name)
        assert caught.value.code == code
