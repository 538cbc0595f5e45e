"""The `steering` scenario: do unseen simulated people end with pictures that they truly like better?

On a made bank of prompts and pictures (`palate.steer.bank.MadeBank`). A picked picture is better or worse than a
baseline's where the person's own hidden utility differs by more than `SAME` of its spread; otherwise it is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric, Report, write_run
from palate.steer.bank import MadeBank
from palate.steer.simulating import TURNS, Known, Policy, converse, exploring, greedy, kept_first, unranked
from palate.steer.value import ValueLearning, train_value, transitions
from palate.taste.simulated import Habits, SimulatedPerson, people
from palate.taste.utilities import Heads

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

SCENARIO = "steering"
SAME = 0.05
TYPES = 8
OWN_SPREAD = 0.8
"""How far a person's head is from their type's, whose length is 2."""


@dataclass(frozen=True, slots=True)
class SteeringDesign:
    people: int = 500
    recorded: int = 3000
    """Conversations of other simulated people that the value is learned from; 0 leaves the value out."""
    habits: Habits = field(default_factory=Habits)
    learning: ValueLearning = field(default_factory=lambda: ValueLearning(steps=3000, expectile=0.9))
    seed: int = 0


def made_world(seed: int) -> tuple[MadeBank, Known]:
    """The bank, and the user model: what policies know of people."""
    bank = MadeBank(seed=seed)
    heads = np.random.default_rng([seed, 5]).standard_normal((TYPES, bank.wide))
    heads *= 2 / np.linalg.norm(heads, axis=1, keepdims=True)
    within = np.eye(bank.wide) * OWN_SPREAD**2 / bank.wide
    return bank, Known(Heads(heads, np.zeros(TYPES), np.full(TYPES, 1 / TYPES)), within)


def evaluate_steering(
    design: SteeringDesign | None = None, *, out: Path | None = None, progress: Progress = lambda *_: None
) -> Report:
    """Each policy against (a) the unranked slate, (b) greedy on taste, (c) the first prompt; `out`: the run's files."""
    began = time.perf_counter()
    design = design or SteeringDesign()
    bank, known = made_world(design.seed)
    crowd = people(known.heads, known.within, design.people, design.habits, np.random.default_rng([design.seed, 1]))
    policies: dict[str, Policy] = {"unranked": unranked, "greedy": greedy, "exploring": exploring}
    if design.recorded:
        policies["iql"] = _learned(bank, known, design, progress)
    worth = {name: _worth(bank, known, crowd, policy, progress, name) for name, policy in policies.items()}
    worth["first"] = np.array([kept_first(bank, person, number) for number, person in enumerate(crowd)])
    metrics = compared(worth, design.seed)
    report = Report(
        SCENARIO,
        metrics,
        len(crowd),
        0,
        time.perf_counter() - began,
        None if out is None else str(out),
        {"Against the unranked slate": _table(metrics, policies)},
    )
    if out is not None:
        rows = [
            {"person": number, "policy": name, "worth": values.tolist()}
            for name, table in worth.items()
            for number, values in enumerate(table)
        ]
        write_run(out, {"scenario": SCENARIO, "bank": "made", "design": asdict(design)}, [], rows, report)
    return report


def _learned(bank: MadeBank, known: Known, design: SteeringDesign, progress: Progress) -> Policy:
    """The value's policy, from people who are never tested, led by each of the other policies in turn."""
    crowd = people(known.heads, known.within, design.recorded, design.habits, np.random.default_rng([design.seed, 2]))
    leading = (unranked, greedy, exploring, greedy)
    told = []
    for number, person in enumerate(crowd):
        told.append(converse(bank, person, leading[number % 4], known, 10_000_000 + number))
        progress("recording", number + 1, len(crowd))
    value, _ = train_value(transitions(told), design.learning)
    return value.policy()


def _worth(
    bank: MadeBank, known: Known, crowd: Sequence[SimulatedPerson], policy: Policy, progress: Progress, name: str
) -> Floats:
    """(people, turns): the true worth of what each person had picked, turn by turn."""
    found = np.empty((len(crowd), TURNS))
    for number, person in enumerate(crowd):
        told = converse(bank, person, policy, known, number)
        found[number] = [step.worth for step in told.steps]
        progress(name, number + 1, len(crowd))
    return found


def compared(worth: Mapping[str, Floats], seed: int) -> dict[str, Metric]:
    """Shares of better, same, worse, and better less worse, for every pair that the scenario asks for."""
    margin = SAME * float(worth["unranked"].std())
    metrics: dict[str, Metric] = {}
    for name, mine in worth.items():
        for other, title in (("unranked", name), ("greedy", f"{name}-vs-greedy"), ("first", f"{name}-vs-first")):
            if name in (other, "first", "unranked"):
                continue
            gap = mine - worth[other]
            for turn in range(1, mine.shape[1]):
                shares = {"better": gap[:, turn] > margin, "worse": gap[:, turn] < -margin}
                shares["same"] = ~(shares["better"] | shares["worse"])
                for what, share in shares.items():
                    metrics[f"{title}/{what}@{turn + 1}"] = bootstrap(share.astype(float), seed=seed)
                net = shares["better"].astype(float) - shares["worse"]
                metrics[f"{title}/better-worse@{turn + 1}"] = bootstrap(net, seed=seed)
    return metrics


def _table(metrics: Mapping[str, Metric], policies: Mapping[str, Policy]) -> list[dict[str, Any]]:
    rows = []
    for name in policies:
        row: dict[str, Any] = {"policy": name}
        for turn in range(2, TURNS + 1):
            shares = [metrics.get(f"{name}/{what}@{turn}") for what in ("better", "same", "worse")]
            row[f"turn {turn}"] = " / ".join(f"{share.value:.0%}" for share in shares if share)
        if len(row["turn 2"]):
            rows.append(row)
    return rows
