"""Simulated people with a hidden goal: a picture that they would know, and six turns of four pictures to find it.

They say one word of it first. In every turn a policy may ask one question, and shows four pictures that it did not
show yet. A person answers truthfully by what the pictures' names tell, "I cannot say" where they do not; a critique
names one thing that the first picture shown has otherwise. A policy knows vectors and words, never the names.

Sharpness and steepness are tuned on other things; all policies meet the same people.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.converse.eliciting import Attributes, after, best_question, first_belief, learned_reader, without
from palate.evaluate.converse_sets import DEFAULT_SETS, Sets, Shown, load_sets, part_of, share
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.report import Metric, Report, write_run

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

Floats = NDArray[np.float64]
SCENARIO = "converse-goals"
TURNS = 6
SHOWN = 4
FEWEST, MOST_ALIKE = 2 * TURNS * SHOWN, 500
"""Pictures that a first word has to fit for the goal to be hidden: twice what can be shown; and so many at most."""
MOST_EXAMPLES = 3000
BY_SENTENCES = ", by sentences"
"""Attributes read by what sentences say of them, where they were not learned from examples."""
PEOPLE = {"dev": 150, "test": 400}
PAIRS = (
    ("filled", "outline"), ("bold", "thin"), ("duotone", "filled"), ("duotone", "outline"),
    ("colourful", "black and white"), ("3d", "flat"), ("shaded", "flat"),
)  # fmt: skip
POLICIES = (
    "no critique", "random question", "best question", "critique", "critique and random question",
    "critique and best question",
)  # fmt: skip
SHARPNESS, STEEPNESS = (1.25, 2.5, 5.0, 10.0), (0.75, 1.5, 3.0, 6.0)
COLOURFUL = {"noto": "shaded", "fluent-emoji": "3d", "fluent-emoji-flat": "flat"}
"""Sets in colours, and how they are painted."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A person's: row `target`, the word they begin with, and the candidates' rows."""

    target: int
    word: str
    candidates: tuple[int, ...]


def truth(row: Shown) -> frozenset[str]:
    """Which attributes a picture has, by its set's kind and its name."""
    if row.set in COLOURFUL:
        return frozenset(("colourful", COLOURFUL[row.set]))
    return (
        row.look | {"black and white", "outline"}
        if not row.look & {"filled", "duotone", "outline"}
        else (row.look | {"black and white"})
    )


def says(goal: Shown, pair: tuple[str, str]) -> bool | None:
    """The person's answer to "more X or more Y?"; None where the goal has neither or both."""
    own = truth(goal)
    first, second = pair[0] in own, pair[1] in own
    return first if first != second else None


def criticises(goal: Shown, shown: Shown, said: set[int]) -> tuple[int, bool] | None:
    """The first attribute, not said yet, in which the shown picture differs from the goal: its number, and more."""
    for at, pair in enumerate(PAIRS):
        wanted, there = says(goal, pair), says(shown, pair)
        if at not in said and wanted is not None and there is not None and wanted != there:
            return at, wanted
    return None


def goals_of(sets: Sets, part: str) -> list[Goal]:
    """One person for a word, whose goal is one of the many pictures that have that word in their names."""
    by_word: dict[str, list[int]] = {}
    for at, row in enumerate(sets.rows):
        for word in set(row.thing):
            if word.isalpha() and len(word) > 2:
                by_word.setdefault(word, []).append(at)
    found = []
    for word, rows in sorted(by_word.items()):
        if FEWEST <= len(rows) <= MOST_ALIKE and part_of((word,)) == part:
            order = sorted(rows, key=lambda at: share("goal", word, str(at)))
            found += [Goal(target, word, tuple(rows)) for target in order[:5]]
    return sorted(found, key=lambda goal: share("person", goal.word, str(goal.target)))[: PEOPLE[part]]


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """What a policy may know of one goal's candidates: how they fit the word, and their attributes."""

    goal: Goal
    fits: Floats
    attributes: Attributes


def readers_of(sets: Sets) -> Floats:
    """(a, d + 1): each attribute as read from pictures of other things, whose names tell it."""
    rows = [at for at, row in enumerate(sets.rows) if part_of(row.thing) == "train"]
    readers = []
    for pair in PAIRS:
        told = [(at, says(sets.rows[at], pair)) for at in rows]
        known = sorted((at for at, said in told if said is not None), key=lambda at: share("example", str(at)))
        known = known[:MOST_EXAMPLES]
        has = np.array([bool(says(sets.rows[at], pair)) for at in known], dtype=bool)
        readers.append(learned_reader(sets.vectors[known], has))
    return np.stack(readers)


def worlds_of(sets: Sets, goals: Sequence[Goal], encoder: Encoder, readers: Floats | None = None) -> list[World]:
    words = encoder.encode_words([goal.word for goal in goals])
    made = []
    for goal, word in zip(goals, words, strict=True):
        candidates = sets.vectors[list(goal.candidates)]
        if readers is None:
            attributes = Attributes.of(candidates, encoder.encode_words, goal.word, PAIRS)
        else:
            attributes = Attributes(PAIRS, candidates.astype(np.float64) @ readers[:, :-1].T + readers[:, -1])
        made.append(World(goal, (candidates @ word).astype(np.float64), attributes))
    return made


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """How far words and answers are believed, and how often other people could answer each question (a,)."""

    sharpness: float
    steepness: float
    answered: Floats


