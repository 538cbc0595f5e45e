"""The `longitudinal` scenario: what months of being recommended to do to made people, and to what is shown.

Each round a person is shown four of a catalogue's pictures and takes one or none, like `palate.steer`'s people. The
loop is closed at both ends: what is shown next is learned from what was taken, and people themselves move a little
(`drawn_on`) towards what they take. Satisfaction is judged by the taste they began with, in standard deviations of all
pictures' worth to them: moving somebody's taste is no way to please them. A case is a person.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate import plots
from palate.evaluate.intervals import bootstrap, paired
from palate.evaluate.paired import scores_by_case
from palate.evaluate.report import Metric, Report, write_run
from palate.evaluate.traffic import Trials, trials
from palate.metrics.picture_sets import vendi
from palate.metrics.recommending import gini
from palate.steer.bank import Bank, MadeBank
from palate.steer.simulating import taught
from palate.taste.offset import Belief, drawn, first_belief
from palate.taste.simulated import Habits, SimulatedPerson, people
from palate.taste.utilities import Heads

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
SCENARIO = "longitudinal"
SHOWN = 4
TYPES, APART, OWN = 6, 2.0, 0.8
LATE = 10
"""Rounds at either end that are compared."""


@dataclass(frozen=True, slots=True)
class Months:
    people: int = 60
    rounds: int = 60
    entries: int = 300
    drawn_on: float = 0.02
    """Share of the way that a taste moves towards what was just taken; 0 for people who stay as they are."""
    trials: int = 200
    habits: Habits = field(default_factory=Habits)
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Catalogue:
    """N entries: what words say of them (N, d), and their pictures (N, M, d)."""

    words: Floats
    pictures: Floats

    @property
    def middle(self) -> Floats:
        found: Floats = self.pictures.mean(axis=1)
        return found


@dataclass(eq=False)
class Crowd:
    """What a policy may look at: a belief a person, and how often each entry was taken by anybody."""

    beliefs: list[Belief]
    taken: Floats


Choose = Callable[[Crowd, int, Catalogue, np.random.Generator], Floats]
"""Crowd, person, catalogue -> (N,) scores; the best four are shown."""


def by_chance(crowd: Crowd, person: int, catalogue: Catalogue, rng: np.random.Generator) -> Floats:
    del crowd, person
    return rng.random(len(catalogue.words))


def by_popularity(crowd: Crowd, person: int, catalogue: Catalogue, rng: np.random.Generator) -> Floats:
    """What most people took, the same for all; noise parts equals."""
    del person
    found: Floats = crowd.taken + 1e-3 * rng.random(len(catalogue.words))
    return found


def by_taste(crowd: Crowd, person: int, catalogue: Catalogue, rng: np.random.Generator) -> Floats:
    """Greedy on what is believed of the person."""
    del rng
    belief = crowd.beliefs[person]
    return catalogue.words @ (belief.types @ belief.mean)


def by_curiosity(crowd: Crowd, person: int, catalogue: Catalogue, rng: np.random.Generator) -> Floats:
    """On one head that the person may have (Thompson sampling)."""
    return catalogue.words @ drawn(crowd.beliefs[person], rng)


POLICIES: Mapping[str, Choose] = {
    "chance": by_chance,
    "popularity": by_popularity,
    "taste": by_taste,
    "curiosity": by_curiosity,
}


@dataclass(frozen=True, eq=False)
class Lived:
    """Under one policy: worth (people, rounds) by the first taste, shown (people, rounds, 4), heads at both ends."""

    worth: Floats
    shown: Rows
    before: Floats
    after: Floats


def catalogue_of(bank: Bank, entries: int, rng: np.random.Generator) -> Catalogue:
    """Entries that conversations lead to: from first prompts on, by chance."""
    found: dict[int, None] = {}
    while len(found) < entries:
        now = bank.first(entries, rng)
        for _ in range(4):
            ways = bank.options(now, rng).entries
            now = ways[np.arange(len(now)), rng.integers(ways.shape[1], size=len(now))]
        found |= dict.fromkeys(now.tolist())
    numbers = np.array(list(found)[:entries], dtype=np.intp)
    return Catalogue(bank.words(numbers), bank.pictures(numbers))


def crowd_of(wide: int, months: Months) -> tuple[Heads, Floats, list[SimulatedPerson]]:
    heads = np.random.default_rng([months.seed, 5]).standard_normal((TYPES, wide))
    heads *= APART / np.linalg.norm(heads, axis=1, keepdims=True)
    within = np.eye(wide) * OWN**2 / wide
    made = people(heads_of(heads), within, months.people, months.habits, np.random.default_rng([months.seed, 1]))
    return heads_of(heads), within, made


def heads_of(weights: Floats) -> Heads:
    return Heads(weights, np.zeros(len(weights)), np.full(len(weights), 1 / len(weights)))


def live(catalogue: Catalogue, months: Months, policy: Choose) -> Lived:
    """Everybody's rounds in turns, so that what one takes is known before the next one comes."""
    heads, within, crowd = crowd_of(catalogue.words.shape[1], months)
    first = first_belief(heads, within)
    known = Crowd([first] * len(crowd), np.zeros(len(catalogue.words)))
    rng, luck = np.random.default_rng([months.seed, 2]), np.random.default_rng([months.seed, 3])
    now = list(crowd)
    worth = np.empty((len(crowd), months.rounds))
    shown = np.empty((len(crowd), months.rounds, SHOWN), dtype=np.intp)
    scale = np.array([spread_of(person, catalogue) for person in crowd])
    for turn in range(months.rounds):
        for number, person in enumerate(now):
            slate = np.argsort(-policy(known, number, catalogue, rng), kind="stable")[:SHOWN]
            pictures = catalogue.pictures[slate]
            picked = person.pick(pictures, luck)
            columns = pictures.mean(axis=1)
            known.beliefs[number] = taught(known.beliefs[number], columns, picked)
            shown[number, turn] = slate
            middle, by = scale[number]
            # Nothing taken is worth what an average picture is: nothing was gained.
            value = middle if picked is None else float(crowd[number].worth(pictures[picked : picked + 1])[0])
            worth[number, turn] = (value - middle) / by
            if picked is not None:
                known.taken[slate[picked]] += 1
                now[number] = moved(person, columns[picked], months.drawn_on)
    return Lived(worth, shown, np.array([one.head for one in crowd]), np.array([one.head for one in now]))


