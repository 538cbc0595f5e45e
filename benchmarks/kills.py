"""A job killed with SIGKILL at random times: what is lost, doubled or drawn twice, and how soon it goes on.

`python benchmarks/kills.py [--kills 40] [--a-home 40] [--kept FILE] [--drawn]`. Homes are specified one after another;
each is killed up to `--a-home` times, at any time of its start or after one to three new pictures, and all of its store
is looked through after every kill, before anything mends it. At its end it is compared with a home that nothing
happened to. A home is a line of `--kept` once it is done, so that the same command goes on where it was stopped.
What draws is a fake of three models, 20 ms a picture, unless `--drawn`: then it is a tiny pipeline with three LoRAs,
and `cold_s` are seconds from the start of a new process to its first new picture, once a home, by the clock and of a
processor (all other runs are forks of a process that has its imports done). `again` counts tasks that were claimed
again because of a kill, `claimed` how many at most one kill left: as many as come in one go. Anything lost, doubled,
phantom or wrong: exits with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from palate.catalogue import models, tables
from palate.catalogue.home import Home
from palate.check import check
from palate.studio import Studio
from palate.testing.killing import FAKE_MODELS, Warm, blobs, fake_home, kill_once, wait_until, what_it_holds

WORDS = ("red circle", "blue square", "green triangle", "yellow circle")
PROMPTS = 10
LARGE = 2**32
"""Bytes of a model that draws one picture at a time, as most do."""
ROWS = ("drawings", "credits", "pictures", "vectors")
BAD = ("lost", "doubled", "phantom", "wrong")


def empty_home(folder: Path, *, drawn: bool) -> Path:
    """Models that draw, for true or not, and nothing drawn yet."""
    prompts = [f"a {words} {n}" for n in range(PROMPTS) for words in WORDS]
    (folder / "prompts.txt").write_text("\n".join(prompts) + "\n")
    if not drawn:
        fake_home(folder / "empty")
        with closing(Home.open(folder / "empty")) as home, home.write() as connection:
            models.put(connection, [replace(model, size=LARGE) for model in FAKE_MODELS])
        return folder / "empty"
    from palate.testing.worlds import build_tiny_world

    build_tiny_world(folder / "world", loras=3)
    with closing(Studio.create(str(folder / "empty"))) as studio:
        studio.config_set("encoder", str(folder / "world" / "clip"))
        studio.config_set("steps", "2")
        studio.add_models(folder / "world" / "pipeline")
        studio.add_models(folder / "world" / "loras")
    return folder / "empty"


def compared(wanted: dict[str, Any], found: dict[str, Any]) -> dict[str, int]:
    """What a home has less, and more, than one that nothing happened to."""
    kept = [key for key, picture in wanted["drawn"].items() if found["drawn"].get(key) == picture]
    missing = set(wanted["blobs"]) - set(found["blobs"])
    counted = {name: (_count(wanted[name]), _count(found[name])) for name in ROWS}
    return {
        "lost": len(wanted["drawn"]) - len(kept) + len(missing) + sum(max(0, a - b) for a, b in counted.values()),
        "doubled": sum(max(0, b - a) for a, b in counted.values()),
        "phantom": len(set(found["blobs"]) - set(wanted["blobs"])) + len(found["leftovers"]),
    }


def _count(rows: Any) -> int:
    return rows if isinstance(rows, int) else len(rows)


def done(kept: Path) -> list[dict[str, Any]]:
    """A line that a kill cut short is of no home."""
    lines = kept.read_text().splitlines(keepends=True) if kept.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def claims(home: Path) -> tuple[int, int]:
    """How many tasks are claimed now, and how often any was that is not needed any more."""
    columns = tables.tasks.c
    with closing(Home.open(home)) as opened, opened.read() as connection:
        leased = select(func.count()).where(columns.state == "leased")
        extra = select(func.coalesce(func.sum(columns.attempts - 1), 0)).where(columns.state == "done")
        return connection.execute(leased).scalar_one(), connection.execute(extra).scalar_one()


def goes_on(command: list[str], home: Path) -> tuple[float, float]:
    """Seconds from the start of a new process to its first new picture, and those of a processor; it is killed then."""
    before, began, spent = blobs(home), time.perf_counter(), processor_time()
    with subprocess.Popen(
        [sys.executable, "-m", "palate.cli.main", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: blobs(home) > before or process.poll() is not None)
        seconds = time.perf_counter() - began
        os.kill(process.pid, signal.SIGKILL)
    return round(seconds, 2), round(processor_time() - spent, 2)


def processor_time() -> float:
    """Of all processes that were waited for."""
    taken = resource.getrusage(resource.RUSAGE_CHILDREN)
    return taken.ru_utime + taken.ru_stime


def one_home(
    warm: Warm, folder: Path, wanted: dict[str, Any], number: int, most: int, *, drawn: bool
) -> dict[str, Any]:
    """Killed until it is done, or so often; then left alone to its end."""
    home, chance = folder / "home", random.Random(number)
    shutil.copytree(folder / "empty", home)
    command = ["specify", "--hub", str(home), "--prompts", str(folder / "prompts.txt")]
    kills = wrong = claimed = 0
    cold = None
    while kills < most:
        if drawn and kills == most // 2:
            cold = goes_on(command, home)
        elif kill_once(warm, command, home, chance) != -signal.SIGKILL:
            break
        kills += 1
        with closing(Home.open(home)) as opened:
            wrong += sum(fault.severity == "wrong" for fault in check(opened))
        claimed = max(claimed, claims(home)[0])
    status = warm.run(*command)
    found = compared(wanted, what_it_holds(home))
    again = claims(home)[1]
    shutil.rmtree(home)
    wrong += status != 0
    counted = {"home": number, "kills": kills, "wrong": wrong, "again": again, "claimed": claimed}
    return {**counted, **found, "cold_s": cold}


def summed(lines: list[dict[str, Any]]) -> dict[str, Any]:
    total = {name: sum(line[name] for line in lines) for name in (*BAD, "kills", "again")}
    cold = [tuple(line["cold_s"]) for line in lines if line["cold_s"] is not None]
    claimed = max(line["claimed"] for line in lines)
    return {"benchmark": "kills", "homes": len(lines), **total, "claimed": claimed, "cold_s": max(cold, default=None)}


def main(kills: int, a_home: int, kept: Path | None, drawn: bool) -> dict[str, Any]:
    options = [] if drawn else ["--fakes"]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        empty, file = empty_home(folder, drawn=drawn), kept or folder / "kept"
        with closing(Warm(folder / "log", *options, FAKE_SECONDS="0.02")) as warm:
            undisturbed = folder / "undisturbed"
            shutil.copytree(empty, undisturbed)
            if warm.run("specify", "--hub", str(undisturbed), "--prompts", str(folder / "prompts.txt")):
                raise SystemExit(warm.said)
            wanted = what_it_holds(undisturbed)
            while (so_far := sum(line["kills"] for line in done(file))) < kills:
                most = min(a_home, kills - so_far)
                line = one_home(warm, folder, wanted, len(done(file)), most, drawn=drawn)
                with file.open("a") as lines:
                    lines.write(json.dumps(line) + "\n")
        return summed(done(file))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--a-home", type=int, default=40)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--drawn", action="store_true")
    told = main(**vars(parser.parse_args()))
    print(json.dumps(told))
    sys.exit(any(told[name] for name in BAD))
