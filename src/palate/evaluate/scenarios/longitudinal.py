"""Sixty rounds of made people's lives under each policy; a case is a person."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.longitudinal import Months, evaluate_longitudinal

    return evaluate_longitudinal(Months(people=asked.cases, seed=asked.seed), out=asked.out)


SCENARIO = Scenario(
    name="longitudinal",
    aspects=("longitudinal", "social"),
    asks="satisfaction, drift, variety and exposure of made people over 60 rounds of feedback, and tests on traffic",
    run=run,
    headline=("taste/satisfaction", "popularity/satisfaction", "taste/variety", "chance/variety"),
    sizes=(Size(20, 5.0), Size(60, 12.0), Size(200, 40.0)),
)
