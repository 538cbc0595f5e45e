"""Groups of people, makers of models, and FaiRLLM's sensitive words; a case is a person of MovieLens."""

from __future__ import annotations

from palate.evaluate.report import Report
from palate.evaluate.scenario import Scenario, Size, Specification


def run(asked: Specification) -> Report:
    from palate.evaluate.fairness import evaluate_fairness

    return evaluate_fairness(asked.data, asked.hub, people=asked.cases, seed=asked.seed, out=asked.out)


SCENARIO = Scenario(
    name="fairness",
    aspects=("fairness", "accuracy"),
    asks="which people are served worse, which makers are shown less, whether saying who one is changes the answer",
    run=run,
    headline={
        "ease:gender/gap": "NDCG that EASE gives one gender above the other",
        "ease:gender:shuffled/gap": "the same with genders dealt out by chance",
        "makers/exposure_gap": "how far from even makers are shown, from 0 to 1",
        "gender:jaccard/snsr": "how much saying one's gender changes a list, least to most",
    },
    sizes=(Size(300, 14.0), Size(943, 25.0)),
    needs=("hub|ml-100k/u.user",),
)
