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
    headline={
        "ease:scores/membership_auc": "telling who EASE learned from by its scores (0.5 is chance)",
        "itemknn:lists/membership_auc": "item-kNN, by its lists",
        "itemknn-blurred:lists/membership_auc": "blurred, as others may ask it",
        "itemknn:given/true_reasons": "share of reasons that are true",
        "rows/left_behind": "traces of an erased person",
        "push:10%:itemknn/rank_shift": "share of the catalogue that 10 % attackers push a thing up",
        "push:10%:itemknn:guarded/rank_shift": "the same, guarded",
    },
    version=2,
    sizes=(Size(15, 20.0), Size(40, 30.0), Size(100, 35.0), Size(300, 70.0)),
)