def answered_by(sets: Sets, worlds: Sequence[World]) -> Floats:
    own = [[says(sets.rows[world.goal.target], pair) is not None for pair in PAIRS] for world in worlds]
    rates: Floats = np.mean(np.array(own, dtype=np.float64), axis=0)
    return rates


def turns_to_goal(sets: Sets, world: World, policy: str, tuned: Tuned, seed: int) -> int:
    """The turn in which the goal was shown, TURNS + 1 where it never was."""
    goal = sets.rows[world.goal.target]
    rng = np.random.default_rng([seed, world.goal.target, POLICIES.index(policy)])
    belief, steepness = first_belief(world.fits, sharpness=tuned.sharpness), tuned.steepness
    z, asked = world.attributes.z, set[int]()
    place = world.goal.candidates.index(world.goal.target)
    for turn in range(1, TURNS + 1):
        at = -1
        if policy.endswith("best question"):
            at, _ = best_question(belief, world.attributes, tuple(asked), answered=tuned.answered, steepness=steepness)
        elif policy.endswith("random question"):
            left = [pair for pair in range(len(PAIRS)) if pair not in asked]
            at = int(rng.choice(left)) if left else -1
        if at >= 0:
            asked.add(at)
            answer = says(goal, PAIRS[at])
            belief = belief if answer is None else after(belief, z[:, at], answer, steepness=steepness)
        shown = [int(row) for row in np.argsort(-belief, kind="stable")[:SHOWN]]
        if place in shown:
            return turn
        belief = without(belief, shown)
        if policy.startswith("critique"):
            said = criticises(goal, sets.rows[world.goal.candidates[shown[0]]], asked)
            if said is not None:
                asked.add(said[0])
                belief = after(belief, z[:, said[0]], said[1], steepness=steepness)
    return TURNS + 1


def evaluate_goals(
    folder: Path,
    encoder: Encoder,
    *,
    sets: Sequence[str] = DEFAULT_SETS,
    cache: Path | None = None,
    seed: int = 0,
    out: Path | None = None,
) -> Report:
    began = time.perf_counter()
    loaded = load_sets(folder, sets, encoder, cache or (out or folder) / "vectors")
    found: dict[str, Floats] = {}
    tuned: dict[str, Tuned] = {}
    goals = {part: goals_of(loaded, part) for part in PEOPLE}
    for reading, readers in (("", readers_of(loaded)), (BY_SENTENCES, None)):
        dev, test = (worlds_of(loaded, goals[part], encoder, readers) for part in PEOPLE)
        tried = [Tuned(*sizes, answered_by(loaded, dev)) for sizes in product(SHARPNESS, STEEPNESS)]
        for policy in POLICIES[1:] if reading else POLICIES:  # each with what suits it best on dev
            best = min(tried, key=lambda one: float(turns_of(loaded, dev, policy, one, seed).mean()))
            found[policy + reading], tuned[policy + reading] = turns_of(loaded, test, policy, best, seed), best
    words = [world.goal.word for world in test]
    report = Report(
        scenario=SCENARIO,
        metrics=_metrics(found, words, seed),
        cases=len(test),
        unscored=0,
        took_s=time.perf_counter() - began,
        run=None if out is None else str(out),
        tables={f"{len(test)} people, {TURNS} turns of {SHOWN} pictures": _table(found, tuned)},
    )
    if out is not None:
        sizes = {policy: [one.sharpness, one.steepness] for policy, one in tuned.items()}
        specification = {"scenario": SCENARIO, "seed": seed, "sets": list(sets), "encoder": encoder.id, "tuned": sizes}
        rows = [
            {"word": world.goal.word, "candidates": len(world.goal.candidates)}
            | {policy: int(own[at]) for policy, own in found.items()}
            for at, world in enumerate(test)
        ]
        write_run(out, specification, rows, (), report)
    return report


def _table(found: Mapping[str, Floats], tuned: Mapping[str, Tuned]) -> list[dict[str, Any]]:
    return [
        {
            "policy": policy,
            "found": f"{(own <= TURNS).mean():.1%}",
            f"turns ({TURNS + 1}: never)": f"{own.mean():.2f}",
            "sharpness": tuned[policy].sharpness,
            "steepness": tuned[policy].steepness,
        }
        for policy, own in found.items()
    ]


def turns_of(sets: Sets, worlds: Sequence[World], policy: str, tuned: Tuned, seed: int) -> Floats:
    found: Floats = np.array([turns_to_goal(sets, world, policy, tuned, seed) for world in worlds], dtype=np.float64)
    return found


def _metrics(found: Mapping[str, Floats], words: Sequence[str], seed: int) -> dict[str, Metric]:
    metrics: dict[str, Metric] = {}
    for policy, own in found.items():
        metrics[f"{policy}/success"] = bootstrap(own <= TURNS, clusters=words, seed=seed)
        metrics[f"{policy}/turns"] = bootstrap(own, clusters=words, seed=seed)
    for policy in ("best question", "critique", "critique and best question"):
        for other in ("no critique", "random question", "critique and random question"):
            a, b = found[policy], found[other]
            metrics[f"{policy}-{other}/success"] = paired(a <= TURNS, b <= TURNS, clusters=words, seed=seed)
            metrics[f"{other}-{policy}/turns"] = paired(b, a, clusters=words, seed=seed)
    return metrics
