"""GEMRec's questions: on its real features, a case being a split of its prompts, and with made people on a hub."""

from __future__ import annotations

import time
from dataclasses import replace

from palate.evaluate.report import Report, write_run
from palate.evaluate.scenario import Scenario, Size, Specification

FEATURES = "gemrec/clip_vit_l14.npz"
PEOPLE = 100


def run(asked: Specification) -> Report:
    from palate.evaluate.gemrec import evaluate_gemrec
    from palate.evaluate.gemrec_people import evaluate_people, of_home

    began = time.perf_counter()
    report = Report("gemrec", {}, 0, 0, 0.0)
    if asked.data is not None and (asked.data / FEATURES).exists():
        report = evaluate_gemrec(asked.folder("gemrec"), seed=asked.seed, splits=asked.cases, out=asked.out)
    else:
        report = replace(report, left_out={"GEMRec's own models and prompts": f"need {FEATURES} (--data-dir DIR)"})
    if asked.hub is not None:
        metrics, tables = evaluate_people(of_home(asked.hub), PEOPLE, asked.seed)
        report = replace(report, metrics={**report.metrics, **metrics}, tables={**report.tables, **tables})
        report = replace(report, cases=report.cases + PEOPLE, took_s=time.perf_counter() - began)
    if asked.out is not None and not report.run:
        write_run(asked.out, asked.as_json(), [], [], report)
    elif asked.out is not None:
        report.write(asked.out)
    return report


SCENARIO = Scenario(
    name="gemrec",
    aspects=("accuracy", "pictures"),
    asks="find and identify on GEMRec's real features; two stages against one, all models against some, by domain",
    run=run,
    sizes=(Size(1, 30.0), Size(2, 45.0), Size(5, 90.0)),
    needs=(f"hub|{FEATURES}",),
    version=2,
)
