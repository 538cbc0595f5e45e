"""What people prefer: battles of their own file, or AGIQA-3K's opinions; a case is a prompt."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.judging import evaluate_people, of_scores, read_battles

    own = None if asked.data is None else asked.data / "battles.csv"
    if own is not None and own.is_file():
        return evaluate_people(read_battles(own), seed=asked.seed, out=asked.out)
    battles = of_scores(asked.folder("prompts") / "agiqa3k.csv", asked.cases, asked.seed)
    return evaluate_people(battles, seed=asked.seed, out=asked.out)


SCENARIO = Scenario(
    name="people",
    aspects=("people",),
    asks="win rates and strengths from people's battles, and a judge's agreement with them",
    run=run,
    sizes=(Size(100, 5.0), Size(300, 8.0)),
    needs=("battles.csv|prompts/agiqa3k.csv",),
)
