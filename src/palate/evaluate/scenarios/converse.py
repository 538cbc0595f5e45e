"""Films recommended in real conversations (INSPIRED); a case is a suggestion, and all of them are asked."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.conversing import evaluate_converse

    items = asked.folder("ml-100k") / "items.csv"
    films = items if items.is_file() else None
    return evaluate_converse(asked.folder("conversation"), films=films, seed=asked.seed, out=asked.out)


SCENARIO = Scenario(
    name="converse",
    aspects=("accuracy",),
    asks="which film a recommender names next in real conversations",
    run=run,
    sizes=(Size(325, 60.0),),
    needs=("conversation/inspired_dev.tsv", "conversation/inspired_test.tsv"),
)
