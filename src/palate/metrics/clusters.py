"""How alike two ways of putting the same things into groups are."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def adjusted_rand(one: ArrayLike, other: ArrayLike) -> float:
    """Hubert and Arabie's index of two labellings (n,): 1 where they are the same groups, 0 on average by chance.

    sum_ij C(n_ij, 2) less its expectation, over the mean of the two marginal sums less the same expectation.
    """
    a = np.unique(np.asarray(one), return_inverse=True)[1]
    b = np.unique(np.asarray(other), return_inverse=True)[1]
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1)

    def two(counts: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        return float((counts * (counts - 1) / 2).sum())

    together, rows, columns = two(table), two(table.sum(axis=1)), two(table.sum(axis=0))
    expected = rows * columns / max(len(a) * (len(a) - 1) / 2, 1)
    most = (rows + columns) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)