def spread_of(person: SimulatedPerson, catalogue: Catalogue) -> tuple[float, float]:
    """Mean and standard deviation of all entries' worth to a person."""
    worth = person.worth(catalogue.pictures)
    return float(worth.mean()), float(worth.std()) + 1e-12


def moved(person: SimulatedPerson, taken: Floats, share: float) -> SimulatedPerson:
    """The person, their taste turned a share of the way towards what they took, as strong as before."""
    length = float(np.linalg.norm(person.head))
    towards = person.head + share * length * taken / max(float(np.linalg.norm(taken)), 1e-12)
    return replace(person, head=towards * length / max(float(np.linalg.norm(towards)), 1e-12))


def measured(lived: Lived, catalogue: Catalogue, seed: int) -> tuple[dict[str, Metric], dict[str, Floats]]:
    """Metrics, and those of them that there are of each person."""
    rows = catalogue.middle
    by_person = {
        "satisfaction": lived.worth[:, -LATE:].mean(axis=1),
        "drift": 1.0 - cosine(lived.before, lived.after),
        "variety": np.array([vendi(rows[one[-LATE:].ravel()]) for one in lived.shown]),
        "bubble": np.array(
            [1 - vendi(rows[one[-LATE:].ravel()]) / vendi(rows[one[:LATE].ravel()]) for one in lived.shown]
        ),
        "homogenised": alike(lived.shown[:, -LATE:]) - alike(lived.shown[:, :LATE]),
        "polarised": apart(lived.after) / apart(lived.before) - 1.0,
    }
    metrics = {name: bootstrap(values, seed=seed) for name, values in by_person.items()}
    late = lived.shown[:, -LATE:].reshape(len(lived.shown), -1)
    metrics["exposure_gini"] = resampled(lambda some: gini(late[some].astype(np.int64), len(rows)), len(late), seed)
    return metrics, by_person


def resampled(measure: Callable[[Rows], float], people: int, seed: int, draws: int = 200) -> Metric:
    """What is a number of all people together, with its interval over people."""
    rng = np.random.default_rng(seed)
    values = [measure(rng.integers(people, size=people)) for _ in range(draws)]
    low, high = np.quantile(values, [0.025, 0.975])
    value = measure(np.arange(people))
    return Metric(value, (min(float(low), value), max(float(high), value)), people)


