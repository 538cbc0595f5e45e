"""How soon a service answers again after SIGKILL, and whether anything that it acknowledged is gone.

`python benchmarks/restart.py [--pictures 100000] [--kills 3] [--home FOLDER]`. A home is made (or taken, where the
folder has one): so many pictures with blobs, vectors of 64 dimensions, 300 models, 1,000 prompts. Somebody likes
pictures one after another; the service is killed in the middle of it and started again. Seconds count from the start
of the process: `serving` to the first list of models, `asking` to the first ranking by an example picture.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from palate.catalogue import models, pictures, vectors
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, Drawing, Model, Picture, Prompt
from palate.catalogue.vectors import Space

DIM, MODELS, PROMPTS, AT_ONCE = 64, 300, 1000, 5000
SPACE = Space("made-up", "made-up", DIM, reads_words=False)


def make_home(folder: Path, count: int) -> None:
    """Models whose pictures lie about a direction of their own, and prompts whose pictures lie about theirs."""
    rng = np.random.default_rng(0)
    style, content = rng.standard_normal((MODELS, DIM)), 2.0 * rng.standard_normal((PROMPTS, DIM))
    prompts = [Prompt(f"prompt {number}", tag="some") for number in range(PROMPTS)]
    home = Home.create(folder)
    with home.write() as connection:
        models.put(connection, [Model(f"m{n}", f"Model {n}", "listed", f"/models/{n}") for n in range(MODELS)])
        vectors.put_space(connection, SPACE)
        vectors.put(connection, SPACE, "prompt", [prompt.id for prompt in prompts], unit(content))
    for start in range(0, count, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, count))
        data = [f"picture {number}".encode() for number in numbers]
        ids = [hashlib.sha256(one).hexdigest()[:32] for one in data]
        for id, one in zip(ids, data, strict=True):
            path = home.blobs.path(id)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(one)
        of, asked = np.array([(n % MODELS, (n // MODELS) % PROMPTS) for n in numbers]).T
        rows = unit(style[of] + content[asked] + rng.standard_normal((len(ids), DIM)))
        drawn = [
            Drawing(f"d{n}", id, "imported", (Credit("", "checkpoint", model_id=f"m{m}"),), prompts[p], seed=n)
            for n, id, m, p in zip(numbers, ids, of, asked, strict=True)
        ]
        with home.write() as connection:
            pictures.put(
                connection,
                [Picture(id, 64, 64, "PNG", len(one), owned=True) for id, one in zip(ids, data, strict=True)],
            )
            pictures.put_drawings(connection, drawn)
            vectors.put(connection, SPACE, "picture", ids, rows)
    home.close()


def unit(rows: Any) -> Any:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@contextmanager
def served(home: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client, float]]:
    """The process, somebody who is signed in, and when it was started."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "palate.cli.main", "serve", "--hub", str(home), "--port", "0", "--no-browser"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        assert process.stdout is not None
        where, _, token = process.stdout.readline().split()[-1].partition("#token=")
        with httpx.Client(base_url=where, timeout=120) as client:
            signed = client.post("/api/v1/session", json={"token": token}).json()
            client.headers["X-CSRF-Token"] = signed["csrf"]
            try:
                yield process, client, began
            finally:
                process.kill()


def first_answers(client: httpx.Client, began: float, picture: str) -> tuple[float, float]:
    """Seconds to a list of models, and to a ranking by an example picture."""
    client.get("/api/v1/models").raise_for_status()
    serving = time.perf_counter() - began
    client.post("/api/v1/identify", json={"pictures": [picture]}).raise_for_status()
    return serving, time.perf_counter() - began


def like_until_killed(
    process: subprocess.Popen[str], client: httpx.Client, ids: list[str], chance: random.Random
) -> int:
    """How many likings were acknowledged before the process was gone."""
    end, liked = time.perf_counter() + chance.uniform(0.5, 2.0), 0
    while time.perf_counter() < end or not liked:
        client.post(
            "/api/v1/choices", json={"kind": "like", "payload": {"picture": chance.choice(ids)}}
        ).raise_for_status()
        liked += 1
    os.kill(process.pid, signal.SIGKILL)
    return liked


def measure(home: Path, kills: int) -> dict[str, Any]:
    chance, acknowledged = random.Random(0), 0
    opened = Home.open(home)
    with opened.read() as connection:
        count = pictures.counts(connection)["pictures"]
        before = pictures.counts(connection)["choices"]
        ids = [row[0] for row in connection.exec_driver_sql("SELECT id FROM pictures LIMIT 1000")]
    opened.close()
    times = []
    for number in range(kills + 1):
        with served(home) as (process, client, began):
            answered = first_answers(client, began, ids[0])
            if number:  # the first start learns what every later one reads
                times.append(answered)
            if number < kills:
                acknowledged += like_until_killed(process, client, ids, chance)
    with Home.open(home).read() as connection:
        kept = pictures.counts(connection)["choices"] - before
    return {
        "benchmark": "restart",
        "pictures": count,
        "kills": kills,
        "serving_s": [round(serving, 2) for serving, _ in times],
        "asking_s": [round(asking, 2) for _, asking in times],
        "acknowledged": acknowledged,
        "kept": kept,
        "lost": max(0, acknowledged - kept),
    }


def main(count: int, kills: int, home: Path | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        place = home or Path(folder) / "home"
        if not (place / "palate.db").exists():
            make_home(place, count)
        return measure(place, kills)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    print(json.dumps(main(given.pictures, given.kills, given.home)))
