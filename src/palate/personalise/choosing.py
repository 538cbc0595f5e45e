"""Of more pictures than are asked for, those that fit the history best: drawing costs little, and people look at few.

What the codes are drawn with is chance as well as taste. Encoders say which of the drawn ones are more like the history
than the rest of them; whoever measures the result must see with another encoder, and let retrieval choose by the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.personalise.rewards import EPSILON, Floats

DRAWN = 16
"""Pictures that are drawn for a person, of whom each sees the few that fit best."""
Vectors = NDArray[Any]


def fits(drawn: Vectors, liked: Vectors) -> Floats:
    """d (mean of the liked - mean of the drawn), as z-scores of the drawn. (n, d), (h, d) -> (n,)

    What all of the drawn ones have in common says nothing about one of them, so that it is taken away.
    """
    worth = drawn.astype(np.float64) @ (liked.mean(axis=0) - drawn.mean(axis=0))
    found: Floats = (worth - worth.mean()) / (worth.std() + EPSILON)
    return found


def best_fitting(seen: Sequence[tuple[Vectors, Vectors]], count: int) -> list[int]:
    """Places of the `count` that fit best, the best first; `seen` is (drawn, liked) by each encoder, weighed alike."""
    worth = np.mean([fits(drawn, liked) for drawn, liked in seen], axis=0)
    return [int(at) for at in np.argsort(-worth, kind="stable")[:count]]
