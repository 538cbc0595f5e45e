"""One grid drawn by actors of a Ray cluster and by this process alone: the same pictures, and how much sooner.

    python benchmarks/on_ray.py [--workers 2] [--seconds 20] [--address HOST:PORT]

A tiny real pipeline and adapters on it, one thread to a process. Both ways begin when their networks are open: the
first pictures of every model are drawn beforehand by each. `ratio` is seconds alone over seconds on Ray. A cluster that
is started anew takes `start_s` more. On a machine that is busy otherwise two processes get more of it than one:
there `cpu_ratio` is what counts, the processor seconds of this process alone over those of the actor that had most.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palate.jobs import tasks as queue
from palate.specify import drawing, orders
from palate.specify.executors import Serial, Workers
from palate.specify.on_ray import RayWorkers
from palate.specify.ordering import able_models, with_full_hashes
from palate.studio import Studio
from palate.testing.killing import what_it_holds
from palate.testing.worlds import build_tiny_world

AT_ONCE = 4
"""Tasks a batch: small, so that two workers end together."""


@dataclass
class Taken:
    """What drawing so many pictures a prompt took: seconds, and a processor's seconds of whoever drew."""

    each: int
    seconds: float
    drawers: list[float]


def spent(workers: Workers) -> list[float]:
    return workers.spent() if isinstance(workers, RayWorkers) else [time.process_time()]


def drawn(root: Path, name: str, workers: Workers, each: int | None, args: argparse.Namespace) -> Taken:
    """Draws `each` pictures a prompt, once every network is open; unsaid, as many as take so long."""
    studio = Studio.create(str(root / name))
    try:
        for part in ("pipeline", "loras"):
            studio.add_models(root / "world" / part)
        able, _ = able_models(studio.home, None)
        models = with_full_hashes(studio.home, able)
        made = {"steps": args.steps}
        prompts = orders.default_prompts()
        first, rest = prompts[: AT_ONCE * args.workers], prompts[AT_ONCE * args.workers :][: args.prompts]
        _draw(studio, models, first, 1, workers, made)  # opens everything
        began = time.perf_counter()
        _draw(studio, models, first, 2, workers, made)  # the second picture of each
        each = each or max(1, round(args.seconds / (time.perf_counter() - began) * len(first) / len(rest)))
        began, before = time.perf_counter(), spent(workers)
        _draw(studio, models, rest, each, workers, made)
        took = time.perf_counter() - began
        return Taken(each, took, [after - was for after, was in zip(spent(workers), before, strict=True)])
    finally:
        studio.close()


def _draw(studio: Studio, models: Any, prompts: Any, each: int, workers: Workers, settings: dict[str, Any]) -> None:
    tasks = list(orders.tasks_of(orders.Plan(tuple(models), tuple(prompts), each, settings), models))
    with studio.home.write() as connection:
        job = queue.plan(connection, "draw", {"tasks": [task.key for task in tasks]}, tasks)
    by_id = {model.id: model for model in models}
    outcome = drawing.run(studio.home, job, by_id, workers, device="cpu", batch=AT_ONCE)
    assert not outcome.errors, outcome


def measure(root: Path, args: argparse.Namespace) -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)
    build_tiny_world(root / "world", loras=args.models)
    alone = Serial()
    one = drawn(root, "alone", alone, None, args)
    alone.close()
    began = time.perf_counter()
    actors = RayWorkers(args.address, args.workers)
    try:
        actors.spent()
        start = time.perf_counter() - began
        two = drawn(root, "there", actors, one.each, args)
    finally:
        actors.close()
    held, other = what_it_holds(root / "alone"), what_it_holds(root / "there")
    return {
        "benchmark": "on_ray",
        "workers": args.workers,
        "pictures": args.prompts * (args.models + 1) * one.each,
        "alone_s": round(one.seconds, 2),
        "ray_s": round(two.seconds, 2),
        "ratio": round(one.seconds / two.seconds, 2),
        "cpu_ratio": round(one.drawers[0] / max(two.drawers), 2),
        "actors_cpu_s": [round(seconds, 2) for seconds in two.drawers],
        "start_s": round(start, 1),
        "compared": len(held["drawn"]),
        "same": held == other,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--models", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0, help="about how long it takes alone")
    parser.add_argument("--address")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder), args)))


if __name__ == "__main__":
    main()
