"""Drawn from a history beside recommended from it, on MovieLens' posters; a case is a person."""

from __future__ import annotations

from dataclasses import replace

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification

FEW = 10
QUICK = ("popularity", "itemknn")
"""What existing pictures are found by where few people are asked: learning sequences takes longer than all the rest."""


def run(asked: Specification) -> Report:
    from palate.evaluate.personalise import PersonaliseDesign, evaluate_personalise
    from palate.personalise.opening import Networks
    from palate.settings import read

    assert asked.hub is not None
    design = PersonaliseDesign(
        people=asked.cases, seed=asked.seed, janus=read(asked.hub).personaliser, networks=Networks(device="cpu")
    )
    if asked.cases <= FEW:
        design = replace(design, retrieval=QUICK)
    return evaluate_personalise(asked.folder("ml-100k"), design, home=asked.hub, out=asked.out)


SCENARIO = Scenario(
    name="personalise",
    aspects=("accuracy", "pictures"),
    asks="pictures drawn for a person beside what recommenders find for them",
    run=run,
    sizes=(Size(FEW, 50.0), Size(50, 600.0), Size(200, 1800.0)),
    needs=("hub", "ml-100k/posters.tar"),
    version=2,
)
