"""The `steering` scenario: do unseen simulated people end with pictures that they truly like better?

On a bank of prompts and pictures, made or drawn. What policies know of people was learned from recorded conversations
of others. A picked picture is better or worse than a baseline's where the person's own hidden utility differs by more
than `SAME` of its spread; otherwise it is the same. With a folder for it, a run that was stopped goes on.
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
from palate.evaluate.steering_stages import Stages, stages_of
from palate.evaluate.steering_worlds import World, bank_named, pocket_drawing, world
from palate.steer.bank import Bank
from palate.steer.dividing import by_things
from palate.steer.drawn_bank import DrawnBank
from palate.steer.foreseeing import foreseeing
from palate.steer.recording import record
from palate.steer.redrawing import Redrawn
from palate.steer.rounds import ROUNDS, Stage, forget_turns, value_in_rounds
from palate.steer.simulating import TURNS, Policy, exploring, greedy, unranked
from palate.steer.transitions import Transitions
from palate.steer.value import Value, ValueLearning, train_value
from palate.taste.simulated import Crowd, Habits, crowd_of, people

Floats = NDArray[np.float64]
Progress = Callable[[str, int, int], None]

SCENARIO = "steering"
OTHER = "other-things/"
TITLES = {"": "", OTHER: ", about other things"}
SAME = 0.05
LEARNING = ValueLearning(hidden=64, steps=2000, rate=1e-3)
"""Chosen in other worlds (seeds 11 and 12), on people of those."""
GROWS = ("each", "ablation", "drawn")
"""What a run that goes on may ask for beyond what it began with."""
TESTED_SEED = 30_000_000
SEEDS_A_TIME = 100_000


@dataclass(frozen=True, slots=True)
class SteeringDesign:
    people: int = 500
    bank: str = "made"
    recorded: int = 600
    """Conversations of other people: what is known of people comes from them, and a part of the value."""
    simulated: int = 3000
    """Conversations of people made from what is known, which the value is learned from as well; 0 leaves it out."""
    rounds: int = ROUNDS
    """Made conversations come in so many parts, each led by the value that the parts before taught."""
    ablation: bool = False
    """Learn the value from either kind of conversation alone as well."""
    each: int = 1
    """Conversations a tested person: more of them say more of the same people, whom intervals resample."""
    drawn: int = 0
    """So many of the people again, with pictures that are really drawn; needs a drawn bank."""
    other_things: bool = False
    """Learn on half of the things alone, and lead people over the other half as well; needs a drawn bank."""
    habits: Habits = field(default_factory=Habits)
    learning: ValueLearning = field(default_factory=lambda: LEARNING)
    seed: int = 0


def evaluate_steering(
    design: SteeringDesign | None = None, *, out: Path | None = None, progress: Progress = lambda *_: None
) -> Report:
    """Each policy against (a) the unranked slate, (b) greedy on taste, (c) the first prompt; `out`: the run's files."""
    began = time.perf_counter()
    design = design or SteeringDesign()
    stages = stages_of(out, {key: value for key, value in asdict(design).items() if key not in GROWS})
    bank = bank_named(design.bank, design.seed)
    banks: dict[str, Bank] = {"": bank}
    if design.other_things:
        banks = dict(zip(("", OTHER), by_things(_drawn_before(bank), seed=design.seed), strict=True))
    place = world(banks[""], design.recorded, design.habits, design.seed, progress, stages)
    luck = np.random.default_rng([design.seed, 1])
    crowd = crowd_of(people(place.truth.heads, place.truth.within, design.people, design.habits, luck))
    policies: dict[str, Policy] = {"unranked": unranked, "greedy": greedy, "exploring": exploring}
    policies["foreseeing"] = foreseeing(place.sight)
    if design.simulated:
        policies |= {name: value.policy() for name, value in _learned(place, design, stages, progress).items()}
    metrics: dict[str, Metric] = {}
    worth: dict[str, Floats] = {}
    for about, tested in banks.items():
        found = _held(replace(place, bank=tested), crowd, policies, design.each, stages.within(about), progress)
        metrics |= {about + name: metric for name, metric in compared(found, design.seed, people=len(crowd)).items()}
        worth |= {about + name: table for name, table in found.items()}
    if design.drawn:
        some = crowd.of(np.arange(design.drawn))
        metrics |= _drawn(place, some, policies, worth, design.seed, stages.within("drawn"), progress)
    report = Report(
        SCENARIO,
        metrics,
        len(crowd),
        0,
        time.perf_counter() - began,
        None if out is None else str(out),
        {f"Against the unranked slate{TITLES[about]}": _table(metrics, policies, about) for about in banks},
    )
    if out is not None:
        rows = [
            {"person": number, "policy": name, "worth": values.tolist()}
            for name, table in worth.items()
            for number, values in enumerate(table)
        ]
        write_run(out, {"scenario": SCENARIO, "design": asdict(design)}, [], rows, report)
    return report


def _drawn_before(bank: Bank) -> DrawnBank:
    if not isinstance(bank, DrawnBank):
        raise PalateError("no_bank", "a made bank has no things and draws nothing", hint="--bank pocket")
    return bank


