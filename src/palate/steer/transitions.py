"""What a value learns from: states and candidates as numbers, and the turns of many conversations.

Both see the pictures of the history: through the belief that their choices led to, their mean, what is held beyond its
words, and what is foreseen of the next ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.steer.bank import Options
from palate.steer.foreseeing import foreseen
from palate.steer.simulating import TURNS, State, Told
from palate.taste.evidence import Floats, Rows
from palate.taste.offset import Belief, worth
from palate.writers.variants import CATEGORIES

Numbers = NDArray[np.floating[Any]]
LEAST = 0.1
"""The share of recorded conversations in a mixture, at least."""
EARLIER = 0.3
"""What a picture held on the way counts beside the one a conversation ends with."""


@dataclass(frozen=True, slots=True)
class Transitions:
    """Recorded turns: states (n, s), shown candidates (n, L, c), rewards (n,), and the row that follows (n,) or -1."""

    states: Numbers
    shown: Numbers
    rewards: Numbers
    follows: Rows
    sight: Floats
    """The B of `palate.steer.foreseeing` that candidates were seen with."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What is kept of them in a file."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Transitions:
        """From what was kept, whatever else was kept with it."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})


def of_state(state: State) -> Floats:
    """h (n, s): the turn, what is believed of the person and how surely, the first prompt, the last, the pictures.

    `held - now` is what the pictures that are held are beyond their words.
    """
    gamma, mean, doubt = expected(state.belief)
    turn = np.repeat(np.eye(TURNS)[min(state.turn, TURNS - 1)][None], len(gamma), axis=0)
    beyond = state.held - state.now
    holds = np.stack([(mean * state.held).sum(axis=1), (mean * beyond).sum(axis=1)], axis=1)
    return np.hstack([turn, gamma, mean, doubt, state.first, state.now, state.seen, beyond, holds])


def expected(belief: Belief) -> tuple[Floats, Floats, Floats]:
    """Types (n, K), and over them the head's mean and its standard deviation in each direction, (n, d)."""
    gamma = belief.types
    mean = (gamma[..., None] * belief.mean).sum(axis=-2)
    own = np.diagonal(belief.covariance, axis1=-2, axis2=-1) + (belief.mean - mean[..., None, :]) ** 2
    return gamma, mean, np.sqrt(np.maximum((gamma[..., None] * own).sum(axis=-2), 0.0))


def of_candidates(state: State, options: Options, sight: Floats) -> Floats:
    """p (n, L_C, c): its words, its category, what is foreseen of its pictures, and what that is expected to be worth.

    Direction by direction as well, since some are foreseen better than others, and beside the worth of what is held,
    since of a slate only what is better counts. `sight` is the B of `palate.steer.foreseeing`.
    """
    pictures = foreseen(sight, state, options)
    _, head, _ = expected(state.belief)
    by_words, doubt_of_words = worth(state.belief, options.words)
    mean, doubt = worth(state.belief, pictures)
    better = mean - (head * state.held).sum(axis=1)[:, None]
    far = ((pictures - state.held[:, None]) ** 2).mean(axis=2)
    again = (pictures * state.seen[:, None]).sum(axis=2)
    single = (by_words, doubt_of_words, mean, doubt, np.maximum(better, 0), np.maximum(better - 1, 0), far, again)
    kind = np.array([[float(name == each) for each in CATEGORIES] for name in options.categories])
    kind = np.broadcast_to(kind, (len(mean), *kind.shape))
    wide = (kind, kind * mean[..., None], kind * doubt[..., None], pictures, head[:, None] * pictures)
    return np.concatenate([np.stack(single, axis=2), *wide, options.words, head[:, None] * options.words], axis=2)


def transitions(told: Iterable[Told], sight: Floats, *, earlier: float = EARLIER) -> Transitions:
    """Of every turn; a reward before the last turn counts `earlier`."""
    states, shown, rewards, follows, rows = [], [], [], [], 0
    for part in told:
        for step in part.steps:
            last = step is part.steps[-1]
            states.append(of_state(step.state).astype(np.float32))
            candidates = of_candidates(step.state, step.options, sight)
            shown.append(np.take_along_axis(candidates, step.slate[..., None], axis=1).astype(np.float32))
            rewards.append((step.worth * (1.0 if last else earlier)).astype(np.float32))
            follows.append(np.full(len(part), -1) if last else np.arange(len(part)) + rows + len(part))
            rows += len(part)
    if not states:
        raise PalateError("nothing_recorded", "a value is learned from at least one conversation")
    h, p, r, after = (np.concatenate(part) for part in (states, shown, rewards, follows))
    return Transitions(h, p, r, after, sight)


def joined(parts: Sequence[Transitions]) -> Transitions:
    """One behind the other; all were seen with the same sight."""
    rows, follows = 0, []
    for part in parts:
        follows.append(np.where(part.follows < 0, -1, part.follows + rows))
        rows += len(part.states)
    states, shown, rewards = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("states", "shown", "rewards")
    )
    return Transitions(states, shown, rewards, np.concatenate(follows), parts[-1].sight)


def mixed(recorded: Transitions, made: Transitions, *, least: float = LEAST) -> Transitions:
    """Both, the recorded ones repeated until they are at least a share `least` of all."""
    wanted = least / (1 - least) * len(made.states)
    times = max(1, int(np.ceil(wanted / max(len(recorded.states), 1))))
    return joined([*[recorded] * times, made])
