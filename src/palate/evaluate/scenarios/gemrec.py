"""GEMRec's questions on its real features; a case is one split of its prompts."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.gemrec import evaluate_gemrec

    return evaluate_gemrec(asked.folder("gemrec"), seed=asked.seed, splits=asked.cases, out=asked.out)


SCENARIO = Scenario(
    name="gemrec",
    aspects=("accuracy",),
    asks="find and identify on GEMRec's real features",
    run=run,
    sizes=(Size(1, 20.0), Size(2, 35.0), Size(5, 80.0)),
    needs=("gemrec/clip_vit_l14.npz",),
)
