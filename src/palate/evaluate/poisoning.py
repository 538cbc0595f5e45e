"""What a share of attackers can do to what everybody else is shown, with and without `palate.recommend.influence`.

push         a wanted item among popular ones (bandwagon: Mobasher et al. 2007)
nuke         the company of an item without the item itself, so that others take its place
omnipresent  the wanted item and half of everything, to be like everybody

Each attacker's profile serves all targets of the attack at once. `rank_shift` is the mean share of the catalogue that
a target climbs (falls, for a nuke) in honest people's rankings; `hijacked` the share of honest people in whose first
ten a target newly is (is no more); `honest_loss` the NDCG@10 that honest people lose on what they really chose next;
`detection_auc` how well `palate.recommend.influence.likeness` tells attackers from people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.crowds import Crowd
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric
from palate.metrics.ranking import target_rank
from palate.recommend.ease import Ease
from palate.recommend.histories import Histories, Items, counts_of
from palate.recommend.influence import guarded, likeness
from palate.recommend.itemknn import ItemKNN
from palate.recommend.protocol import Recommender

Floats = NDArray[np.float64]
SHARES = (0.01, 0.05, 0.10)
FIRST = 10
METHODS: Mapping[str, Callable[[], Recommender]] = {
    "itemknn": lambda: ItemKNN(neighbours=100, shrink=20.0),
    "ease": lambda: Ease(penalty=200.0),
}


def push(crowd: Crowd, targets: Items, count: int, rng: np.random.Generator) -> list[Items]:
    popular = np.argsort(-counts_of(crowd.histories, crowd.items), kind="stable")[:60]
    return [np.concatenate([_some(popular, _length(crowd), rng), targets]) for _ in range(count)]


def nuke(crowd: Crowd, targets: Items, count: int, rng: np.random.Generator) -> list[Items]:
    beside = np.zeros(crowd.items)
    for history in crowd.histories:
        if np.isin(targets, history).any():
            beside[history] += 1
    beside[targets] = 0
    company = np.argsort(-beside, kind="stable")[:60]
    return [_some(company, _length(crowd), rng) for _ in range(count)]


def omnipresent(crowd: Crowd, targets: Items, count: int, rng: np.random.Generator) -> list[Items]:
    half = crowd.items // 2
    return [np.concatenate([_some(np.arange(crowd.items), half, rng), targets]) for _ in range(count)]


ATTACKS: Mapping[str, Callable[[Crowd, Items, int, np.random.Generator], list[Items]]] = {
    "push": push,
    "nuke": nuke,
    "omnipresent": omnipresent,
}


def _some(items: NDArray[np.integer], count: int, rng: np.random.Generator) -> Items:
    found: Items = rng.choice(items, min(count, len(items)), replace=False).astype(np.int64)
    return found


def _length(crowd: Crowd) -> int:
    return int(np.median([len(history) for history in crowd.histories]))


def targets_of(crowd: Crowd, attack: str, count: int, rng: np.random.Generator) -> Items:
    """Hardly known items to push, well known ones to nuke."""
    order = np.argsort(-counts_of(crowd.histories, crowd.items), kind="stable")
    among = order[: crowd.items // 10] if attack == "nuke" else order[crowd.items // 2 :]
    return _some(among, count, rng)


def poisoned(
    crowd: Crowd, *, targets: int, seed: int = 0, progress: Callable[[str, int, int], None] = lambda *_: None
) -> dict[str, Metric]:
    """Every attack and share against every method, as it is and guarded."""
    metrics: dict[str, Metric] = {}
    clean = {(name, safe): scored(make, crowd, (), safe) for name, make in METHODS.items() for safe in (False, True)}
    for name in METHODS:
        pair = ndcg(clean[name, True], crowd), ndcg(clean[name, False], crowd)
        metrics[f"{name}:guarded-plain/ndcg@{FIRST}"] = paired(*pair, seed=seed)
    steps = [(attack, share) for attack in ATTACKS for share in SHARES]
    for number, (attack, share) in enumerate(steps):
        rng = np.random.default_rng([seed, number])
        wanted = targets_of(crowd, attack, targets, rng)
        forged = ATTACKS[attack](crowd, wanted, max(round(share * len(crowd.histories)), 1), rng)
        everybody = [*crowd.histories, *forged]
        suspicion = likeness(everybody, crowd.items)
        honest = len(crowd.histories)
        title = f"{attack}:{share:.0%}"
        metrics[f"{title}/detection_auc"] = auc_interval(suspicion[honest:], suspicion[:honest], seed)
        for (name, safe), before in clean.items():
            after = scored(METHODS[name], crowd, forged, safe)
            method = f"{title}:{name}{':guarded' if safe else ''}"
            metrics |= {
                f"{method}/{k}": m for k, m in harm(crowd, before, after, wanted, attack == "nuke", seed).items()
            }
        progress("poisoning", number + 1, len(steps))
    return metrics


def scored(make: Callable[[], Recommender], crowd: Crowd, forged: Sequence[Items], safe: bool) -> Floats:
    """(honest, items) scores after learning from honest and forged profiles; what is known of oneself is out."""
    learned: Histories = [*crowd.histories, *forged]
    if safe:
        learned = guarded(learned, crowd.items)
    scores = make().fit(learned, crowd.items).score(crowd.histories).astype(np.float64)
    for row, history in zip(scores, crowd.histories, strict=True):
        row[history] = -np.inf
    return scores


def harm(crowd: Crowd, before: Floats, after: Floats, targets: Items, down: bool, seed: int) -> dict[str, Metric]:
    """What became of the targets, and of honest people's next choices."""
    climbs, entered = [], []
    for target in targets.tolist():
        free = np.isfinite(before[:, target])
        ranks = [(scores > scores[:, [target]]).sum(axis=1)[free] for scores in (before, after)]
        climbs.append(float((ranks[0] - ranks[1]).mean()) / crowd.items * (-1 if down else 1))
        inside = [(rank < FIRST).astype(float) for rank in ranks]
        entered.append(float((inside[1] - inside[0]).mean()) * (-1 if down else 1))
    return {
        "rank_shift": bootstrap(climbs, seed=seed),
        "hijacked": bootstrap(entered, seed=seed),
        "honest_loss": paired(ndcg(before, crowd), ndcg(after, crowd), seed=seed),
    }


def ndcg(scores: Floats, crowd: Crowd) -> Floats:
    """(honest,) 1 / log2(1 + rank) of what each really chose next, 0 beyond the first ten."""
    finite = np.where(np.isfinite(scores), scores, -1e18)
    rank = target_rank(finite, np.array(crowd.last))
    found: Floats = np.where(rank <= FIRST, 1.0 / np.log2(1.0 + rank), 0.0)
    return found


def auc(high: Floats, low: Floats) -> float:
    """How often one of `high` is above one of `low`, equals half (Mann and Whitney 1947)."""
    below = np.sort(low)
    left, right = np.searchsorted(below, high, "left"), np.searchsorted(below, high, "right")
    return float((left + right).mean() / 2 / len(low))


def auc_interval(high: Floats, low: Floats, seed: int, draws: int = 500) -> Metric:
    """With its interval over both sides."""
    rng = np.random.default_rng(seed)
    again = [auc(rng.choice(high, len(high)), rng.choice(low, len(low))) for _ in range(draws)]
    edges = np.quantile(again, [0.025, 0.975])
    return Metric(auc(high, low), (float(edges[0]), float(edges[1])), len(high) + len(low))
