"""Commands run in processes that can be killed, and what a home holds afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue import tables
from palate.catalogue.home import Home
from palate.catalogue.records import Model, digest

FAKE_MODELS = [
    Model("m-white", "White", "pipeline", "fake://white", base="fake"),
    Model("m-black", "Black", "pipeline", "fake://black", base="fake"),
    Model("m-yellow", "Yellow", "pipeline", "fake://yellow", base="fake"),
]
"""What `palate.testing.warm --fakes` can draw with."""
DEADLINE = 120.0
"""Seconds after which something that was waited for does not come."""
NAP = 0.002


class Warm:
    """`start` a command, do to its process what you like, and `end` answers how it ended."""

    def __init__(self, log: Path, *options: str, before: Sequence[str] = (), **environment: str) -> None:
        self.log = log
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [*before, sys.executable, "-m", "palate.testing.warm", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore", **environment},
        )
        self._answer()

    def start(self, *argv: str, die_at: int | None = None) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"argv": argv, "log": str(self.log), "die_at": die_at}) + "\n")
        self._process.stdin.flush()
        return int(self._answer()["pid"])

    def end(self) -> int:
        return int(self._answer()["status"])

    def run(self, *argv: str, die_at: int | None = None) -> int:
        self.start(*argv, die_at=die_at)
        return self.end()

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the warm process ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


def fake_home(folder: Path) -> None:
    """A home with three models and nothing drawn."""
    home = Home.create(folder)
    with home.write() as connection:
        model_rows.put(connection, FAKE_MODELS)
    home.close()


def what_it_holds(folder: Path) -> dict[str, Any]:
    """Task key to picture, all blobs, and how many rows of each kind: equal for two homes that did the same work."""
    home = Home.open(folder)
    with home.read() as connection:
        tasks = connection.execute(select(tables.tasks.c.key, tables.tasks.c.state))
        states = {key: state for key, state in tasks}  # noqa: C416 - rows are not pairs to a type checker
        drawn = picture_rows.of_drawings(connection, [digest("drawing", key) for key in states])
        vectors = connection.execute(select(tables.vectors.c.kind, tables.vectors.c.thing_id, tables.vectors.c.data))
        answer = {
            "states": states,
            "drawn": drawn,
            "drawings": len(connection.execute(select(tables.drawings.c.id)).all()),
            "credits": len(connection.execute(select(tables.credits.c.drawing_id)).all()),
            "pictures": sorted(connection.execute(select(tables.pictures.c.id)).scalars()),
            "vectors": sorted((kind, thing) for kind, thing, _ in vectors),
        }
    answer["blobs"] = list(home.blobs)
    answer["leftovers"] = sorted(path.name for path in (folder / "blobs").glob("??/.*"))
    home.close()
    return answer


def blobs(home: Path) -> int:
    return sum(1 for _ in (home / "blobs").glob("??/[!.]*"))


def alive(pid: int) -> bool:
    """A process that ended and was not asked how is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(true: Callable[[], bool]) -> None:
    """Counted in naps and not by the clock: on a busy machine, or stopped meanwhile, nobody has waited that long."""
    for _ in range(round(DEADLINE / NAP)):
        if true():
            return
        time.sleep(NAP)
    raise TimeoutError("it takes too long")


def kill_once(warm: Warm, command: list[str], home: Path, chance: random.Random) -> int:
    """Start it, kill it at some time early on or after some new pictures; answers how it ended."""
    before = blobs(home)
    pid = warm.start(*command)
    if chance.random() < 0.2:
        time.sleep(chance.uniform(0, 1))
    else:
        more = chance.randint(1, 3)
        wait_until(lambda: blobs(home) >= before + more or not alive(pid))
        time.sleep(chance.uniform(0, 0.05))
    if alive(pid):
        os.kill(pid, signal.SIGKILL)
    return warm.end()
