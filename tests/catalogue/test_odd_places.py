"""Homes in the way of something, on a disk that is not ours, half gone: one plain sentence each, and nothing lost."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palate.catalogue import database, lock, models, pictures, tables, vectors
from palate.catalogue.backups import back_up
from palate.catalogue.blobs import Blobs
from palate.catalogue.database import Database
from palate.catalogue.home import Home, Places
from palate.catalogue.index import VectorIndex
from palate.catalogue.lock import WriterLock
from palate.catalogue.moving import fingerprint, move
from palate.catalogue.nearest import Graph
from palate.catalogue.records import Model, Picture
from palate.catalogue.vectors import Space
from palate.errors import PalateError


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with closing(Home.create(tmp_path / "home")) as made:
        yield made


def code_of(caught: pytest.ExceptionInfo[PalateError]) -> tuple[str, str | None]:
    return caught.value.code, caught.value.about


def test_a_home_is_not_made_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file of somebody's")
    with pytest.raises(PalateError) as caught:
        Home.create(tmp_path / "home")
    assert code_of(caught) == ("storage_unwritable", str(tmp_path / "home"))
    assert (tmp_path / "home").read_text() == "a file of somebody's"


def test_a_lock_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(PalateError) as caught:
        WriterLock(tmp_path / "nowhere" / "lock")
    assert code_of(caught) == ("storage_unwritable", str(tmp_path / "nowhere"))


@pytest.mark.parametrize("said", ["", "no JSON", '{"pid": 7}', "[]"])
def test_who_holds_a_lock_need_not_be_known(tmp_path: Path, said: str) -> None:
    with closing(WriterLock(tmp_path / "lock")):
        (tmp_path / "lock").write_text(said)
        with pytest.raises(PalateError, match="written by another process") as caught:
            WriterLock(tmp_path / "lock")
    assert code_of(caught) == ("library_in_use", str(tmp_path))
    WriterLock(tmp_path / "lock").close()


def test_a_system_that_does_not_say_when_it_was_started_has_a_lock_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*_: Any) -> str:
        raise FileNotFoundError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", nothing)
        assert lock._boot_id() == "unknown"
        held = WriterLock(tmp_path / "lock")
    with closing(held):
        assert '"boot": "unknown"' in (tmp_path / "lock").read_text()


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_disk_that_may_not_be_written_is_told(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs, real = Blobs(tmp_path, reserve=0), os.open

    def refused(path: Any, flags: int, *more: Any) -> int:
        if flags & os.O_WRONLY:
            raise OSError(number, os.strerror(number))
        return real(path, flags, *more)

    with monkeypatch.context() as patch, pytest.raises(PalateError) as caught:
        patch.setattr(os, "open", refused)
        blobs.put(b"abc")
    assert code_of(caught) == ("storage_unwritable", None)
    assert list(blobs) == []


def test_what_is_no_folder_of_blobs_holds_none(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = blobs.put(b"abc")
    (tmp_path / "README").write_text("whose folder this is")
    assert list(blobs) == [name]


def test_a_schema_whose_names_are_damaged_is_told_like_any_damage(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "rows.db")) as rows:
        rows.execute("CREATE TABLE abcdefgh (n INTEGER)")
    data = (tmp_path / "rows.db").read_bytes()
    damaged = data.replace(b"CREATE TABLE", b"CREATE TXBLE").replace(b"abcdefgh", b"ab\xff\xfeefgh")
    (tmp_path / "rows.db").write_bytes(damaged)
    with closing(Database.embedded(tmp_path / "rows.db")) as opened:
        with pytest.raises(PalateError, match="database is damaged") as caught, opened.read():
            pass
        assert caught.value.code == "storage_corrupt"


def test_a_read_that_cannot_begin_gives_its_connection_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_begin", fails)
        opened = Database.embedded(tmp_path / "rows.db")
        for _ in range(40):  # more often than there are connections to lose
            with pytest.raises(sqlite3.OperationalError), opened.read():
                pass
    opened.close()


def test_a_copy_says_why_a_picture_cannot_be_fetched_and_leaves_out_what_is_no_file(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = home.blobs.put(b"abc")
    with home.write() as rows:
        pictures.put(rows, [Picture(id, owned=True)])
    (home.runs / "one").mkdir(parents=True)
    (home.runs / "one" / "report.json").write_text("{}")
    (home.runs / "elsewhere").symlink_to(tmp_path)

    def unreachable(_: Any, __: str) -> bytes:
        raise PalateError("storage_unreachable", "the object store failed")

    with monkeypatch.context() as patch, pytest.raises(PalateError) as caught:
        patch.setattr(Blobs, "get", unreachable)
        back_up(home, tmp_path / "copy")
    assert caught.value.code == "storage_unreachable"
    assert back_up(home, tmp_path / "copy") == {"pictures": 1, "new": 1, "missing": 0, "gone": 0}
    assert [path.name for path in (tmp_path / "copy" / "runs").iterdir()] == ["one"]


def test_a_home_whose_picture_is_damaged_does_not_move(home: Home, tmp_path: Path) -> None:
    id = home.blobs.put(b"abc")
    home.blobs.path(id).write_bytes(b"abd")
    with pytest.raises(PalateError) as caught:
        move(home, Places(blobs=f"file://{tmp_path}/objects"))
    assert code_of(caught) == ("picture_damaged", id)
    assert Places.of(home.folder) == Places()


def test_pictures_move_alone_and_to_where_they_are_nothing_moves(home: Home, tmp_path: Path) -> None:
    id = home.blobs.put(b"abc")
    there = Places(blobs=f"file://{tmp_path}/objects")
    assert move(home, Places()) == {}
    assert Places.of(home.folder) == Places()
    assert move(home, there) == {"blobs": 1}
    assert Places.of(home.folder) == there
    with closing(Home.open(home.folder)) as moved:
        assert moved.blobs.get(id) == b"abc"


def test_ids_that_do_not_go_with_their_vectors_are_refused(home: Home) -> None:
    for named, rows, bias in (("a", [[1.0], [2.0]], None), ("ab", [1.0, 2.0], None), ("ab", [[1.0], [2.0]], [0.0])):
        with pytest.raises(PalateError, match="do not go with") as caught:
            VectorIndex.build(list(named), rows, bias)
        assert caught.value.code == "index_invalid"
    space = Space("clip", "a-clip", 2, reads_words=True)
    with pytest.raises(PalateError, match="2 vectors for 1 things"), home.write() as connection:
        vectors.put(connection, space, "picture", ["a"], np.eye(2, dtype=np.float32))


def test_in_a_graph_of_nothing_nothing_is_found() -> None:
    assert Graph(3).search(np.ones(3, dtype=np.float32), 5) == []


def test_a_fingerprint_is_of_every_row_to_the_bit_and_of_no_order(tmp_path: Path) -> None:
    prints = []
    for number, (angle, card) in enumerate([(0.5, "ab"), (0.5, "ba"), (0.5000001, "ab"), (0.5, "abc")]):
        with closing(Database.embedded(tmp_path / f"{number}.db")) as opened:
            opened.migrate()
            with opened.write() as rows:
                vectors.put_space(rows, Space("clip", "a-clip", 2, reads_words=True))
                space = Space("clip", "a-clip", 2, reads_words=True)
                vectors.put(rows, space, "picture", ["p"], np.array([[np.cos(angle), np.sin(angle)]]))
                models.put(rows, [Model("m", "Ink", "adapter", "/ink", card=dict.fromkeys(card, 1))])
                prints.append([fingerprint(rows, table) for table in (tables.vectors, tables.models)])
    same, order, bit, more = prints
    assert same == order
    assert (same[0] == bit[0], same[1] == bit[1]) == (False, True)
    assert (same[0] == more[0], same[1] == more[1]) == (True, False)
    assert [count for count, _ in same] == [1, 1]


def test_a_blob_and_the_way_to_it_are_synced_and_nothing_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = Blobs(tmp_path / "blobs", reserve=0)
    blobs.folder.mkdir()
    done: dict[str, list[int]] = {"open": [], "fsync": [], "close": []}

    def noting(name: str) -> None:
        real = getattr(os, name)

        def call(*given: Any) -> Any:
            answer = real(*given)
            done[name].append(answer if name == "open" else given[0])
            return answer

        monkeypatch.setattr(os, name, call)

    for name in done:
        noting(name)
    path = blobs.path(blobs.put(b"abc"))
    assert (len(done["open"]), done["fsync"], done["close"]) == (3, done["open"], done["open"])
    monkeypatch.undo()
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    inodes = [place.stat().st_ino for place in (path, path.parent, blobs.folder)]
    blobs.put(b"abc")
    assert synced == inodes[1:2]  # the way to it once more: whoever put it may have been killed before
    Blobs(blobs.folder, reserve=0).put(b"abc")
    assert synced[1:] == inodes[1:]
    path.unlink()
    Blobs(blobs.folder, reserve=0).put(b"abc")
    assert synced[3:] == [path.stat().st_ino, *inodes[1:]]


def test_whoever_begins_to_write_sweeps_what_a_killed_one_left(home: Home) -> None:
    name = home.blobs.put(b"abc")
    half = home.blobs.path(name).with_name(f".{name}.dead")
    half.write_bytes(b"ab")
    with home.read():
        assert half.exists()
    with home.write():
        assert not half.exists()
    assert list(home.blobs) == [name]


def test_a_space_that_is_met_again_keeps_what_was_proven_of_it(home: Home) -> None:
    spaces = [Space(name, name, 2, reads_words=True) for name in ("one", "other")]
    with home.write() as rows:
        for space in spaces:
            vectors.put_space(rows, space)
        vectors.proven_same(rows, "other", "one")
        vectors.put_space(rows, Space("other", "renamed", 2, reads_words=True))
        assert vectors.same_spaces(rows, "one") == ["one", "other"]
        assert vectors.spaces(rows) == spaces
