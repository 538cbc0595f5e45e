"""How many cores answer so many requests a second within 80 ms: a queue simulated with service times measured here.

`python benchmarks/on_paper.py [--p50 30.5] [--p99 44.3] [--rates 100 1000 10000]`. Requests come at random (Poisson),
wait in one line, and each takes one core for as long as a log-normal law says that has these two percentiles; the
defaults are the times by the clock of `identify` among 1,000,000 models over HTTP, one after the other
(`identify_many.py`). What the queue cannot know (a network, a database that is far, a neighbour on the machine) comes
on top. One JSON line.
"""

from __future__ import annotations

import argparse
import heapq
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

LIMIT_MS = 80.0
REQUESTS, SECONDS = 20_000, 10.0
"""At least so many, and for at least so long: a line needs time to grow."""
Z99 = 2.3263
"""The standard normal law's 99th percentile."""


def service_times(p50: float, p99: float, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(count,) log-normal: median `p50`, and `p99` one time in a hundred exceeded."""
    return np.asarray(p50 * np.exp(np.log(p99 / p50) / Z99 * rng.standard_normal(count)))


def waits(arrivals: NDArray[np.float64], taken: NDArray[np.float64], cores: int) -> NDArray[np.float64]:
    """(n,) milliseconds from coming to being answered, first come first served by so many cores."""
    free = [0.0] * cores
    answered = np.empty(len(arrivals))
    for number, (came, needs) in enumerate(zip(arrivals, taken, strict=True)):
        begins = max(came, heapq.heappop(free))
        heapq.heappush(free, begins + needs)
        answered[number] = begins + needs - came
    return answered


def cores_for(rate: float, p50: float, p99: float, limit: float = LIMIT_MS) -> tuple[int, float]:
    """The fewest cores whose 99th percentile keeps the limit, and that percentile."""
    rng = np.random.default_rng(0)
    count = max(REQUESTS, int(SECONDS * rate))
    arrivals = np.cumsum(rng.exponential(1000.0 / rate, count))
    taken = service_times(p50, p99, count, rng)
    least = int(np.ceil(rate * taken.mean() / 1000.0))
    for cores in range(least, 4 * least + 10):
        reached = float(np.percentile(waits(arrivals, taken, cores), 99))
        if reached <= limit:
            return cores, reached
    raise ValueError(f"a request takes {p99} ms by itself, which no number of cores brings within {limit}")


def main(p50: float, p99: float, rates: list[float]) -> dict[str, Any]:
    rows = []
    for rate in rates:
        cores, reached = cores_for(rate, p50, p99)
        rows.append({"requests_a_second": rate, "cores": cores, "p99_ms": round(reached, 1)})
    return {"benchmark": "on_paper", "p50_ms": p50, "p99_ms": p99, "rows": rows}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--p50", type=float, default=30.5)
    parser.add_argument("--p99", type=float, default=44.3)
    parser.add_argument("--rates", type=float, nargs="+", default=[100.0, 1000.0, 10_000.0])
    given = parser.parse_args()
    print(json.dumps(main(given.p50, given.p99, given.rates)))
