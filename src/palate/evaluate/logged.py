"""Trials from a home's own log: which of two models people prefer, side by side or arm by arm, looked at at any time.

Interleaved: wherever somebody chose between pictures of both models at once (a battle, a sorting, a column of a slate),
one of the two was preferred. A/B: people are in one of two arms (a file says which, whatever it is that differed), and
each has a share of things they liked among those they judged.

A person counts once, so that somebody with a thousand battles weighs like everybody else: by the sign of all their
comparisons, in the order in which people chose last. Signs and differences of shares lie within one of nought, so a
spread of 1 is cautious (Hoeffding), and p is valid whenever one stops (`palate.metrics.sequential`).
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from palate.catalogue.choices import Choice, standing
from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap
from palate.evaluate.report import Metric
from palate.metrics.sequential import always_valid_p, stopped_at

if TYPE_CHECKING:
    from palate.catalogue.home import Home

EXPECTED = 0.2
"""The effect that is looked for, on the scale of a person's sign."""
AT_ONCE = 10_000
"""Pictures that are asked about at once."""
GOOD, BAD = ("like", "select", "pick"), ("dislike", "skip")
Models = Mapping[str, str]
"""A picture's id -> who drew it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Of two sides, a person each: gaps in [-1, 1] in order, above nought where the first is preferred."""

    first: str
    second: str
    gaps: tuple[float, ...]
    comparisons: int

    @property
    def p(self) -> float:
        return float(always_valid_p(self.gaps, spread=1.0, expected=EXPECTED)[-1]) if self.gaps else 1.0

    @property
    def sure_after(self) -> int | None:
        return stopped_at(always_valid_p(self.gaps, spread=1.0, expected=EXPECTED)) if self.gaps else None

    def win_rate(self, seed: int = 0) -> Metric:
        """Share of people who prefer the first, ties half; bootstrap over people, so for one look and no more."""
        return bootstrap([(gap + 1) / 2 for gap in self.gaps], seed=seed)

    def as_json(self) -> dict[str, Any]:
        return {
            "first": self.first,
            "second": self.second,
            "people": len(self.gaps),
            "comparisons": self.comparisons,
            "mean": float(np.mean(self.gaps)) if self.gaps else 0.0,
            "p": self.p,
            "sure_after": self.sure_after,
        }

    def as_row(self) -> dict[str, Any]:
        said = "nothing yet" if self.sure_after is None else f"sure after {self.sure_after} people"
        preferred = self.first if sum(self.gaps) > 0 else self.second
        return {
            "first": self.first,
            "second": self.second,
            "people": len(self.gaps),
            "comparisons": self.comparisons,
            "p, whenever one looks": round(self.p, 4),
            "": said if self.sure_after is None else f"{preferred} is preferred, {said}",
        }


def compared(choice: Choice) -> Iterator[tuple[str, str]]:
    """(preferred, not preferred) pictures of one choice among several."""
    said = choice.payload
    if isinstance(columns := said.get("columns"), list):
        picked = said.get("column")
        if isinstance(picked, int) and 0 <= picked < len(columns):
            for number, column in enumerate(columns):
                if number != picked:
                    yield from ((won, lost) for won in columns[picked] for lost in column)
    elif choice.kind == "battle" and not said.get("tie"):
        winner = said.get("winner")
        for loser in dict.fromkeys([*(said.get("pictures") or ()), said.get("loser")]):
            if isinstance(winner, str) and isinstance(loser, str) and loser != winner:
                yield winner, loser
    elif choice.kind in ("sort", "pick") and isinstance(said.get("pictures"), list):
        yield from combinations(said["pictures"], 2)