def cosine(a: Floats, b: Floats) -> Floats:
    found: Floats = (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return found


def alike(shown: Rows) -> Floats:
    """(people,) mean Jaccard likeness of what each was shown to what the others were."""
    sets = [set(one.ravel().tolist()) for one in shown]
    found = np.zeros(len(sets))
    for at, mine in enumerate(sets):
        others = [len(mine & other) / len(mine | other) for number, other in enumerate(sets) if number != at]
        found[at] = np.mean(others) if others else 0.0
    return found


def apart(heads: Floats) -> Floats:
    """(people,) mean distance of each one's direction of taste to all others'."""
    unit = heads / np.linalg.norm(heads, axis=1, keepdims=True)
    gaps = np.linalg.norm(unit[:, None] - unit[None], axis=2)
    found: Floats = gaps.sum(axis=1) / max(len(heads) - 1, 1)
    return found


def evaluate_longitudinal(
    months: Months | None = None,
    *,
    bank: Bank | None = None,
    out: Path | None = None,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Report:
    """Every policy with the same people and luck; then tests of them on traffic. `out`: the run's files."""
    began = time.perf_counter()
    months = months or Months()
    bank = bank or MadeBank(seed=months.seed)
    catalogue = catalogue_of(bank, months.entries, np.random.default_rng([months.seed, 4]))
    metrics: dict[str, Metric] = {}
    columns: list[tuple[str, str, Floats]] = []
    lived: dict[str, Lived] = {}
    of_people: dict[str, dict[str, Floats]] = {}
    for number, (name, policy) in enumerate(POLICIES.items()):
        lived[name] = live(catalogue, months, policy)
        found, of_people[name] = measured(lived[name], catalogue, months.seed)
        metrics |= {f"{name}/{what}": metric for what, metric in found.items()}
        columns += [(name, what, values) for what, values in of_people[name].items()]
        progress(name, number + 1, len(POLICIES))
    for name in ("taste", "curiosity"):
        for what in ("satisfaction", "variety"):
            pair = of_people[name][what], of_people["popularity"][what]
            metrics[f"{name}-popularity/{what}"] = paired(*pair, seed=months.seed)
    tested = trials({name: one.worth for name, one in lived.items()}, Trials(months.trials, months.seed))
    report = Report(
        SCENARIO,
        metrics | tested,
        months.people,
        0,
        time.perf_counter() - began,
        None if out is None else str(out),
        {f"{months.people} people, {months.rounds} rounds": table(metrics)},
        {
            "people led by a language model": "none is at hand; made people choose by their own utility",
            "the service's logs": "this run is of simulated traffic alone; --hub HOME, or `palate evaluate trial`",
        },
    )
    if out is not None:
        specification = {"scenario": SCENARIO, "months": asdict(months), "bank": type(bank).__name__}
        write_run(out, specification, [{"people": months.people}], scores_by_case(columns), report)
        draw_curves(out, lived, catalogue)
    return report


def draw_curves(out: Path, lived: Mapping[str, Lived], catalogue: Catalogue) -> None:
    """Satisfaction and variety round by round, as SVG beside the run."""
    smooth = np.ones(5) / 5
    worth = {name: np.convolve(one.worth.mean(axis=0), smooth, "valid") for name, one in lived.items()}
    (out / "satisfaction.svg").write_text(plots.curves(worth, "satisfaction by round", "round"), "utf-8")
    variety = {name: varied(one.shown, catalogue) for name, one in lived.items()}
    (out / "variety.svg").write_text(
        plots.curves(variety, "variety of what one person is shown", "ten rounds"), "utf-8"
    )


def varied(shown: Rows, catalogue: Catalogue) -> list[float]:
    starts = range(0, shown.shape[1] - LATE + 1, LATE)
    rows = catalogue.middle
    return [float(np.mean([vendi(rows[one[s : s + LATE].ravel()]) for one in shown])) for s in starts]


def table(metrics: Mapping[str, Metric]) -> list[dict[str, Any]]:
    kinds: Sequence[str] = ("satisfaction", "drift", "variety", "bubble", "homogenised", "polarised", "exposure_gini")
    return [
        {"policy": name, **{kind: round(metrics[f"{name}/{kind}"].value, 4) for kind in kinds}} for name in POLICIES
    ]
