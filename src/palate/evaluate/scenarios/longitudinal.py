"""Sixty rounds of made people's lives under each policy; a case is a person."""

from __future__ import annotations

from dataclasses import replace

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification

LOGS = "the service's logs"


def run(asked: Specification) -> Report:
    from palate.evaluate.longitudinal import Months, evaluate_longitudinal

    report = evaluate_longitudinal(Months(people=asked.cases, seed=asked.seed), out=asked.out)
    return report if asked.hub is None else with_log(report, asked)


def with_log(report: Report, asked: Specification) -> Report:
    """The same, and what the people of a home preferred, so far as they compared any models."""
    from palate.evaluate.logged import of_home

    assert asked.hub is not None
    metrics, rows = of_home(asked.hub, asked.seed)
    left_out = dict(report.left_out)
    if rows:
        del left_out[LOGS]
    else:
        left_out[LOGS] = "nobody has compared pictures of two models in this home yet"
    tables = {**report.tables, **({"Trials from the home's own log": rows} if rows else {})}
    report = replace(report, metrics={**report.metrics, **metrics}, tables=tables, left_out=left_out)
    if asked.out is not None:
        report.write(asked.out)
    return report


SCENARIO = Scenario(
    name="longitudinal",
    aspects=("longitudinal", "social"),
    asks="satisfaction, drift, variety and exposure of made people over 60 rounds of feedback, and tests on traffic",
    run=run,
    headline={
        "taste/satisfaction": "made people's satisfaction after 60 rounds, in standard deviations: by their taste",
        "popularity/satisfaction": "by what is popular",
        "taste/variety": "different pictures in ten rounds: by their taste",
        "chance/variety": "by chance",
    },
    sizes=(Size(20, 5.0), Size(60, 12.0), Size(200, 40.0)),
)
