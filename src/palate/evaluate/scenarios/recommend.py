"""Recommenders on MovieLens 100K, the quick ones first; a case is a method."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification

QUICKEST_FIRST = ("popularity", "itemknn", "ease", "als", "autorec", "multvae", "diffrec", "sasrec")


def run(asked: Specification) -> Report:
    from palate.evaluate.recommending import evaluate_recommend
    from palate.recommend.methods import chosen

    methods = chosen(",".join(QUICKEST_FIRST[: asked.cases]))
    return evaluate_recommend(asked.folder("ml-100k"), methods, seed=asked.seed, out=asked.out)


SCENARIO = Scenario(
    name="recommend",
    aspects=("accuracy", "cost"),
    asks="recommenders side by side on MovieLens 100K, tuned alike, every film ranked",
    run=run,
    sizes=(Size(3, 40.0), Size(4, 90.0), Size(6, 400.0), Size(8, 1200.0)),
    needs=("ml-100k/u.data",),
)
