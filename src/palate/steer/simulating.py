"""Conversations of simulated people on a bank: what was shown, what was picked, and what it was truly worth to them.

Many conversations go side by side, so that tens of thousands take minutes: every array has their number n in front.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from palate.steer.bank import Bank, Options
from palate.steer.slates import best_slates
from palate.taste.evidence import Floats, Rows
from palate.taste.offset import Belief, battle, chosen, drawn, first_belief, of_each, of_some, worth
from palate.taste.simulated import NOBODY, Crowd
from palate.taste.utilities import Heads

TURNS = 5
COLUMNS = 4
REFUSED = 0.5


@dataclass(frozen=True, slots=True)
class State:
    """What is known in n conversations before a slate is chosen: h of the paper, pictures included."""

    turn: int
    belief: Belief
    first: Floats
    """Words (n, d) of the first prompts."""
    now: Floats
    """Words (n, d) of the prompts that were picked last."""
    seen: Floats
    """The mean (n, d) of the pictures that were picked, zero before the first."""
    held: Floats
    """The pictures (n, d) that are held: those picked last, or the first prompt's."""


@dataclass(frozen=True, slots=True)
class Step:
    """A turn: the state, the candidates and which were shown, the columns' pictures, the pick, and its true worth."""

    state: State
    options: Options
    slate: Rows
    """(n, L) places among the candidates."""
    columns: Floats
    """(n, L, d) the mean of each column's pictures."""
    picked: Rows
    """(n,) columns, or `NOBODY`."""
    held: Floats
    """(n, d) the pictures that are held after the turn: those just picked, or else picked before."""
    worth: Floats
    """(n,)"""


@dataclass
class Told:
    """Whole conversations: what the first prompts' pictures were worth (n,), and the turns."""

    begun: Floats
    steps: list[Step] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.begun)

    @property
    def worth(self) -> Floats:
        """(n, turns)"""
        return np.stack([step.worth for step in self.steps], axis=1)


Policy = Callable[[State, Options, np.random.Generator], Rows]
"""Places (n, L) of the candidates that are shown."""


@dataclass(frozen=True, slots=True)
class Known:
    """The user model that a policy may use: types and the spread of people around them."""

    heads: Heads
    within: Floats


def converse(bank: Bank, crowd: Crowd, policy: Policy, known: Known, seed: int, *, turns: int = TURNS) -> Told:
    """One conversation each; equal seeds give equal first prompts, luck with candidates and noise whatever the policy.

    Person i's luck does not depend on how many come after.
    """
    entries = bank.first(len(crowd), np.random.default_rng([seed, 0]))
    words, held = bank.words(entries), bank.pictures(entries)
    belief = of_each(first_belief(known.heads, known.within), len(crowd))
    state = State(0, belief, words, words, np.zeros_like(words), held.mean(axis=1))
    told, every = Told((state.held * crowd.heads).sum(axis=1)), np.arange(len(crowd))
    times = np.zeros(len(crowd))
    for turn in range(turns):
        options = bank.options(entries, np.random.default_rng([seed, 2, turn]))
        slate = policy(state, options, np.random.default_rng([seed, 3, turn]))
        pictures = bank.pictures(np.take_along_axis(options.entries, slate, axis=1))
        picked = crowd.pick(pictures, np.random.default_rng([seed, 1, turn]))
        columns = pictures.mean(axis=2)
        belief = taught_all(state.belief, columns, picked)
        some = picked != NOBODY
        place = np.where(some, picked, 0)
        taken = columns[every, place]
        entries = np.where(some, options.entries[every, slate[every, place]], entries)
        held = np.where(some[:, None, None], pictures[every, place], held)
        seen = np.where(some[:, None], (state.seen * times[:, None] + taken) / (times[:, None] + 1), state.seen)
        times = times + some
        middle = held.mean(axis=1)
        told.steps.append(Step(state, options, slate, columns, picked, middle, (middle * crowd.heads).sum(axis=1)))
        state = State(turn + 1, belief, words, bank.words(entries), seen, middle)
    return told


def taught(belief: Belief, columns: Floats, picked: int | None) -> Belief:
    """What a slate's answer teaches: columns (L, d), the picked one, or none of them."""
    return chosen(belief, columns, picked) if picked is not None else _refused(belief, columns)


def taught_all(belief: Belief, columns: Floats, picked: Rows) -> Belief:
    """The same of n people: columns (n, L, d), picked (n,)."""
    some, none = np.flatnonzero(picked != NOBODY), np.flatnonzero(picked == NOBODY)
    parts = (
        chosen(of_some(belief, some), columns[some], picked[some]),
        _refused(of_some(belief, none), columns[none]),
    )
    back = np.argsort(np.concatenate([some, none]))
    logs, mean, covariance = (
        np.concatenate([getattr(part, name) for part in parts])[back] for name in ("logs", "mean", "covariance")
    )
    return Belief(logs, mean, covariance)


def _refused(belief: Belief, columns: Floats) -> Belief:
    count = columns.shape[-2]
    for at in range(count):
        belief = battle(belief, -columns[..., at, :], weight=REFUSED / count)
    return belief


def retold(told: Told, known: Known) -> Told:
    """Recorded conversations under another user model, each turn worth what is expected after all of its answers.

    Nobody tells what pictures were truly worth to a real person: what they went on to choose is the best there is.
    """
    belief = of_each(first_belief(known.heads, known.within), len(told))
    steps = []
    for step in told.steps:
        steps.append(replace(step, state=replace(step.state, belief=belief)))
        belief = taught_all(belief, step.columns, step.picked)
    hindsight = worth(belief, np.stack([step.held for step in steps], axis=1))[0]
    again = [replace(step, worth=values) for step, values in zip(steps, hindsight.T, strict=True)]
    return Told(told.begun, again)


def unranked(state: State, options: Options, rng: np.random.Generator) -> Rows:
    """(a): four of the 25 by chance, one a category."""
    del state
    return best_slates(rng.random(options.entries.shape), options.categories, COLUMNS)


def greedy(state: State, options: Options, rng: np.random.Generator) -> Rows:
    """(b): what is expected to be worth most now."""
    del rng
    return best_slates(worth(state.belief, options.words)[0], options.categories, COLUMNS)


def exploring(state: State, options: Options, rng: np.random.Generator) -> Rows:
    """Thompson sampling: on one head that each person may have."""
    heads = drawn(state.belief, rng)
    return best_slates((options.words @ heads[..., None])[..., 0], options.categories, COLUMNS)
