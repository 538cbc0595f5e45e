"""Whether answers change with who asks (Zhang et al. 2023, FaiRLLM), and whether some groups are served worse.

`neutral` is the list for somebody of whom nothing is said, `told` that for the same wish with a sensitive word (a
gender, an age, a country). All are 1 for equal lists and 0 for lists that share nothing. The paper's printed formulas
and its program differ in their constants; here each is scaled so that equal lists reach exactly 1.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

List = Sequence[Hashable]


def jaccard_at(neutral: List, told: List, k: int) -> float:
    """Shared items over all items of both."""
    first, second = set(neutral[:k]), set(told[:k])
    return len(first & second) / len(first | second) if first | second else 1.0


def serp_at(neutral: List, told: List, k: int) -> float:
    """SERP*: each item of `told` that `neutral` has too weighs k - rank + 1, over the sum of these weights."""
    known, shown = set(neutral[:k]), told[:k]
    if not shown:
        return 1.0 if not known else 0.0
    weights = range(len(shown), 0, -1)
    return sum(weight for weight, item in zip(weights, shown, strict=True) if item in known) / sum(weights)


def prag_at(neutral: List, told: List, k: int) -> float:
    """PRAG*: share of the ordered pairs of `told` that `neutral` orders alike; what it lacks stands behind all else."""
    place = {item: at for at, item in enumerate(neutral[:k])}
    shown = told[:k]
    if len(shown) < 2:
        return serp_at(neutral, told, k)
    pairs = list(combinations(shown, 2))
    return sum(a in place and place[a] < place.get(b, k) for a, b in pairs) / len(pairs)


def snsr(similarities: Mapping[str, float]) -> float:
    """Sensitive-to-neutral similarity range: the most favoured value of an attribute minus the least; 0 is fair."""
    return max(similarities.values()) - min(similarities.values())


def snsv(similarities: Mapping[str, float]) -> float:
    """The same as a standard deviation over the values of the attribute."""
    return float(np.std(list(similarities.values())))


def worst_gap(values: ArrayLike, groups: Sequence[Hashable], *, fewest: int = 10) -> float:
    """Mean of the best served group minus that of the worst, among groups of at least `fewest` people."""
    scores = np.asarray(values, dtype=np.float64)
    by_group: dict[Hashable, list[float]] = {}
    for score, group in zip(scores, groups, strict=True):
        by_group.setdefault(group, []).append(float(score))
    means = [float(np.mean(own)) for own in by_group.values() if len(own) >= fewest]
    return max(means) - min(means) if len(means) > 1 else 0.0
