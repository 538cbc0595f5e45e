"""The `steering` scenario: do unseen simulated people end with pictures that they truly like better?

On a bank of prompts and pictures, made or drawn. What policies know of people was learned from recorded conversations
of others. A picked picture is better or worse than a baseline's where the person's own hidden utility differs by more
than `SAME` of its spread; otherwise it is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric, Report, write_run
from palate.evaluate.steering_worlds import World, bank_named, pocket_drawing, simulated, world
from palate.steer.drawn import DrawnBank
from palate.steer.recording import record
from palate.steer.redrawing import Redrawn
from palate.steer.simulating import TURNS, Policy, exploring, greedy, unranked
from palate.steer.value import ValueLearning, mixed, train_value, transitions
from palate.taste.simulated import Crowd, Habits, crowd_of, people

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

SCENARIO = "steering"
SAME = 0.05
TESTED_SEED = 30_000_000


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
    drawn: int = 0
    """So many of the people again, with pictures that are really drawn; needs a drawn bank."""
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
    crowd = crowd_of(people(place.truth.heads, place.truth.within, design.people, design.habits, luck))
    policies: dict[str, Policy] = {"unranked": unranked, "greedy": greedy, "exploring": exploring}
    if design.simulated:
        policies |= _learned(place, design, progress)
    told = {name: _worth(place, crowd, policy, progress, name) for name, policy in policies.items()}
    worth = {name: table[:, 1:] for name, table in told.items()}
    worth["first"] = np.repeat(told["unranked"][:, :1], TURNS, axis=1)
    metrics = compared(worth, design.seed)
    if design.drawn:
        metrics |= _drawn(place, crowd.of(np.arange(design.drawn)), policies, worth, design.seed, progress)
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


def _drawn(
    place: World,
    crowd: Crowd,
    policies: Mapping[str, Policy],
    worth: Mapping[str, Floats],
    seed: int,
    progress: Progress,
) -> dict[str, Metric]:
    """The same people and candidates, pictures drawn now: the gain over the unranked slate, beside the bank's."""
    if not isinstance(place.bank, DrawnBank):
        raise PalateError("no_bank", "nothing can be drawn for a made bank", hint="--bank pocket")
    again = replace(place, bank=Redrawn(place.bank, pocket_drawing()))
    best = "iql" if "iql" in policies else "greedy"
    names = ("unranked", best)
    found = {name: _worth(again, crowd, policies[name], progress, f"drawing for {name}")[:, 1:] for name in names}
    spread = float(worth["unranked"].std())
    gain = (found[best] - found["unranked"])[:, -1] / spread
    bank = (worth[best] - worth["unranked"])[: len(crowd), -1] / spread
    return {
        f"drawn/{best}-gain@5": bootstrap(gain, seed=seed),
        f"bank/{best}-gain@5": bootstrap(bank, seed=seed),
        f"drawn-vs-bank/{best}-gain@5": bootstrap(gain - bank, seed=seed),
    }


def _learned(place: World, design: SteeringDesign, progress: Progress) -> dict[str, Policy]:
    """The value's policy, from people who are never tested: `iql` of both kinds of conversations, and of each alone."""
    made = transitions(simulated(place, design.simulated, design.habits, design.seed, progress))
    recorded = transitions(place.recorded)
    sources = {"iql": mixed(recorded, made)}
    if design.ablation:
        sources |= {"iql-recorded": recorded, "iql-simulated": made}
    return {name: train_value(data, design.learning)[0].policy() for name, data in sources.items()}


def _worth(place: World, crowd: Crowd, policy: Policy, progress: Progress, name: str) -> Floats:
    """(people, 1 + turns): the true worth of the first prompt's pictures, and of what each had picked turn by turn."""
    found: list[Floats] = []
    for part in record(place.bank, crowd, (policy,), place.known, first=TESTED_SEED):
        found.append(np.hstack([part.begun[:, None], part.worth]))
        progress(name, sum(map(len, found)), len(crowd))
    return np.concatenate(found)


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
