"""What recorded conversations teach: a user model by EM over their picks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from palate.errors import PalateError
from palate.steer.bank import Bank
from palate.steer.simulating import COLUMNS, Known, Policy, Told, converse
from palate.taste.evidence import Evidence, Picks
from palate.taste.offset import learned_spread
from palate.taste.simulated import SimulatedPerson
from palate.taste.types import Learning, fit_types
from palate.taste.utilities import Heads

Progress = Callable[[str, int, int], None]

OTHERS_WEIGHT = 0.5
"""One pick from four says who beat three others at once: three battles that are not independent."""


def nothing_known(wide: int) -> Known:
    """Before anybody was recorded: one type that may like whatever."""
    return Known(Heads(np.zeros((1, wide)), np.zeros(1), np.ones(1)), np.eye(wide) / wide)


def record(
    bank: Bank,
    crowd: Sequence[SimulatedPerson],
    leading: Sequence[Policy],
    known: Known,
    *,
    first: int,
    progress: Progress = lambda *_: None,
) -> list[Told]:
    """A conversation a person, each led by the next of the policies, with seeds from `first` on."""
    told = []
    for number, person in enumerate(crowd):
        told.append(converse(bank, person, leading[number % len(leading)], known, first + number))
        progress("recording", number + 1, len(crowd))
    return told


def evidence_of(told: Sequence[Told]) -> Evidence:
    """All picks, a column being the mean of its pictures (what `mean` aggregates to); refusals say nothing here."""
    features, person, picked = [], [], []
    for number, conversation in enumerate(told):
        for step in conversation.steps:
            if step.picked is not None and len(step.columns) == COLUMNS:
                features.append(step.columns)
                person.append(number)
                picked.append(step.picked)
    if not features:
        raise PalateError("nothing_recorded", "nobody picked anything in these conversations")
    rows = np.vstack(features)
    slates = np.arange(len(rows)).reshape(len(features), -1, 1)
    return Evidence(rows, len(told), picks=Picks(np.array(person), slates, np.array(picked)))


def learned(told: Sequence[Told], types: int, *, seed: int = 0, rounds: int = 3) -> Known:
    """Types by EM, and by EM again how people differ from their type: all that policies know of people."""
    evidence = evidence_of(told)
    wide = evidence.features.shape[1]
    heads = fit_types(evidence, types, Learning(apart=float(wide), seed=seed)).heads
    slates = evidence.features.reshape(*evidence.picks.slates.shape[:2], wide)
    rows = np.arange(len(slates))
    others = np.ones(slates.shape[:2], dtype=bool)
    others[rows, evidence.picks.picked] = False
    beaten = slates[rows, evidence.picks.picked][:, None] - slates[others].reshape(len(slates), -1, wide)
    histories = [
        beaten[evidence.picks.person == number].reshape(-1, wide) for number in np.unique(evidence.picks.person)
    ]
    within = np.eye(wide) * float((heads.weights**2).mean() + 1.0 / wide)
    return Known(heads, learned_spread(heads, histories, within, rounds=rounds, weight=OTHERS_WEIGHT))
