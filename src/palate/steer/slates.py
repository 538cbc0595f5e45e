"""Which candidates are shown: the slate of the highest value with at most one a category (PASTA, Design 2).

q(h, P) = (1/L) sum over p in P of f(h, p) splits over the candidates, so the best of each category, and of these the
best L, are the best slate: sorting is all it takes, O(L_C log L_C).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import combinations

import numpy as np

from palate.errors import PalateError
from palate.taste.evidence import Floats, Rows


def slate_value(values: Sequence[float], slate: Sequence[int]) -> float:
    """q(h, P) = (1/L) sum f(h, p)."""
    return sum(values[at] for at in slate) / len(slate)


def best_slate(values: Sequence[float], categories: Sequence[Hashable], size: int) -> list[int]:
    """Places of the slate with the largest q, best first; of equals the earlier. Fewer categories make it shorter."""
    if len(values) != len(categories) or size < 1:
        raise PalateError("slate_invalid", f"{len(values)} values for {len(categories)} candidates, {size} to be shown")
    slate: list[int] = []
    taken: set[Hashable] = set()
    for at in sorted(range(len(values)), key=lambda at: (-values[at], at)):
        if len(slate) == size:
            break
        if categories[at] not in taken:
            taken.add(categories[at])
            slate.append(at)
    return slate


def best_slates(values: Floats, categories: Sequence[Hashable], size: int) -> Rows:
    """`best_slate` of each row of `values` (n, L_C), the candidates of all having the same categories: (n, L)."""
    names = list(dict.fromkeys(categories))
    rows = np.arange(len(values))
    best = np.empty((len(values), len(names)), dtype=np.intp)
    for number, name in enumerate(names):
        own = np.flatnonzero([category == name for category in categories])
        best[:, number] = own[values[:, own].argmax(axis=1)]
    order = np.lexsort((best, -values[rows[:, None], best]), axis=1)[:, :size]
    slates: Rows = np.take_along_axis(best, order, axis=1)
    return slates


def best_slate_by_trying_all(values: Sequence[float], categories: Sequence[Hashable], size: int) -> list[int]:
    """The same by looking at every slate, exponential: what `best_slate` is tested against."""
    wanted = min(size, len(set(categories)))
    slates = (
        slate for slate in combinations(range(len(values)), wanted) if len({categories[at] for at in slate}) == wanted
    )
    best = max(slates, key=lambda slate: slate_value(values, slate))
    return sorted(best, key=lambda at: (-values[at], at))
