"""The survey's harms, a measured line each; a case is a person who is looked at."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.harm import evaluate_harm

    return evaluate_harm(asked.data, people=asked.cases, seed=asked.seed, out=asked.out)


SCENARIO = Scenario(
    name="harm",
    aspects=("content", "privacy", "autonomy", "transparency", "social", "robustness", "cost"),
    asks="privacy, autonomy, transparency, social harm and manipulability, each with its method and its limits",
    run=run,
    headline=(
        "ease:scores/membership_auc",
        "itemknn:lists/membership_auc",
        "itemknn-blurred:lists/membership_auc",
        "itemknn:given/true_reasons",
        "rows/left_behind",
        "push:10%:itemknn/rank_shift",
        "push:10%:itemknn:guarded/rank_shift",
    ),
    version=2,
    sizes=(Size(15, 16.0), Size(40, 28.0), Size(100, 35.0), Size(300, 70.0)),
)
