"""Conversations of simulated people on a bank: what was shown, what was picked, and what it was truly worth to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from palate.steer.bank import Bank, Options
from palate.steer.slates import best_slate
from palate.taste.evidence import Floats, Rows
from palate.taste.offset import Belief, battle, chosen, drawn, first_belief, worth
from palate.taste.simulated import SimulatedPerson
from palate.taste.utilities import Heads

TURNS = 5
COLUMNS = 4
REFUSED = 0.5


@dataclass(frozen=True, slots=True)
class State:
    """What is known in a conversation before a slate is chosen: h of the paper, pictures included."""

    turn: int
    belief: Belief
    first: Floats
    """Words (d,) of the first prompt."""
    now: Floats
    """Words (d,) of the prompt that was picked last."""
    seen: Floats
    """The mean (d,) of the pictures that were picked, zero before the first."""


@dataclass(frozen=True, slots=True)
class Step:
    """A turn: the state, the candidates and which were shown, the columns' pictures, the pick, and its true worth."""

    state: State
    options: Options
    slate: tuple[int, ...]
    columns: Floats
    """(L, d) the mean of each column's pictures."""
    picked: int | None
    held: Floats
    """(d,) the pictures that the person holds after the turn: those just picked, or else picked before."""
    worth: float


@dataclass
class Told:
    """A whole conversation, and after which state it ended."""

    steps: list[Step] = field(default_factory=list)
    end: State | None = None


Policy = Callable[[State, Options, np.random.Generator], list[int]]
"""Places of the candidates that are shown."""


@dataclass(frozen=True, slots=True)
class Known:
    """The user model that a policy may use: types and the spread of people around them."""

    heads: Heads
    within: Floats


def converse(
    bank: Bank, person: SimulatedPerson, policy: Policy, known: Known, seed: int, *, turns: int = TURNS
) -> Told:
    """One conversation; equal seeds give equal first prompts, candidates and noise whatever the policy is."""
    luck = np.random.default_rng([seed, 1])
    entry = bank.first(np.random.default_rng([seed, 0]))
    words = bank.words(np.array([entry]))[0]
    held = bank.pictures(np.array([entry]))
    state = State(0, first_belief(known.heads, known.within), words, words, np.zeros(bank.wide))
    told, seen = Told(), []
    for turn in range(turns):
        options = bank.options(entry, np.random.default_rng([seed, 2, turn]))
        slate = policy(state, options, np.random.default_rng([seed, 3, turn]))
        pictures = bank.pictures(options.entries[slate])
        picked = person.pick(pictures, luck)
        columns = pictures.mean(axis=1)
        belief = taught(state.belief, columns, picked)
        if picked is not None:
            entry = int(options.entries[slate[picked]])
            held = pictures[picked : picked + 1]
            seen.append(columns[picked])
        truly = float(person.worth(held)[0])
        told.steps.append(Step(state, options, tuple(slate), columns, picked, held[0].mean(axis=0), truly))
        now = bank.words(np.array([entry]))[0]
        state = State(turn + 1, belief, words, now, np.mean(seen, axis=0) if seen else np.zeros(bank.wide))
    told.end = state
    return told


def taught(belief: Belief, columns: Floats, picked: int | None) -> Belief:
    """What a slate's answer teaches: columns (L, d), the picked one, or none of them."""
    if picked is not None:
        return chosen(belief, columns, picked)
    for column in columns:
        belief = battle(belief, -column, weight=REFUSED / len(columns))
    return belief


def retold(told: Told, known: Known) -> Told:
    """A recorded conversation under another user model, each turn worth what is expected after all of its answers.

    Nobody tells what pictures were truly worth to a real person: what they went on to choose is the best there is.
    """
    belief = first_belief(known.heads, known.within)
    steps = []
    for step in told.steps:
        steps.append(replace(step, state=replace(step.state, belief=belief)))
        belief = taught(belief, step.columns, step.picked)
    hindsight = worth(belief, np.array([step.held for step in steps]))[0]
    again = [replace(step, worth=float(value)) for step, value in zip(steps, hindsight, strict=True)]
    return Told(again, None if told.end is None else replace(told.end, belief=belief))


def unranked(state: State, options: Options, rng: np.random.Generator) -> list[int]:
    """(a): four of the 25 by chance, one a category."""
    del state
    return best_slate(rng.random(len(options.categories)).tolist(), options.categories, COLUMNS)


def greedy(state: State, options: Options, rng: np.random.Generator) -> list[int]:
    """(b): what is expected to be worth most now."""
    del rng
    return best_slate(worth(state.belief, options.words)[0].tolist(), options.categories, COLUMNS)


def exploring(state: State, options: Options, rng: np.random.Generator) -> list[int]:
    """Thompson sampling: on one head that the person may have."""
    return best_slate((options.words @ drawn(state.belief, rng)).tolist(), options.categories, COLUMNS)


def kept_first(bank: Bank, person: SimulatedPerson, seed: int, turns: int = TURNS) -> list[float]:
    """(c): the first prompt only, at every turn."""
    entry: Rows = np.array([bank.first(np.random.default_rng([seed, 0]))])
    return [float(person.worth(bank.pictures(entry))[0])] * turns
