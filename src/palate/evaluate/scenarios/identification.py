"""The CGI benchmark: on the pocket hub's bank, or on what the models of another hub draw; a case is a seed a task."""

from __future__ import annotations

import time
from dataclasses import replace

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification

QUESTIONED = 2
"""Seeds for each person who is surveyed, five questions each: their pictures are drawn, which takes longest."""


def run(asked: Specification) -> Report:
    from palate.evaluate.survey import write_survey
    from palate.specify.pocket import own_prompts

    assert asked.hub is not None
    if own_prompts(asked.hub) is None:
        return drawn(asked)
    from palate.evaluate.identification_banked import banked, evaluate_banked

    began = time.perf_counter()
    report = evaluate_banked(asked.cases, split=asked.seed, out=asked.out)
    if asked.out is None:
        return report
    benchmark = banked(asked.cases, split=asked.seed)
    found = write_survey(benchmark, asked.out, people=max(asked.cases // QUESTIONED, 1), seed=asked.seed)
    report = replace(report, metrics={**report.metrics, **found}, took_s=time.perf_counter() - began)
    report.write(asked.out)
    return report


def drawn(asked: Specification) -> Report:
    from palate.catalogue.home import Home
    from palate.encoders.opening import open_encoder
    from palate.evaluate.identification import construction_of, evaluate_identification
    from palate.settings import read

    assert asked.hub is not None
    settings, home = read(asked.hub), Home.open(asked.hub)
    try:
        return evaluate_identification(
            home,
            settings,
            lambda: open_encoder(settings.encoder, fit=settings.fit),
            construction_of(asked.cases, None, None),
            folder=asked.out,
        )
    finally:
        home.close()


SCENARIO = Scenario(
    name="identification",
    aspects=("accuracy", "pictures", "people"),
    asks="which of a hub's models drew a picture, by CGI's construction",
    run=run,
    headline={
        "style/top1@1": "share of single pictures whose model the style index names",
        "pmi/top1@1": "PMI",
        "style-pmi/top1@1": "style less PMI, case by case",
        "style/win_rate": "share of choices that style's models win",
    },
    sizes=(Size(2, 45.0), Size(4, 90.0)),
    needs=("hub",),
    version=3,
)
