"""People's choices that attacks and audits are tried on: MovieLens where it is at hand, else made people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from palate.recommend.histories import Histories, Items

MOST_ITEMS = 600
"""The most chosen items stay: attacks are about what people meet."""
GROUPS, EACH = 8, 40


@dataclass(frozen=True, eq=False)
class Crowd:
    name: str
    items: int
    histories: Histories
    """What each chose, oldest first, without the last."""
    last: list[int]
    """The one that is asked for."""


def crowd_of(data: Path | None, seed: int) -> Crowd:
    if data is not None and (data / "ml-100k" / "u.data").is_file():
        from palate.importers.interactions import read_interactions

        split = read_interactions(data / "ml-100k")
        whole = [np.concatenate([given, test]) for given, test in zip(split.given, split.test, strict=True)]
        return most_chosen("MovieLens 100K", whole)
    return most_chosen("made people", made(seed))


def made(seed: int, people: int = 400) -> list[Items]:
    """Everybody likes one of eight kinds of things best, some of each kind being more popular."""
    rng = np.random.default_rng([seed, 9])
    weight = 1.0 / (1 + np.arange(EACH))
    found = []
    for person in range(people):
        kind = np.where(rng.random(60) < 0.75, person % GROUPS, rng.integers(GROUPS, size=60))
        chosen = kind * EACH + rng.choice(EACH, 60, p=weight / weight.sum())
        own = list(dict.fromkeys(chosen.tolist()))
        found.append(np.array(own[: 10 + int(rng.integers(15))], dtype=np.int64))
    return found


def most_chosen(name: str, whole: list[Items]) -> Crowd:
    """Only the most chosen items, numbered anew; people with fewer than three of them are left out."""
    counts = np.bincount(np.concatenate(whole))
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_ITEMS])
    kept = kept[counts[kept] > 0]
    place = np.full(len(counts), -1)
    place[kept] = np.arange(len(kept))
    own = [place[history] for history in whole]
    own = [history[history >= 0] for history in own]
    own = [history for history in own if len(history) >= 3]
    return Crowd(name, len(kept), [history[:-1] for history in own], [int(history[-1]) for history in own])
