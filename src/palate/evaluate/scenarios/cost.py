"""What answers and training cost; a case is an answer of each kind."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.costing import evaluate_cost

    return evaluate_cost(asked.data, times=asked.cases, seed=asked.seed, out=asked.out)


SCENARIO = Scenario(
    name="cost",
    aspects=("cost",),
    asks="latency, throughput, memory, operations and assumed energy of an answer and of learning",
    run=run,
    headline=("style/p95_ms", "ease/p95_ms", "encoder pocket, 8 pictures/p95_ms", "all of it/peak_mb"),
    sizes=(Size(30, 30.0), Size(200, 60.0)),
)
