"""Pairs of films that a person rated differently: some films are what is known of them, the others what is asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palate.importers.movielens import Films
from palate.taste.evidence import Pairs

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Drawing:
    """How pairs are drawn from ratings."""

    history: float = 0.7
    """The share of a person's films, by chance, that is known of them; the others are asked about."""
    known: float = 2.0
    """History pairs for each rating of the history."""
    learned: float = 1.0
    """Pairs for each rating of a training person."""
    most_known: int = 200
    asked: int = 120
    """At most, of each person."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class PeoplesPairs:
    """Of everybody: pairs among history films, pairs among the other films, and pairs among all of them."""

    history: Pairs
    tests: Pairs
    everything: Pairs


def pairs_of_people(films: Films, drawing: Drawing) -> PeoplesPairs:
    """No film of a person is on both sides of history and tests."""
    rng = np.random.default_rng(drawing.seed)
    history: list[Indices] = []
    tests: list[Indices] = []
    everything: list[Indices] = []
    order = np.argsort(films.person, kind="stable")
    for mine in np.split(order, np.flatnonzero(np.diff(films.person[order])) + 1):
        shuffled = rng.permutation(mine)
        half = round(len(mine) * drawing.history)
        known = min(round(drawing.known * half), drawing.most_known)
        history.append(_pairs(films, shuffled[:half], known, rng))
        tests.append(_pairs(films, shuffled[half:], drawing.asked, rng))
        learned = min(round(drawing.learned * len(mine)), drawing.most_known)
        everything.append(_pairs(films, shuffled, learned, rng))
    return PeoplesPairs(_joined(history), _joined(tests), _joined(everything))


def _pairs(films: Films, rows: Indices, most: int, rng: np.random.Generator) -> Indices:
    """(n, 3) of person, better, worse: at most `most` of all pairs with unequal ratings, by chance."""
    first, second = np.triu_indices(len(rows), 1)
    a, b = rows[first], rows[second]
    unequal = films.rating[a] != films.rating[b]
    a, b = a[unequal], b[unequal]
    if len(a) > most:
        kept = rng.choice(len(a), most, replace=False)
        a, b = a[kept], b[kept]
    up = films.rating[a] > films.rating[b]
    better, worse = np.where(up, a, b), np.where(up, b, a)
    return np.column_stack([films.person[better], films.film[better], films.film[worse]])


def _joined(parts: list[Indices]) -> Pairs:
    table = np.vstack(parts)
    return Pairs(table[:, 0], table[:, 1], table[:, 2])
