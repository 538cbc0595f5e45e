"""Random sequences of what the repositories can do, on SQLite and on Postgres, a part at a time: the same answers?

`python benchmarks/same_answers.py [--sequences 1000] [--seed 100000] [--part 500] [--kept FILE] [--seconds S]
[--at-once 3]`. Every part has two new, empty stores and a seed of its own (`--seed` and its number), and is a line of
`--kept` once it is done, so that the same command goes on where it was stopped. Several are compared at once: while one
waits for the server another computes. What is printed is the sum of those lines; a difference is named by its part's
seed and its sequence, from which it can be had again. Whoever finds one exits with 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

from palate.catalogue.database import Database
from palate.testing.conformance import first_difference
from palate.testing.postgres import own_postgres

MEMORY = Path("/dev/shm")
"""No disk, where the system has it: durability is not what is compared."""


def done(kept: Path) -> list[dict[str, Any]]:
    """What became of each part last; a line that a kill cut short is of none."""
    if not kept.exists():
        return []
    lines = [json.loads(line) for line in kept.read_text().splitlines(keepends=True) if line.endswith("}\n")]
    return list({line["seed"]: line for line in lines}.values())


def compare(seed: int, count: int, address: str, folder: Path) -> dict[str, Any]:
    """One part, in two new stores."""
    began, spent = time.perf_counter(), time.thread_time()
    with closing(Database.embedded(folder / "rows.db")) as here, closing(Database.at(address)) as there:
        here.migrate()
        there.migrate()
        found = first_difference(here, there, seed, count)
    return {
        "seed": seed,
        "sequences": count,
        "difference": found,
        "seconds": round(time.perf_counter() - began, 1),
        "processor_s": round(time.thread_time() - spent, 1),
    }


def go_on(
    kept: Path,
    new_postgres: Callable[[], str],
    *,
    seed: int,
    sequences: int,
    part: int,
    seconds: float = math.inf,
    at_once: int = 1,
) -> list[dict[str, Any]]:
    """Parts that are not kept yet, or were kept as different, each kept as it is done."""
    end, writing = time.monotonic() + seconds, threading.Lock()
    seeds = range(seed, seed + -(-sequences // part))
    known = {line["seed"] for line in done(kept) if not line["difference"]}

    def one(number: int) -> None:
        if time.monotonic() >= end:
            return
        count = min(part, sequences - (number - seed) * part)
        with tempfile.TemporaryDirectory(prefix="palate-", dir=MEMORY if MEMORY.exists() else None) as folder:
            line = compare(number, count, new_postgres(), Path(folder))
        with writing, kept.open("a") as file:
            file.write(json.dumps(line) + "\n")

    if kept.exists() and not kept.read_text().endswith("\n"):
        kept.write_text(kept.read_text() + "\n")
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(one, [number for number in seeds if number not in known]))
    return [line for line in done(kept) if line["seed"] in seeds]


def summed(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "benchmark": "same_answers",
        "sequences": sum(line["sequences"] for line in lines),
        "parts": len(lines),
        "differences": [f"seed {line['seed']}, {line['difference']}" for line in lines if line["difference"]],
        "processor_s": round(sum(line["processor_s"] for line in lines), 1),
    }


def main(kept: Path | None, **said: Any) -> dict[str, Any]:
    gc.freeze()  # what was imported is not looked through again and again
    gc.set_threshold(50_000, 20, 20)
    with tempfile.TemporaryDirectory() as folder, own_postgres() as new_postgres:
        return summed(go_on(kept or Path(folder) / "kept", new_postgres, **said))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=100_000)
    parser.add_argument("--part", type=int, default=500)
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--at-once", type=int, default=3)
    line = main(**vars(parser.parse_args()))
    print(json.dumps(line))
    sys.exit(1 if line["differences"] else 0)
