"""GEMRec's questions: on its real features, a case being a split of its prompts, and with made people on a hub."""

from __future__ import annotations

from dataclasses import replace

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification

FEATURES = "gemrec/clip_vit_l14.npz"
PEOPLE = 50
"""Made people a split, at most twice as many."""


def run(asked: Specification) -> Report:
    from palate.evaluate.gemrec import evaluate_gemrec
    from palate.evaluate.gemrec_people import evaluate_home

    own = (
        None
        if asked.hub is None
        else evaluate_home(asked.hub, people=min(PEOPLE * asked.cases, 2 * PEOPLE), seed=asked.seed, out=asked.out)
    )
    if asked.data is None or not (asked.data / FEATURES).exists():
        assert own is not None
        return own
    report = evaluate_gemrec(asked.folder("gemrec"), seed=asked.seed, splits=asked.cases, out=asked.out)
    if own is not None:
        report = replace(
            report,
            metrics={**report.metrics, **own.metrics},
            tables={**report.tables, **own.tables},
            cases=report.cases + own.cases,
            took_s=report.took_s + own.took_s,
        )
    if asked.out is not None:
        report.write(asked.out)
    return report


SCENARIO = Scenario(
    name="gemrec",
    aspects=("accuracy", "pictures"),
    asks="find and identify on GEMRec's real features; two stages against one, all models against some, by domain",
    run=run,
    headline={
        "style/top1@1": "share of single pictures whose model the style index names",
        "pmi/top1@1": "PMI",
        "find/spearman": "rank correlation of find with the real CLIP-Scores",
        "hub:two-stage:gre/pleased@8": "made people pleased with the model that two stages lead to",
        "hub:dice/pleased@8": "by dice",
    },
    sizes=(Size(1, 40.0), Size(2, 55.0), Size(5, 100.0)),
    needs=(f"hub|{FEATURES}",),
    version=3,
)
