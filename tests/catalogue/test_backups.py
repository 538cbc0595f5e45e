"""A copy of a home is that home at one moment, whatever happens to either while it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from palate import settings as settings_file
from palate.catalogue import backups, choices, pictures, tables
from palate.catalogue.backups import back_up
from palate.catalogue.choices import Choice
from palate.catalogue.home import Home, Places
from palate.catalogue.moving import fingerprint
from palate.catalogue.records import Picture
from palate.check import check
from palate.errors import PalateError
from palate.testing.postgres import own_postgres


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with closing(Home.create(tmp_path / "home")) as made:
        settings_file.set_one(made.folder, "steps", "7")
        made.uploads.mkdir()
        (made.uploads / "one").write_bytes(b"shown")
        made.derived.mkdir(exist_ok=True)
        (made.derived / "thumbnail").write_bytes(b"made again")
        add(made, b"first")
        yield made


def add(home: Home, data: bytes) -> str:
    id = home.blobs.put(data)
    with home.write() as connection:
        pictures.put(connection, [Picture(id, owned=True)])
        choices.append(connection, Choice("me", "like", {"picture": id}))
    return id


def rows_of(home: Home) -> dict[str, tuple[int, str]]:
    with home.read() as connection:
        return {table.name: fingerprint(connection, table) for table in tables.metadata.sorted_tables}


def held(folder: Path) -> tuple[dict[str, tuple[int, str]], list[str]]:
    with closing(Home.open(folder)) as opened:
        assert [fault for fault in check(opened) if fault.severity == "wrong"] == []
        return rows_of(opened), list(opened.blobs)


def test_a_copy_is_the_same_home(home: Home, tmp_path: Path) -> None:
    assert back_up(home, tmp_path / "copy") == {"pictures": 1, "new": 1, "missing": 0, "gone": 0}
    assert held(tmp_path / "copy") == (rows_of(home), list(home.blobs))
    assert settings_file.read(tmp_path / "copy").steps == 7
    assert (tmp_path / "copy" / "uploads" / "one").read_bytes() == b"shown"
    assert not (tmp_path / "copy" / "derived").exists()


def test_a_second_time_only_what_is_new_is_copied_and_what_is_gone_leaves(home: Home, tmp_path: Path) -> None:
    back_up(home, tmp_path / "copy")
    [first] = home.blobs
    add(home, b"second")
    with home.write() as connection:
        connection.execute(tables.pictures.delete().where(tables.pictures.c.id == first))
    (home.uploads / "one").unlink()
    (home.uploads / "two").write_bytes(b"shown later")
    assert back_up(home, tmp_path / "copy") == {"pictures": 1, "new": 1, "missing": 0, "gone": 1}
    assert held(tmp_path / "copy") == (rows_of(home), [id for id in home.blobs if id != first])
    assert [path.name for path in (tmp_path / "copy" / "uploads").iterdir()] == ["two"]


def test_what_is_written_while_it_is_copied_is_in_the_next_copy(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = rows_of(home), backups._copy_blobs

    def busy(*given: Any) -> tuple[int, int]:
        add(home, b"meanwhile")
        return real(*given)

    monkeypatch.setattr(backups, "_copy_blobs", busy)
    back_up(home, tmp_path / "copy")
    rows, blobs = held(tmp_path / "copy")
    assert (rows, len(blobs)) == (before, 1)
    monkeypatch.undo()
    back_up(home, tmp_path / "copy")
    assert held(tmp_path / "copy") == (rows_of(home), list(home.blobs))


@pytest.mark.parametrize("place", ["_copy_of_rows", "_copy_blobs", "_copy_files", "_say_here"])
def test_one_that_was_interrupted_leaves_the_copy_of_before_and_goes_on(
    home: Home, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(home, tmp_path / "copy")
    before = rows_of(home)
    add(home, b"second")
    real: Callable[..., Any] = getattr(backups, place)

    def dies(*given: Any) -> None:
        real(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(backups, place, dies)
        back_up(home, tmp_path / "copy")
    assert held(tmp_path / "copy")[0] == before
    back_up(home, tmp_path / "copy")
    assert held(tmp_path / "copy") == (rows_of(home), list(home.blobs))


def test_a_picture_whose_file_is_gone_or_damaged_is_counted_and_the_rest_is_copied(home: Home, tmp_path: Path) -> None:
    [first] = home.blobs
    second = add(home, b"second")
    home.blobs.remove(first)
    home.blobs.path(second).write_bytes(b"other bytes")
    third = add(home, b"third")
    assert back_up(home, tmp_path / "copy") == {"pictures": 1, "new": 1, "missing": 2, "gone": 0}
    assert [path.name for path in (tmp_path / "copy" / "blobs").glob("??/*")] == [third]


def test_a_folder_of_something_else_is_not_written_over(home: Home, tmp_path: Path) -> None:
    with closing(Home.create(tmp_path / "other")) as other:
        add(other, b"theirs")
        back_up(other, tmp_path / "copy")
        before = rows_of(other)
        for folder in ("other", "copy"):
            with pytest.raises(PalateError, match="no copy of this home"):
                back_up(home, tmp_path / folder)
        assert held(tmp_path / "copy")[0] == before
    (tmp_path / "file").write_text("a file")
    with pytest.raises(PalateError, match="no copy of this home"):
        back_up(home, tmp_path / "file")
    for place in (home.folder, home.folder / "copies", tmp_path):
        with pytest.raises(PalateError, match="neither in its home nor around it"):
            back_up(home, place)


def test_a_full_disk_is_told_and_the_copy_of_before_stays(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(home, tmp_path / "copy")
    before = rows_of(home)
    add(home, b"second")
    (home.uploads / "two").write_bytes(b"more")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(PalateError, match="No space left") as caught:
        patch.setattr("palate.catalogue.backups.shutil.copy2", full)
        back_up(home, tmp_path / "copy")
    assert caught.value.code == "storage_full"
    assert held(tmp_path / "copy")[0] == before


def test_a_copy_that_is_written_to_is_not_replaced(home: Home, tmp_path: Path) -> None:
    back_up(home, tmp_path / "copy")
    with closing(Home.open(tmp_path / "copy")) as served, served.writing(), pytest.raises(PalateError) as caught:
        back_up(home, tmp_path / "copy")
    assert caught.value.code == "library_in_use"


def test_a_home_whose_rows_and_pictures_lie_elsewhere_is_copied_to_a_folder_of_its_own(tmp_path: Path) -> None:
    with own_postgres() as new_postgres:
        places = Places(new_postgres(), f"file://{tmp_path / 'objects'}")
        (tmp_path / "objects").mkdir()
        with closing(Home.create(tmp_path / "team", places)) as team:
            for name in ("database", "blobs", "index"):
                value = "pgvector" if name == "index" else getattr(places, name)
                settings_file.set_one(team.folder, name, value)
            add(team, b"first")
            assert back_up(team, tmp_path / "copy")["new"] == 1
            assert held(tmp_path / "copy") == (rows_of(team), list(team.blobs))
    said = settings_file.read(tmp_path / "copy")
    assert (said.database, said.blobs, said.index) == ("here", "here", "here")
