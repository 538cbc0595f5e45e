"""User types: planted people, and real ones where MovieLens is at hand; a case is a world of planted people."""

from __future__ import annotations

from dataclasses import replace

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.user_types import evaluate_planted_types

    return replace(
        evaluate_planted_types(worlds=asked.cases, seed=asked.seed, out=asked.out),
        scenario="user-types",
    )


SCENARIO = Scenario(
    name="user-types",
    aspects=("accuracy",),
    asks="whether the types of planted people are found again, and what they are worth",
    run=run,
    sizes=(Size(1, 15.0), Size(3, 45.0)),
)
