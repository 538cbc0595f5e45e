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
    headline={
        "style/p95_ms": "95 % of answers of the style index within, in ms",
        "ease/p95_ms": "EASE",
        "encoder pocket, 8 pictures/p95_ms": "encoding eight pictures",
        "all of it/peak_mb": "most memory, in MB",
    },
    version=2,
    sizes=(Size(30, 12.0), Size(200, 60.0)),
)
