"""Every write, sync, rename and commit is a place to die: the next run ends with what an undisturbed run ends with."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from palate.catalogue.blobs import Blobs
from palate.catalogue.home import Home
from palate.check import check
from palate.testing.killing import Warm, what_it_holds

Hub = Callable[[str], list[str]]


@pytest.fixture
def undisturbed(fakes: Warm, fake_hub: Hub) -> list[str]:
    """The command of a home that nothing happened to, run to its end."""
    command = fake_hub("undisturbed")
    assert fakes.run(*command) == 0, fakes.said
    return command


def clean(home: Path) -> bool:
    opened = Home.open(home)
    faults = [fault for fault in check(opened) if fault.severity == "wrong"]
    opened.close()
    return not faults


@pytest.mark.parametrize("step", [8, pytest.param(1, marks=pytest.mark.long)])
def test_killed_at_places_where_it_touches_the_disk(
    fakes: Warm, fake_hub: Hub, undisturbed: list[str], tmp_path: Path, step: int
) -> None:
    wanted = what_it_holds(tmp_path / "undisturbed")
    assert set(wanted["states"].values()) == {"done"}
    assert (len(wanted["drawn"]), wanted["leftovers"]) == (6, [])
    place = 1
    while True:
        command = fake_hub("killed")
        home = Path(command[2])
        status = fakes.run(*command, die_at=place)
        if status == 0:
            break
        assert status == -signal.SIGKILL, fakes.said
        assert clean(home)  # before the next run has mended anything
        assert fakes.run(*command) == 0, fakes.said
        assert what_it_holds(home) == wanted, f"killed at place {place}"
        shutil.rmtree(home)
        place += step
    assert place > 60


def test_a_second_writer_is_refused_and_the_first_is_not_disturbed(
    slow_fakes: Warm, fakes: Warm, fake_hub: Hub, undisturbed: list[str], tmp_path: Path
) -> None:
    command = fake_hub("shared")
    pid = slow_fakes.start(*command)
    while not list((tmp_path / "shared" / "blobs").glob("??/*")):
        time.sleep(0.005)
    os.kill(pid, signal.SIGSTOP)
    assert fakes.run(*command) == 1
    assert fakes.said.startswith(f"palate: {command[2]}: this home is being written by process ")
    assert fakes.said.count("\n") == 1
    assert fakes.run("models", "--hub", command[2]) == 0  # whoever only reads is not kept waiting
    os.kill(pid, signal.SIGCONT)
    assert slow_fakes.end() == 0, slow_fakes.said
    assert what_it_holds(tmp_path / "shared") == what_it_holds(tmp_path / "undisturbed")


def test_what_a_killed_process_renamed_is_synced_before_it_is_spoken_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, synced = Blobs(tmp_path), []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{handle}").readlink()))
        real(handle)

    id = blobs.put(b"abc")
    monkeypatch.setattr(os, "fsync", fsync)
    assert Blobs(tmp_path).put(b"abc") == id  # a later process, which cannot know how far the one before came
    assert synced == [str(tmp_path / id[:2]), str(tmp_path)]
