"""One request among 100,000 items, warm: score everything for one person and take the best ten, for each method.

    python benchmarks/recommend_request.py [--items 100000] [--methods all] [--requests 30]

The bar: a median of at most 10 ms. Nothing is learned from data that mean anything: what is timed is the shape of a
method as it would be kept, made from random histories without training. A method that cannot be made for so
many items in this machine's memory says so. `cpu_ms` is processor time, which neighbours hardly lengthen.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np

from palate.recommend.histories import Histories
from palate.recommend.methods import Method, chosen

PEOPLE = 32
LENGTH = 20
WIDE = 64
"""Of the made-up vectors and words of items."""
SERVED: dict[str, dict[str, Any]] = {
    "als": {"rounds": 1},
    "multvae": {"hidden": 200, "latent": 64},
    "multdae": {"hidden": 200, "latent": 64, "most": 0.0},
    "autorec": {"hidden": 100},
    "diffrec": {"hidden": 100, "steps": 2},
    "ldiffrec": {"hidden": 300, "latent": 64},
    "tiger": {"naming": {"steps": 1}},
    "diffuasr": {"sasrec": {"epochs": 0}, "before": {"epochs": 0}},
    "aligned": {"alignment": {"epochs": 0}, "dense": {"epochs": 0}},
    "albef": {"fusion": {"epochs": 0, "width": 16, "batch": 2048}, "dense": {"epochs": 0}},
    "crossencoder": {"candidates": 20, "encoder": {"epochs": 0}},
    "virtualpeople": {},
}
USUAL = "popularity,itemknn,als,multvae,irgan,gru4rec,sasrec,bert4rec,dense,vbpr,tiger"
TOO_LARGE = {"ease": "a matrix of items by items: 40 GB", "virtualpeople": "EASE's matrix of items by items: 40 GB"}
"""What grows with the square of the catalogue is for smaller ones."""


def settings_of(method: Method) -> dict[str, Any]:
    made = dict(SERVED.get(method.name, {}))
    known = getattr(method.make, "__dataclass_fields__", {})
    return made | {name: 0 for name in ("epochs",) if name in known}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--methods", default=USUAL)
    parser.add_argument("--requests", type=int, default=30)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    people: Histories = [rng.choice(given.items, LENGTH, replace=False) for _ in range(PEOPLE)]
    text = rng.standard_normal((given.items, WIDE)).astype(np.float32)
    words = rng.integers(1, 2000, (given.items, 6))
    content: dict[str, Any] = {"text": text, "pictures": text[:, ::-1].copy(), "words": words}
    for method in chosen(given.methods):
        line: dict[str, Any] = {"benchmark": "recommend request", "method": method.name, "items": given.items}
        if given.items > 30_000 and method.name in TOO_LARGE:
            print(json.dumps({**line, "not measured": TOO_LARGE[method.name]}), flush=True)
            continue
        recommender = method.made(settings_of(method), content).fit(people, given.items)
        times, worked = [], []
        for person in range(given.requests + 3):
            began, busy = time.perf_counter(), time.process_time()
            scores = recommender.score([people[person % PEOPLE]])[0]
            best = np.argpartition(-scores, 10)[:10]
            best = best[np.argsort(-scores[best])]
            times.append(1000 * (time.perf_counter() - began))
            worked.append(1000 * (time.process_time() - busy))
        line |= {"median_ms": round(statistics.median(times[3:]), 2), "cpu_ms": round(statistics.median(worked[3:]), 2)}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
