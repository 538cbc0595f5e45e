"""Two processes draw one grid: rows in Postgres, pictures in a folder that both reach; one of them is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from palate.catalogue import models as model_rows
from palate.catalogue.home import Home, Places
from palate.testing.killing import FAKE_MODELS, Warm, fake_home, what_it_holds

WORDS = [
    f"a {colour} {shape}\n" for colour in ("red", "blue", "green") for shape in ("circle", "square", "cross", "star")
]
DEADLINE = 120.0


@pytest.fixture
def places(new_postgres: Callable[..., str], tmp_path: Path) -> Places:
    return Places(new_postgres(), f"file://{tmp_path}/objects")


@pytest.fixture
def workers(places: Places, tmp_path: Path) -> Iterator[list[tuple[Warm, list[str]]]]:
    """Each with a home of its own, whose rows and pictures are the same."""
    (tmp_path / "prompts.txt").write_text("".join(WORDS))
    made = []
    for name in ("one", "other"):
        home = Home.create(tmp_path / name, places)
        with home.write() as connection:
            model_rows.put(connection, FAKE_MODELS)
        home.close()
        warm = Warm(
            tmp_path / f"{name}.log",
            "--fakes",
            FAKE_SECONDS="0.05",
            PALATE_DATABASE=places.database,
            PALATE_BLOBS=places.blobs,
        )
        made.append((warm, ["specify", "--hub", str(tmp_path / name), "--prompts", str(tmp_path / "prompts.txt")]))
    yield made
    for warm, _ in made:
        warm.close()


def held(folder: Path, places: Places, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    with monkeypatch.context() as patch:
        patch.setenv("PALATE_DATABASE", places.database)
        patch.setenv("PALATE_BLOBS", places.blobs)
        return what_it_holds(folder)


def undisturbed(tmp_path: Path, command: list[str], fakes: Warm) -> dict[str, object]:
    fake_home(tmp_path / "alone")
    assert fakes.run(*command[:2], str(tmp_path / "alone"), *command[3:]) == 0, fakes.said
    return what_it_holds(tmp_path / "alone")


@pytest.fixture
def fakes(tmp_path: Path) -> Iterator[Warm]:
    warm = Warm(tmp_path / "alone.log", "--fakes")
    yield warm
    warm.close()


@pytest.mark.parametrize("killed", [False, True])
def test_two_draw_what_one_would_have_drawn(
    workers: list[tuple[Warm, list[str]]],
    fakes: Warm,
    places: Places,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed: bool,
) -> None:
    (one, command), (other, same) = workers
    wanted = undisturbed(tmp_path, command, fakes)
    pid = one.start(*command)
    other.start(*same)
    if killed:
        began = time.monotonic()
        while not list((tmp_path / "objects").glob("*/*")) and time.monotonic() - began < DEADLINE:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
    assert one.end() == (-signal.SIGKILL if killed else 0), one.said
    assert other.end() == 0, other.said
    assert held(tmp_path / "other", places, monkeypatch) == wanted