def interleaved(made: Mapping[str, Sequence[Choice]], of: Models, first: str, second: str) -> Trial:
    """`made`: each person's choices in order."""
    signs: list[tuple[int, float]] = []
    comparisons = 0
    for own in made.values():
        wins, last = 0, 0
        for choice in standing(own):
            pairs = [(of.get(won), of.get(lost)) for won, lost in compared(choice)]
            gap = pairs.count((first, second)) - pairs.count((second, first))
            if (first, second) in pairs or (second, first) in pairs:
                wins, last, comparisons = wins + int(np.sign(gap)), choice.sequence, comparisons + 1
        if last:
            signs.append((last, float(np.sign(wins))))
    return Trial(first, second, tuple(gap for _, gap in sorted(signs)), comparisons)


def arms_apart(made: Mapping[str, Sequence[Choice]], arms: Mapping[str, str]) -> Trial:
    """People of either arm beside each other, in the order of their last choice; whoever has nobody beside waits."""
    names = sorted(set(arms.values()))
    if len(names) != 2:
        raise PalateError("arms_unreadable", f"{len(names)} arms are named, and two are compared")
    shares: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
    judged = 0
    for person, own in made.items():
        said = [(choice.sequence, choice.kind in GOOD) for choice in standing(own) if choice.kind in (*GOOD, *BAD)]
        if said and person in arms:
            judged += len(said)
            shares[arms[person]].append((said[-1][0], float(np.mean([good for _, good in said]))))
    pairs = zip(*(sorted(shares[name]) for name in names), strict=False)
    return Trial(names[0], names[1], tuple(a - b for (_, a), (_, b) in pairs), judged)


def most_compared(made: Mapping[str, Sequence[Choice]], of: Models, most: int = 3) -> list[tuple[str, str]]:
    """The pairs of models that most choices were between."""
    counted: Counter[tuple[str, str]] = Counter()
    for own in made.values():
        for choice in standing(own):
            pairs = {tuple(sorted((of[a], of[b]))) for a, b in compared(choice) if a in of and b in of}
            counted.update((one, two) for one, two in pairs if one != two)
    return [pair for pair, _ in sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:most]]


def log_of(home: Home) -> tuple[dict[str, list[Choice]], dict[str, str]]:
    """Everybody's choices in this home, and who drew the pictures that they compared."""
    from sqlalchemy import select

    from palate.catalogue import pictures, tables

    made: dict[str, list[Choice]] = {}
    with home.read() as connection:
        for row in connection.execute(select(tables.choices).order_by(tables.choices.c.sequence)):
            made.setdefault(row.person, []).append(Choice(row.person, row.kind, row.payload, row.sequence, row.at))
        seen = sorted({id for own in made.values() for choice in own for pair in compared(choice) for id in pair})
        of: dict[str, str] = {}
        for start in range(0, len(seen), AT_ONCE):
            of |= pictures.makers(connection, seen[start : start + AT_ONCE])
    return made, of


def read_arms(path: Path) -> dict[str, str]:
    """A CSV of person and arm."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["person"]: row["arm"] for row in csv.DictReader(file)}
    except (OSError, UnicodeDecodeError, KeyError) as error:
        raise PalateError("arms_unreadable", "the columns person and arm are needed", about=str(path)) from error


def trials_of(
    home: Home, *, pairs: Iterable[tuple[str, str]] = (), arms: Mapping[str, str] | None = None
) -> list[Trial]:
    """The trials that are asked for; of the most compared pairs where none is."""
    made, of = log_of(home)
    if arms is not None:
        return [arms_apart(made, arms)]
    return [interleaved(made, of, a, b) for a, b in (list(pairs) or most_compared(made, of))]


def of_home(folder: Path, seed: int = 0) -> tuple[dict[str, Metric], list[dict[str, Any]]]:
    """Win rates of the most compared pairs of a home's models, and a row each; nothing where nobody compared any."""
    from palate.catalogue.home import Home

    home = Home.open(folder)
    try:
        found = [trial for trial in trials_of(home) if trial.gaps]
    finally:
        home.close()
    metrics = {f"logged:{one.first} or {one.second}/win_rate": one.win_rate(seed) for one in found}
    return metrics, [one.as_row() for one in found]
