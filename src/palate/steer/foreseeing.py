"""What the next pictures will look like, from their words and from the pictures that are held.

Words say a part of what is drawn of them. A candidate goes on from a picture that was seen: whatever that shares with
it (the thing, the hand that drew it) is likely to be there again. How likely depends on the category.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from palate.errors import PalateError
from palate.steer.bank import Options
from palate.steer.simulating import COLUMNS, Policy, State, Step, Told
from palate.steer.slates import best_slates
from palate.taste.evidence import Floats, Rows
from palate.taste.offset import worth
from palate.writers.variants import CATEGORIES

RIDGE = 30.0


def grounds(state: State, options: Options) -> Floats:
    """x (n, L_C, 3 d + 1): the candidate's words, the words and the pictures that are held, and 1."""
    words = options.words
    held = np.concatenate([state.now, state.held, np.ones((len(state.now), 1))], axis=1)
    return np.concatenate([words, np.broadcast_to(held[:, None], (*words.shape[:2], held.shape[1]))], axis=2)


def foresight(told: Iterable[Told], *, ridge: float = RIDGE) -> Floats:
    """B (categories, 3 d + 1, d) of y = x B_c + noise, by ridge regression of all columns that were shown on `grounds`.

    The ridge pulls towards what words alone say: B_c = (X^T X + ridge)^-1 X^T (Y - X B_0) + B_0.
    """
    sums: list[tuple[Floats, Floats]] = []
    for part in told:
        for step in part.steps:
            x = np.take_along_axis(grounds(step.state, step.options), step.slate[..., None], axis=1)
            x, off = x.reshape(-1, x.shape[-1]), (step.columns - _words(step)).reshape(-1, step.columns.shape[-1])
            shown = np.array([CATEGORIES.index(name) for name in step.options.categories])[step.slate].ravel()
            own = [shown == number for number in range(len(CATEGORIES))]
            sums.append((np.stack([x[o].T @ x[o] for o in own]), np.stack([x[o].T @ off[o] for o in own])))
    if not sums:
        raise PalateError("nothing_recorded", "pictures are foreseen from at least one conversation")
    XX, XY = (np.sum([each[at] for each in sums], axis=0) for at in (0, 1))
    B: Floats = np.linalg.solve(XX + ridge * np.eye(XX.shape[-1]), XY)
    return B + words_alone(XY.shape[-1])


def _words(step: Step) -> Floats:
    return np.take_along_axis(step.options.words, step.slate[..., None], axis=1)


def words_alone(wide: int) -> Floats:
    """B_0: nothing is foreseen but what words say."""
    return np.repeat(np.eye(3 * wide + 1, wide)[None], len(CATEGORIES), axis=0)


def foreseen(B: Floats, state: State, options: Options) -> Floats:
    """(n, L_C, d) features of pictures."""
    x = grounds(state, options)
    found = np.empty_like(options.words)
    for number, category in enumerate(CATEGORIES):
        own = [name == category for name in options.categories]
        found[:, own] = x[:, own] @ B[number]
    return found


def foreseeing(B: Floats, noise: float = 0.0) -> Policy:
    """Greedy on taste, with foreseen pictures in place of words; `noise` shows what else there is, in spreads."""

    def show(state: State, options: Options, rng: np.random.Generator) -> Rows:
        values, _ = worth(state.belief, foreseen(B, state, options))
        values = values + noise * values.std(axis=1, keepdims=True) * rng.standard_normal(values.shape)
        return best_slates(values, options.categories, COLUMNS)

    return show
