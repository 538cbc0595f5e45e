"""Attacks of many kinds and the share that is held; a case is a kind, with all of its tests."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.redteam import evaluate_red_team

    return evaluate_red_team(asked.data, kinds=asked.cases, seed=asked.seed, out=asked.out)


SCENARIO = Scenario(
    name="red-team",
    aspects=("robustness",),
    asks="attacks on files, pictures, words and the service, and copying by queries: the share that is held",
    run=run,
    headline={
        "paths/held": "share of attacks by paths that change nothing",
        "prompt-injection/held": "by words that give orders",
        "jailbreaks/held": "by words that ask for what is hidden",
        "service/held": "on the service",
        "ease:300-queries/extracted": "share of EASE's answers that 300 questions are enough to copy",
    },
    sizes=(Size(1, 10.0), Size(3, 45.0), Size(6, 150.0), Size(10, 500.0)),
)
