"""Made people lead to a value, round after round: each is led by what the rounds before taught, and a little by chance.

A value is sure only of what was tried. Policies that need none try widely in the first round; in the next ones the
value so far tries what is near to its best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from palate.steer.bank import Bank
from palate.steer.foreseeing import foreseeing
from palate.steer.recording import record
from palate.steer.simulating import Known, Policy, Told, exploring, unranked
from palate.steer.transitions import Transitions, joined, mixed, transitions
from palate.steer.value import Value, ValueLearning, train_value
from palate.taste.evidence import Floats
from palate.taste.simulated import Habits, crowd_of, people

ROUNDS = 3
TURNS = "turns.safetensors"
FIRST_SEED = 10_000_000
SEEDS_A_ROUND = 100_000
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Stage:
    """Where people are made and led: pictures, what is known of people, and what is foreseen of pictures."""

    bank: Bank
    known: Known
    sight: Floats
    habits: Habits = field(default_factory=Habits)
    seed: int = 0


def simulated(
    stage: Stage, count: int, number: int, leader: Value | None = None, progress: Progress = lambda *_: None
) -> Iterator[Told]:
    """Round `number`: conversations of `count` other people."""
    luck = np.random.default_rng([stage.seed, 2, number])
    crowd = crowd_of(people(stage.known.heads, stage.known.within, count, stage.habits, luck))
    leading: Sequence[Policy]
    if leader is None:
        leading = (unranked, exploring, *(foreseeing(stage.sight, noise) for noise in (0.0, 0.3, 0.6, 1.0)))
    else:
        leading = [leader.policy(noise) for noise in (0.3, 0.7, 1.2)]
    first = FIRST_SEED + number * SEEDS_A_ROUND
    return record(stage.bank, crowd, leading, stage.known, first=first, progress=progress)


def value_in_rounds(
    stage: Stage,
    recorded: Transitions | None,
    count: int,
    learning: ValueLearning,
    *,
    rounds: int = ROUNDS,
    keep: Path | None = None,
    progress: Progress = lambda *_: None,
) -> tuple[Value, Transitions]:
    """The value of recorded and `count` made conversations, and the made ones. A stopped one goes on from `keep`."""
    parts: list[Transitions] = []
    value: Value | None = None
    for number in range(rounds):
        folder = None if keep is None else keep / f"round-{number + 1}"
        parts.append(_turns(stage, count // rounds, number, value, folder, progress))
        made = joined(parts)
        last = number == rounds - 1
        now = learning if last else replace(learning, steps=max(learning.steps // 2, 1))
        data = made if recorded is None else mixed(recorded, made)
        value, _ = train_value(data, now, keep=folder, progress=progress)
    assert value is not None
    return value, made


def _turns(
    stage: Stage, count: int, number: int, leader: Value | None, folder: Path | None, progress: Progress
) -> Transitions:
    """A round's, read where it was led to its end before."""
    from safetensors.numpy import load_file, save_file

    path = None if folder is None else folder / TURNS
    if path is not None and path.is_file():
        return Transitions.of(load_file(path))
    made = transitions(simulated(stage, count, number, leader, progress), stage.sight)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: np.ascontiguousarray(array) for name, array in made.arrays().items()}, path.with_suffix(".new")
        )
        path.with_suffix(".new").replace(path)
    return made


def forget_turns(keep: Path) -> None:
    """They take hundreds of megabytes, and nothing more is learned from them."""
    for path in keep.glob(f"round-*/{TURNS}"):
        path.unlink()
