"""How long `find` and `identify` take over HTTP when people ask at random moments, with and without a job that draws.

`python benchmarks/serve_load.py [--hub FOLDER] [--rate 50] [--seconds 60] [--draw]`; without a hub the toy hub of
`make run` is copied and served. Requests come as a Poisson stream, open loop: one that is late does not hold up the
next, so a slow answer is not hidden by asking less. One JSON line a run.
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

TOY = Path(__file__).parents[1] / ".cache" / "first-hub" / "home"
WORDS = ("a red circle", "a blue square at night", "two green triangles", "a cross in the rain", "an old circle")


def main(hub: Path, rate: float, seconds: float, draw: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(hub, home)
        server = subprocess.Popen(
            [sys.executable, "-m", "palate.cli.main", "serve", "--hub", str(home), "--port", "0", "--no-browser"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        )
        try:
            assert server.stdout is not None
            address = server.stdout.readline().split()[-1]
            return asyncio.run(measure(address, rate, seconds, draw))
        finally:
            server.terminate()
            server.wait()


async def measure(address: str, rate: float, seconds: float, draw: bool) -> dict[str, Any]:
    where, _, token = address.partition("#token=")
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=where, timeout=30, limits=limits) as client:
        session = (await client.post("/api/v1/session", json={"token": token})).json()
        client.headers["X-CSRF-Token"] = session["csrf"]
        pictures = [one["id"] for one in (await client.get("/api/v1/pictures")).json()["items"]]
        models = [one["id"] for one in (await client.get("/api/v1/models")).json()["items"] if one["draws"]]
        chance = random.Random(0)
        for _ in range(20):  # the first of them wait for the encoder
            await ask(client, pictures, chance)
        if draw:
            order = {"models": models[:4], "prompt": "a load of circles", "count": 64}
            (await client.post("/api/v1/draw", json=order)).raise_for_status()
            await asyncio.sleep(15)  # until the process that draws has its libraries
        taken = await stream(client, pictures, rate, seconds)
        drawn = 0
        if draw:
            drawn = (await client.get("/api/v1/jobs")).json()["items"][0]["done"]
    return {"benchmark": "serve_load", "rate": rate, "seconds": seconds, "drawing": draw, "drawn": drawn, **told(taken)}


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
    if chance.random() < 0.5:
        words = f"{chance.choice(WORDS)} {chance.randrange(1000)}"
        answer = await client.post("/api/v1/find", json={"prompt": words})
        return "find", answer.status_code == 200
    answer = await client.post("/api/v1/identify", json={"pictures": [chance.choice(pictures)]})
    return "identify", answer.status_code == 200


def told(taken: list[tuple[str, float]]) -> dict[str, Any]:
    answer: dict[str, Any] = {"requests": len(taken), "errors": sum(ms < 0 for _, ms in taken)}
    for kind in ("find", "identify"):
        times = sorted(ms for name, ms in taken if name == kind and ms >= 0)
        for share in (50, 90, 99):
            answer[f"{kind}_p{share}_ms"] = round(times[min(len(times) - 1, len(times) * share // 100)], 1)
    return answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hub", type=Path, default=TOY)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--draw", action="store_true")
    given = parser.parse_args()
    print(json.dumps(main(given.hub, given.rate, given.seconds, given.draw)))
