"""A disk that is full or fails: one line that says so, no picture lost that was told of, and it goes on after."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine.default import DefaultDialect

from palate.catalogue.home import Home
from palate.check import check
from palate.errors import PalateError
from palate.settings import Settings
from palate.specify import executors, ordering
from palate.testing.fakes import FakeEncoder, FakeGenerator
from palate.testing.killing import Warm, fake_home, what_it_holds
from palate.testing.warm import GROUNDS

Hub = Callable[[str], list[str]]
SIZE = 2_000_000
OWN_MOUNTS = ("unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size={SIZE} tmpfs "$0" && exec "$@"')


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[tuple[Warm, Path, Path]]:
    """Commands that see a disk of two megabytes, where they see it, and where we see it."""
    place = tmp_path / "disk"
    place.mkdir()
    may = shutil.which("unshare") and not subprocess.run([*OWN_MOUNTS, place, "true"], capture_output=True).returncode
    if not may:
        pytest.skip("only root may mount a small disk to fill")
    warm = Warm(tmp_path / "log", "--fakes", before=[*OWN_MOUNTS, str(place)], FAKE_RESERVE="0")
    yield warm, place, Path(f"/proc/{warm.pid}/root{place}")
    warm.close()


def fill(disk: Path, leave: int) -> Path:
    """A file that takes all room but `leave` bytes."""
    room = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(bytes(max(0, room.f_bavail * room.f_frsize - leave)))
    return filler


@pytest.mark.parametrize("step", [65_536, pytest.param(4096, marks=pytest.mark.long)])
def test_wherever_the_disk_gets_full_it_is_told_in_one_line_and_goes_on_with_room(
    small_disk: tuple[Warm, Path, Path], fake_hub: Hub, fakes: Warm, tmp_path: Path, step: int
) -> None:
    assert fakes.run(*fake_hub("undisturbed")) == 0
    wanted = what_it_holds(tmp_path / "undisturbed")
    warm, place, disk = small_disk
    command = fake_hub("empty")
    full = 0
    for leave in itertools.count(0, step):
        shutil.copytree(tmp_path / "empty", disk / "home")
        command[2] = str(place / "home")
        filler = fill(disk, leave)
        status = warm.run(*command)
        if status == 0:
            break
        said = warm.said
        assert (status, said.count("\n"), said[:8]) == (1, 1, "palate: "), said
        assert "full" in said
        full += 1
        filler.unlink()
        assert warm.run(*command) == 0, warm.said
        shutil.copytree(disk / "home", tmp_path / "seen")  # SQLite does not follow the way into the other's mounts
        assert what_it_holds(tmp_path / "seen") == wanted, f"with {leave} bytes left"
        shutil.rmtree(tmp_path / "seen")
        shutil.rmtree(disk / "home")
    assert full >= 2


def test_a_reserve_is_kept_free(small_disk: tuple[Warm, Path, Path], fake_hub: Hub, tmp_path: Path) -> None:
    command = fake_hub("home")
    home = Home.open(tmp_path / "home")
    home.blobs.reserve = 2**60
    with pytest.raises(PalateError, match="kept free") as caught:
        home.blobs.put(b"abc")
    assert caught.value.hint == "make room, then run the same command again: it goes on where it stopped"
    assert command


def failing(real: Callable[..., Any], places: Iterator[int], number: int, error: Exception) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        if next(places) == number:
            raise error
        return real(*given, **named)

    return call


FAULTS = [
    (errno.ENOSPC, "database or disk is full", "storage_full"),
    (errno.EIO, "disk I/O error", "storage_failed"),
]


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize(("number", "said", "code"), FAULTS)
def test_every_write_that_fails_once_is_told_and_nothing_acknowledged_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, number: int, said: str, code: str
) -> None:
    monkeypatch.setattr(
        executors, "generator_for", lambda model, *_: FakeGenerator(model.name, ground=GROUNDS[model.id])
    )
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a red circle\na blue square\n")
    fake_home(tmp_path / "empty")
    specify(tmp_path, "undisturbed", prompts)
    wanted = what_it_holds(tmp_path / "undisturbed")
    for place in itertools.count(5, step):  # after three looks, and the name of who holds the lock, which may fail
        with monkeypatch.context() as patch:
            places = itertools.count(1)
            for call in ("write", "fsync", "replace"):
                error: Exception = OSError(number, os.strerror(number))
                patch.setattr(os, call, failing(getattr(os, call), places, place, error))
            commit = failing(DefaultDialect.do_commit, places, place, sqlite3.OperationalError(said))
            patch.setattr(DefaultDialect, "do_commit", commit)
            told = code_of(lambda: specify(tmp_path, "failed", prompts))
        if told is None:
            break
        assert told == code
        home = Home.open(tmp_path / "failed")
        assert [fault for fault in check(home) if fault.severity == "wrong"] == []  # what is told of is there
        home.close()
        specify(tmp_path, "failed", prompts)
        assert what_it_holds(tmp_path / "failed") == wanted, f"failed at place {place}"
        shutil.rmtree(tmp_path / "failed")
    assert place > 25


def code_of(call: Callable[[], None]) -> str | None:
    """The code of the error that a call ends with, if it does."""
    try:
        call()
    except PalateError as error:
        return error.code
    return None


def specify(folder: Path, name: str, prompts: Path) -> None:
    if not (folder / name).exists():
        shutil.copytree(folder / "empty", folder / name)
    home = Home.open(folder / name)
    try:
        ordering.specify(home, Settings(), FakeEncoder, prompts=prompts)
    finally:
        home.close()