def _drawn(
    place: World,
    crowd: Crowd,
    policies: Mapping[str, Policy],
    worth: Mapping[str, Floats],
    seed: int,
    stages: Stages,
    progress: Progress,
) -> dict[str, Metric]:
    """The same people and candidates, pictures drawn now: the gain over the unranked slate, beside the bank's."""
    again = replace(place, bank=Redrawn(_drawn_before(place.bank), pocket_drawing(), stages.inside("pictures")))
    best = "iql" if "iql" in policies else "greedy"
    names = ("unranked", best)
    found = {name: _worth(again, crowd, policies[name], 0, progress, f"drawing for {name}")[:, 1:] for name in names}
    spread = float(worth["unranked"].std())
    gain = (found[best] - found["unranked"])[:, -1] / spread
    bank = (worth[best] - worth["unranked"])[: len(crowd), -1] / spread
    return {
        f"drawn/{best}-gain@5": bootstrap(gain, seed=seed),
        f"bank/{best}-gain@5": bootstrap(bank, seed=seed),
        f"drawn-vs-bank/{best}-gain@5": bootstrap(gain - bank, seed=seed),
    }


def _learned(place: World, design: SteeringDesign, stages: Stages, progress: Progress) -> dict[str, Value]:
    """Values that no tested person taught: `iql` of both kinds of conversations, and of each alone."""
    stage = Stage(place.bank, place.known, place.sight, design.habits, design.seed)
    learning, keep = design.learning, stages.inside("rounds")

    def rounds() -> tuple[Value, Transitions]:
        count = design.simulated
        return value_in_rounds(
            stage, place.recorded, count, learning, rounds=design.rounds, keep=keep, progress=progress
        )

    ways: dict[str, Callable[[], Value]] = {"iql": lambda: rounds()[0]}
    if design.ablation:
        ways["iql-recorded"] = lambda: train_value(place.recorded, learning, progress=progress)[0]
        ways["iql-simulated"] = lambda: train_value(rounds()[1], learning, progress=progress)[0]
    values = {}
    for name, learn in ways.items():
        folder = stages.inside(name)
        if folder is not None and (folder / "value.json").is_file():
            values[name] = Value.load(folder)
            continue
        values[name] = learn()
        if folder is not None:
            values[name].save(folder)
    if keep is not None:
        forget_turns(keep)
    return values


def _held(
    place: World, crowd: Crowd, policies: Mapping[str, Policy], each: int, stages: Stages, progress: Progress
) -> dict[str, Floats]:
    """Of each policy (each * people, turns), the true worth of what was held after each turn; `first` led nowhere."""
    told: dict[str, Floats] = {}
    for name, policy in policies.items():
        parts = [
            stages.arrays(
                f"tested/{name}-{again + 1}",
                lambda policy=policy, again=again, name=name: {  # type: ignore[misc]
                    "worth": _worth(place, crowd, policy, again, progress, name)
                },
            )["worth"]
            for again in range(each)
        ]
        told[name] = np.concatenate(parts)
    worth = {name: table[:, 1:] for name, table in told.items()}
    worth["first"] = np.repeat(told["unranked"][:, :1], TURNS, axis=1)
    return worth


def _worth(place: World, crowd: Crowd, policy: Policy, again: int, progress: Progress, name: str) -> Floats:
    """(people, 1 + turns): the true worth of the first prompt's pictures, and of those held turn by turn."""
    found: list[Floats] = []
    for part in record(place.bank, crowd, (policy,), place.known, first=TESTED_SEED + SEEDS_A_TIME * again):
        found.append(np.hstack([part.begun[:, None], part.worth]))
        progress(name, sum(map(len, found)), len(crowd))
    return np.concatenate(found)


def compared(worth: Mapping[str, Floats], seed: int, *, people: int | None = None) -> dict[str, Metric]:
    """Shares of better, same, worse, and better less worse, for every pair that the scenario asks for.

    `worth` are tables (each * people, turns), all people once and then again; intervals draw people.
    """
    margin = SAME * float(worth["unranked"].std())
    count = len(worth["unranked"])
    who = np.arange(count) % (people or count)
    metrics: dict[str, Metric] = {}
    for name, mine in worth.items():
        for other in ("unranked", "greedy", "foreseeing", "first", "iql-recorded", "iql-simulated"):
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
                    metrics[f"{title}/{what}@{turn + 1}"] = bootstrap(share.astype(float), clusters=who, seed=seed)
                net = shares["better"].astype(float) - shares["worse"]
                metrics[f"{title}/better-worse@{turn + 1}"] = bootstrap(net, clusters=who, seed=seed)
    return metrics


def _table(metrics: Mapping[str, Metric], policies: Mapping[str, Policy], about: str) -> list[dict[str, Any]]:
    rows = []
    for name in policies:
        row: dict[str, Any] = {"policy": name}
        for turn in range(2, TURNS + 1):
            shares = [metrics.get(f"{about}{name}/{what}@{turn}") for what in ("better", "same", "worse")]
            row[f"turn {turn}"] = " / ".join(f"{share.value:.0%}" for share in shares if share)
        if len(row["turn 2"]):
            rows.append(row)
    return rows
