"""What recorded conversations teach: a user model by EM over their picks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from palate.errors import PalateError
from palate.steer.bank import Bank
from palate.steer.simulating import COLUMNS, Known, Policy, Told, converse
from palate.taste.evidence import Evidence, Floats, Picks
from palate.taste.influence import capped
from palate.taste.offset import learned_spread
from palate.taste.simulated import NOBODY, Crowd
from palate.taste.types import Learning, fine_tune, fit_types
from palate.taste.utilities import Heads

Progress = Callable[[str, int, int], None]

AT_ONCE = 500
"""Conversations side by side: what is believed of each is a matrix a type."""
OTHERS_WEIGHT = 0.5
"""One pick from four says who beat three others at once: three battles that are not independent."""


def nothing_known(wide: int) -> Known:
    """Before anybody was recorded: one type that may like whatever."""
    return Known(Heads(np.zeros((1, wide)), np.zeros(1), np.ones(1)), np.eye(wide) / wide)


def record(
    bank: Bank,
    crowd: Crowd,
    leading: Sequence[Policy],
    known: Known,
    *,
    first: int,
    at_once: int = AT_ONCE,
    progress: Progress = lambda *_: None,
) -> Iterator[Told]:
    """A conversation a person, the people in parts that the policies lead in turn, with seeds from `first` on."""
    parts = max(len(leading), -(-len(crowd) // at_once))
    for number, rows in enumerate(np.array_split(np.arange(len(crowd)), parts)):
        if len(rows):
            yield converse(bank, crowd.of(rows), leading[number % len(leading)], known, first + number)
        progress("recording", int(rows[-1]) + 1 if len(rows) else len(crowd), len(crowd))


def evidence_of(told: Sequence[Told]) -> Evidence:
    """All picks, a column being the mean of its pictures (what `mean` aggregates to); refusals say nothing here."""
    features, person, picked, people = [], [], [], 0
    for part in told:
        for step in part.steps:
            some = np.flatnonzero(step.picked != NOBODY)
            features.append(step.columns[some])
            person.append(people + some)
            picked.append(step.picked[some])
        people += len(part)
    slates = np.concatenate(features) if features else np.empty((0, COLUMNS, 1))
    if not len(slates):
        raise PalateError("nothing_recorded", "nobody picked anything in these conversations")
    rows = np.arange(slates.shape[0] * slates.shape[1]).reshape(*slates.shape[:2], 1)
    picks = Picks(np.concatenate(person), rows, np.concatenate(picked))
    return Evidence(slates.reshape(-1, slates.shape[-1]), people, picks=picks)


def learned(told: Sequence[Told], types: int, *, seed: int = 0, rounds: int = 3) -> Known:
    """Types by EM, and by EM again how people differ from their type: all that policies know of people."""
    return known_from(evidence_of(told), types, seed=seed, rounds=rounds)


def known_from(evidence: Evidence, types: int, *, seed: int = 0, rounds: int = 3, begun: Heads | None = None) -> Known:
    """The same from picks; no person's count for more than a few others' do.

    `begun`: heads that single turns taught before, which the picks move and are held near to.
    """
    evidence = capped(evidence, seed=seed)
    wide = evidence.features.shape[1]
    learning = Learning(apart=float(wide), seed=seed)
    fitted = fit_types(evidence, types, learning) if begun is None else fine_tune(begun, evidence, learning)
    heads = fitted.heads
    within = np.eye(wide) * float((heads.weights**2).mean() + 1.0 / wide)
    return Known(heads, learned_spread(heads, differences(evidence), within, rounds=rounds, weight=OTHERS_WEIGHT))


def differences(evidence: Evidence) -> list[Floats]:
    """Of each person who chose anything (n, d): what won less what it beat, in battles and in slates."""
    X, pairs, picks = evidence.features, evidence.pairs, evidence.picks
    columns = X[picks.slates].mean(axis=2)
    rows, others = np.arange(len(columns)), np.ones(columns.shape[:2], dtype=bool)
    others[rows, picks.picked] = False
    beaten = columns[rows, picks.picked][:, None] - columns[others].reshape(
        len(columns), columns.shape[1] - 1, X.shape[1]
    )
    won = X[pairs.better] - X[pairs.worse]
    return [
        np.vstack([won[pairs.person == number], beaten[picks.person == number].reshape(-1, X.shape[1])])
        for number in np.unique(np.concatenate([pairs.person, picks.person]))
    ]
