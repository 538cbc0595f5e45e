"""Pictures for a history on MovieLens 100K's posters; a case is a window of the last tenth of time."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.personalise import PersonaliseDesign, evaluate_personalise

    design = PersonaliseDesign(people=asked.cases, seed=asked.seed)
    return evaluate_personalise(asked.folder("ml-100k"), design, home=asked.hub, out=asked.out)


SCENARIO = Scenario(
    name="personalise",
    aspects=("pictures",),
    asks="pictures drawn from a history beside what recommenders would show, on real posters",
    run=run,
    sizes=(Size(20, 200.0), Size(60, 300.0), Size(200, 700.0)),
    needs=("ml-100k/u.data", "ml-100k/posters.tar"),
)
