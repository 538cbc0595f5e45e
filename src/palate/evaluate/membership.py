"""Can somebody tell from a shared model who it was learned from? Attacks by a shadow model (Shokri et al. 2017).

A third of the people are members, a third are not, and the attacker has a third like them to learn a model of the same
kind. What is told of a person is how much better the true model explains their own choices than the shadow does, each
choice being left out of what the model is asked with. 0.5 is chance; THREATS asks for at most 0.55.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.crowds import Crowd
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.poisoning import METHODS, auc_interval, ndcg, scored
from palate.evaluate.report import Metric
from palate.recommend.blurred import BlurredEase, BlurredKNN
from palate.recommend.histories import Histories, Items
from palate.recommend.influence import guarded
from palate.recommend.protocol import Recommender
from palate.taste.evidence import Evidence
from palate.taste.planted import Planting, plant
from palate.taste.types import Learning, fit_types
from palate.taste.utilities import Heads, person_logs

Floats = NDArray[np.float64]
BLURRED: Mapping[str, Callable[..., Recommender]] = {"ease-blurred": BlurredEase, "itemknn-blurred": BlurredKNN}
"""The second is what others may ask of the service from 300 people on (`palate.recommend.asking.learned`)."""
LEFT_OUT = 10
"""Choices of one person that are tried."""
LIST = 20
"""Answers that somebody without the scores is given."""


def thirds(people: int, seed: int) -> list[NDArray[np.intp]]:
    return [np.sort(part) for part in np.array_split(np.random.default_rng([seed, 6]).permutation(people), 3)]


def of_recommenders(crowd: Crowd, people: int, seed: int = 0) -> dict[str, Metric]:
    """A metric a method, with at most `people` members and as many others asked about."""
    members, others, attackers = thirds(len(crowd.histories), seed)
    metrics: dict[str, Metric] = {}
    for name, make in {**METHODS, **BLURRED}.items():
        for safe in (False,) if name in BLURRED else (False, True):
            parts = [[crowd.histories[at] for at in part] for part in (members, attackers)]
            learning = [guarded(part, crowd.items) if safe else part for part in parts]
            # The attacker's own blur is another one: nobody tells them the seed of the noise.
            makers = (make, partial(BLURRED[name], seed=1)) if name in BLURRED else (make, make)
            known, shadow = (one().fit(part, crowd.items) for one, part in zip(makers, learning, strict=True))
            title = f"{name}:guarded" if safe else name
            for seen, access in ((None, "scores"), (LIST, "lists")):
                told = []
                for part in (members[:people], others[:people]):
                    asked = [crowd.histories[at] for at in part]
                    told.append(
                        explained(known, asked, crowd.items, seen) - explained(shadow, asked, crowd.items, seen)
                    )
                metrics[f"{title}:{access}/membership_auc"] = auc_interval(told[0], told[1], seed)
    metrics |= cost_of_blur(crowd, seed)
    return metrics


def cost_of_blur(crowd: Crowd, seed: int = 0) -> dict[str, Metric]:
    """What blurred counts cost everybody in NDCG@10 on what they chose next, beside the same method as it is."""
    metrics: dict[str, Metric] = {}
    for plain, blurred in (("ease", "ease-blurred"), ("itemknn", "itemknn-blurred")):
        as_it_is, safe = (ndcg(scored(make, crowd, (), False), crowd) for make in (METHODS[plain], BLURRED[blurred]))
        metrics |= {
            f"{blurred}/ndcg@10": bootstrap(safe, seed=seed),
            f"{plain}/ndcg@10": bootstrap(as_it_is, seed=seed),
            f"{blurred}-{plain}/ndcg@10": paired(safe, as_it_is, seed=seed),
        }
    return metrics


def explained(recommender: Recommender, histories: Histories, items: int, seen: int | None = None) -> Floats:
    """(people,) mean share of the catalogue below a person's own choice, by all their others.

    Where only lists of `seen` are answered, what stands further down is as if it were last.
    """
    rows: list[Items] = []
    whose: list[tuple[int, int]] = []
    for person, history in enumerate(histories):
        for item in history[-LEFT_OUT:].tolist():
            rows.append(history[history != item])
            whose.append((person, item))
    found = np.zeros(len(histories))
    scores = recommender.score(rows)
    for (person, item), row, rest in zip(whose, scores, rows, strict=True):
        free = np.ones(items, dtype=bool)
        free[rest] = False
        share = float((row[free] < row[item]).mean() + (row[free] == row[item]).mean() / 2)
        if seen is not None and (row[free] > row[item]).sum() >= seen:
            share = 0.0
        found[person] += share / min(len(histories[person]), LEFT_OUT)
    return found


def of_user_types(people: int, seed: int = 0) -> dict[str, Metric]:
    """Shared heads of types, learned from planted people's answers."""
    planted = plant(Planting(people=3 * people, types=4, pictures=200, wide=12, seed=seed))
    members, others, attackers = thirds(3 * people, seed)
    learning = Learning(ridge=0.1, apart=0.1, seed=seed)
    known, shadow = (fit_types(planted.evidence.of_people(part), 4, learning).heads for part in (members, attackers))
    told = [
        likelihood(known, planted.evidence.of_people(part)) - likelihood(shadow, planted.evidence.of_people(part))
        for part in (members, others)
    ]
    return {"user-types/membership_auc": auc_interval(told[0], told[1], seed)}


def likelihood(heads: Heads, evidence: Evidence) -> Floats:
    """(people,) log p(all that each did)."""
    joint = person_logs(heads, evidence) + np.log(np.maximum(heads.shares, 1e-300))
    highest = joint.max(axis=1)
    found: Floats = highest + np.log(np.exp(joint - highest[:, None]).sum(axis=1))
    return found
