"""What the next pictures will look like, from their words and from the pictures that are held.

Words say a part of what is drawn of them. A candidate goes on from a picture that was seen: whatever that is beyond its
own words (the thing, the hand that drew it) is likely to be there again. How likely depends on the category, and on the
direction; it is so few numbers that they say nothing of any one prompt, and hold for things that nobody drew yet.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from palate.errors import PalateError
from palate.steer.bank import Options
from palate.steer.simulating import COLUMNS, Policy, State, Told
from palate.steer.slates import best_slates
from palate.taste.evidence import Floats, Rows
from palate.taste.offset import worth
from palate.writers.variants import CATEGORIES

RIDGE = 30.0


def beyond(state: State) -> Floats:
    """What the pictures that are held are beyond their words, (n, d)."""
    return state.held - state.now


def foresight(told: Iterable[Told], *, ridge: float = RIDGE) -> Floats:
    """rho (categories, d) of y = words + rho_c * (held - now) + noise, from all columns that were shown.

    By ridge regression in each direction alone, towards what words say: rho = sum b e / (sum b b + ridge) of what is
    beyond words in the pictures held (b) and in the new ones (e).
    """
    found = np.zeros(())
    for part in told:
        for step in part.steps:
            words = np.take_along_axis(step.options.words, step.slate[..., None], axis=1)
            e, b = step.columns - words, np.broadcast_to(beyond(step.state)[:, None], words.shape)
            shown = _kinds(step.options)[step.slate]
            sums = [(b * np.stack([b, e]))[:, shown == number].sum(axis=1) for number in range(len(CATEGORIES))]
            found = found + np.stack(sums)
    if not found.ndim:
        raise PalateError("nothing_recorded", "pictures are foreseen from at least one conversation")
    rho: Floats = found[:, 1] / (found[:, 0] + ridge)
    return rho


def _kinds(options: Options) -> Rows:
    """(L_C,) the categories' numbers."""
    return np.array([CATEGORIES.index(name) for name in options.categories])


def words_alone(wide: int) -> Floats:
    """Nothing is foreseen but what words say."""
    return np.zeros((len(CATEGORIES), wide))


def foreseen(rho: Floats, state: State, options: Options) -> Floats:
    """(n, L_C, d) features of pictures."""
    pictures: Floats = options.words + rho[_kinds(options)] * beyond(state)[:, None]
    return pictures


def foreseeing(rho: Floats, noise: float = 0.0) -> Policy:
    """Greedy on taste, with foreseen pictures in place of words; `noise` shows what else there is, in spreads."""

    def show(state: State, options: Options, rng: np.random.Generator) -> Rows:
        values, _ = worth(state.belief, foreseen(rho, state, options))
        values = values + noise * values.std(axis=1, keepdims=True) * rng.standard_normal(values.shape)
        return best_slates(values, options.categories, COLUMNS)

    return show
