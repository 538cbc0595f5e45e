"""How long `find`, `identify` and `recommend` take over HTTP when people ask at random moments, also while a job draws.

`python benchmarks/serve_load.py [--hub FOLDER] [--rate 50] [--seconds 60] [--draw also|only]`; without a hub the
pocket hub is served. Requests come as a Poisson stream, open loop: one that is late does not hold up the next, so a
slow answer is not hidden by asking less. The service is a process of its own. One JSON line a run; it is met where 99
of 100 answers take at most 80 ms (200 ms while a job draws) and none is an error. `goodput` are requests a second that
were answered rightly within 80 ms; what came later counts for nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

THINGS = ("heart", "house", "cloud", "cup", "star", "bell", "key", "lock", "tree", "sun", "boat", "book", "flag")
KINDS = ("find", "identify", "recommend")
LIMIT_MS = 80.0


def main(hub: Path | None, rate: float, seconds: float, draw: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        if hub is not None:
            shutil.copytree(hub, home)
        own = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PALATE_POCKET_HOME": str(home)}
        command = ["-m", "palate.cli.main", "serve", "--hub", "pocket" if hub is None else str(home)]
        server = subprocess.Popen(
            [sys.executable, *command, "--port", "0", "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **own},
        )
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[-1]
            return asyncio.run(measure(address, rate, seconds, draw))
        finally:
            server.terminate()
            server.wait()


async def measure(address: str, rate: float, seconds: float, draw: str) -> list[dict[str, Any]]:
    where, _, token = address.partition("#token=")
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=where, timeout=30, limits=limits) as client:
        session = (await client.post("/api/v1/session", json={"token": token})).json()
        client.headers["X-CSRF-Token"] = session["csrf"]
        pictures = [one["id"] for one in (await client.get("/api/v1/pictures")).json()["items"]]
        chance = random.Random(0)
        for picture in chance.sample(pictures, min(8, len(pictures))):  # so that there is something to recommend by
            liked = {"kind": "like", "payload": {"picture": picture}}
            (await client.post("/api/v1/choices", json=liked)).raise_for_status()
        for _ in range(30):  # the first of them wait for the encoder
            await ask(client, pictures, chance)
        about = {"benchmark": "serve_load", "rate": rate, "seconds": seconds}
        found: list[dict[str, Any]] = []
        for drawing in {"no": (False,), "also": (False, True), "only": (True,)}[draw]:
            drawn, before = await begin_drawing(client) if drawing else 0, busy()
            answer = {**about, "drawing": drawing, **told(await stream(client, pictures, rate, seconds), seconds)}
            if drawing:
                job = (await client.get("/api/v1/jobs")).json()["items"][0]
                answer |= {"drawing": job["state"], "drawn": job["done"] - drawn}
            found.append({**answer, "machine_busy": share(before, busy())})
            print(json.dumps(found[-1]), flush=True)
    return found


async def begin_drawing(client: httpx.AsyncClient) -> int:
    """A job of more pictures than there is time for; how many are drawn, once the process that draws is under way."""
    models = [one["id"] for one in (await client.get("/api/v1/models")).json()["items"] if one["draws"]]
    order = {"models": models[:16], "prompt": "an icon of a flower", "count": 64}
    (await client.post("/api/v1/draw", json=order)).raise_for_status()
    while not (done := (await client.get("/api/v1/jobs")).json()["items"][0]["done"]):
        await asyncio.sleep(0.2)
    return int(done)


async def stream(
    client: httpx.AsyncClient, pictures: list[str], rate: float, seconds: float
) -> list[tuple[str, float]]:
    """Kind and milliseconds of each answer, -1 where it was none, counted from the moment it was due."""
    chance = random.Random(1)
    taken: list[tuple[str, float]] = []

    async def one(due: float) -> None:
        kind, right = await ask(client, pictures, chance)
        taken.append((kind, (time.perf_counter() - due) * 1000 if right else -1.0))

    begun = due = time.perf_counter()
    waiting = []
    while due < begun + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        waiting.append(asyncio.create_task(one(due)))
        due += chance.expovariate(rate)
    await asyncio.gather(*waiting)
    return taken


async def ask(client: httpx.AsyncClient, pictures: list[str], chance: random.Random) -> tuple[str, bool]:
    kind = chance.choice(KINDS)
    if kind == "find":
        words = f"an icon of a {chance.choice(THINGS)} {chance.randrange(1000)}"
        answer = await client.post("/api/v1/find", json={"prompt": words})
    elif kind == "identify":
        answer = await client.post("/api/v1/identify", json={"pictures": [chance.choice(pictures)]})
    else:
        answer = await client.get("/api/v1/recommend")
    return kind, answer.status_code == 200


def busy() -> tuple[float, float]:
    """Processor time that everything on this machine has taken, and that there was; nothing where it is not told."""
    try:
        times = [float(one) for one in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    except OSError:
        return 0.0, 0.0
    return sum(times) - times[3] - times[4], sum(times)


def share(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    """How much of all processors was taken in between: near 1, others were in the way."""
    whole = after[1] - before[1]
    return round((after[0] - before[0]) / whole, 2) if whole else None


def told(taken: list[tuple[str, float]], seconds: float) -> dict[str, Any]:
    answer: dict[str, Any] = {"requests": len(taken), "errors": sum(ms < 0 for _, ms in taken)}
    answer["goodput"] = round(sum(0 <= ms <= LIMIT_MS for _, ms in taken) / seconds, 1)
    for kind in ("all", *KINDS):
        times = sorted(ms for name, ms in taken if kind in (name, "all") and ms >= 0)
        for share in (50, 90, 99):
            answer[f"{kind}_p{share}_ms"] = round(times[min(len(times) - 1, len(times) * share // 100)], 1)
    return answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hub", type=Path)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--draw", choices=("no", "also", "only"), default="no")
    given = parser.parse_args()
    main(given.hub, given.rate, given.seconds, given.draw)
