"""Steering made people to what they truly like; a case is a person."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from dataclasses import replace

    from palate.evaluate.steering import LEARNING, SteeringDesign, evaluate_steering

    share = asked.cases / SCENARIO.all_cases
    design = SteeringDesign(
        people=asked.cases,
        recorded=max(60, round(600 * share)),
        simulated=max(60, round(3000 * share)),
        learning=replace(LEARNING, steps=max(200, round(LEARNING.steps * share))),
        seed=asked.seed,
    )
    return evaluate_steering(design, out=asked.out)


SCENARIO = Scenario(
    name="steering",
    aspects=("accuracy",),
    asks="whether made people end with pictures that they truly like better, by policy",
    run=run,
    sizes=(Size(30, 12.0), Size(50, 20.0), Size(150, 60.0), Size(500, 200.0)),
)
