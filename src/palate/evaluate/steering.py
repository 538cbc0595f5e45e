"""The `steering` scenario: do unseen simulated people end with pictures that they truly like better?

On a bank of prompts and pictures, made or drawn. What policies know of people was learned from recorded conversations
of others. A picked picture is better or worse than a baseline's where the person's own hidden utility differs by more
than `SAME` of its spread; otherwise it is the same.
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
from palate.evaluate.steering_worlds import World, bank_named, simulated, world
from palate.steer.simulating import TURNS, Policy, converse, exploring, greedy, kept_first, unranked
from palate.steer.value import ValueLearning, mixed, train_value, transitions
from palate.taste.simulated import Habits, SimulatedPerson, people

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

SCENARIO = "steering"
SAME = 0.05


@dataclass(frozen=True, slots=True)
class SteeringDesign:
    people: int = 500
    bank: str = "made"
    recorded: int = 600
    """Conversations of other people: what is known of people comes from them, and a part of the value."""
    simulated: int = 3000
    """Conversations of people made from what is known, which the value is learned from as well; 0 leaves it out."""
    ablation: bool = False
    """Learn the value from either kind of conversation alone as well."""
    habits: Habits = field(default_factory=Habits)
    learning: ValueLearning = field(default_factory=lambda: ValueLearning(steps=3000, expectile=0.9))
    seed: int = 0


def evaluate_steering(
    design: SteeringDesign | None = None, *, out: Path | None = None, progress: Progress = lambda *_: None
) -> Report:
    """Each policy against (a) the unranked slate, (b) greedy on taste, (c) the first prompt; `out`: the run's files."""
    began = time.perf_counter()
    design = design or SteeringDesign()
    bank = bank_named(design.bank, design.seed)
    place = world(bank, design.bank, design.recorded, design.habits, design.seed, progress)
    luck = np.random.default_rng([design.seed, 1])
    crowd = people(place.truth.heads, place.truth.within, design.people, design.habits, luck)
    policies: dict[str, Policy] = {"unranked": unranked, "greedy": greedy, "exploring": exploring}
    if design.simulated:
        policies |= _learned(place, design, progress)
    worth = {name: _worth(place, crowd, policy, progress, name) for name, policy in policies.items()}
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
        write_run(out, {"scenario": SCENARIO, "design": asdict(design)}, [], rows, report)
    return report


def _learned(place: World, design: SteeringDesign, progress: Progress) -> dict[str, Policy]:
    """The value's policy, from people who are never tested: `iql` of both kinds of conversations, and of each alone."""
    made = transitions(simulated(place, design.simulated, design.habits, design.seed, progress))
    recorded = transitions(place.recorded)
    sources = {"iql": mixed(recorded, made)}
    if design.ablation:
        sources |= {"iql-recorded": recorded, "iql-simulated": made}
    return {name: train_value(data, design.learning)[0].policy() for name, data in sources.items()}


def _worth(place: World, crowd: Sequence[SimulatedPerson], policy: Policy, progress: Progress, name: str) -> Floats:
    """(people, turns): the true worth of what each person had picked, turn by turn."""
    found = np.empty((len(crowd), TURNS))
    for number, person in enumerate(crowd):
        told = converse(place.bank, person, policy, place.known, number)
        found[number] = [step.worth for step in told.steps]
        progress(name, number + 1, len(crowd))
    return found


def compared(worth: Mapping[str, Floats], seed: int) -> dict[str, Metric]:
    """Shares of better, same, worse, and better less worse, for every pair that the scenario asks for."""
    margin = SAME * float(worth["unranked"].std())
    metrics: dict[str, Metric] = {}
    for name, mine in worth.items():
        for other in ("unranked", "greedy", "first", "iql-recorded", "iql-simulated"):
            if (
                name in (other, "first", "unranked")
                or other not in worth
                or (other.startswith("iql-") and name != "iql")
            ):
                continue
            title = name if other == "unranked" else f"{name}-vs-{other}"
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
