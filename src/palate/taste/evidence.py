"""What people did, as rows of numbers: pairs, scores and picks over the features of pictures."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

NOTHING: Rows = np.empty(0, dtype=np.intp)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Battles: `person` (n,) preferred picture `better` (n,) to picture `worse` (n,), as rows of the features."""

    person: Rows = field(default_factory=lambda: NOTHING)
    better: Rows = field(default_factory=lambda: NOTHING)
    worse: Rows = field(default_factory=lambda: NOTHING)

    def of(self, kept: NDArray[np.bool_]) -> Pairs:
        return Pairs(self.person[kept], self.better[kept], self.worse[kept])


@dataclass(frozen=True, slots=True)
class Scores:
    """Ratings: `person` (n,) gave picture `row` (n,) the number `value` (n,)."""

    person: Rows = field(default_factory=lambda: NOTHING)
    row: Rows = field(default_factory=lambda: NOTHING)
    value: Floats = field(default_factory=lambda: np.empty(0))

    def of(self, kept: NDArray[np.bool_]) -> Scores:
        return Scores(self.person[kept], self.row[kept], self.value[kept])


@dataclass(frozen=True, slots=True)
class Picks:
    """Slates: `person` (n,) was shown `slates` (n, L, M), L columns of M pictures, and took column `picked` (n,)."""

    person: Rows = field(default_factory=lambda: NOTHING)
    slates: Rows = field(default_factory=lambda: np.empty((0, 1, 1), dtype=np.intp))
    picked: Rows = field(default_factory=lambda: NOTHING)

    def of(self, kept: NDArray[np.bool_]) -> Picks:
        return Picks(self.person[kept], self.slates[kept], self.picked[kept])


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything known of `people` persons, numbered from 0, over `features` (rows, d) of pictures.

    `weights` say how much an event of each kind counts: pairs that were made from the same few ratings are not
    independent, and count for less than one each.
    """

    features: Floats
    people: int
    pairs: Pairs = field(default_factory=Pairs)
    scores: Scores = field(default_factory=Scores)
    picks: Picks = field(default_factory=Picks)
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if not np.isfinite(self.features).all() or not np.isfinite(self.scores.value).all():
            raise PalateError("not_a_number", "features and scores must be finite numbers")
        rows = (self.pairs.better, self.pairs.worse, self.scores.row, self.picks.slates)
        persons = (self.pairs.person, self.scores.person, self.picks.person)
        if any(part.size and (part.min() < 0 or part.max() >= len(self.features)) for part in rows):
            raise PalateError("evidence_invalid", "an event is about a picture that has no features")
        if any(part.size and (part.min() < 0 or part.max() >= self.people) for part in persons):
            raise PalateError("evidence_invalid", f"an event is of a person beyond the {self.people} there are")
        if self.picks.picked.size and self.picks.picked.max() >= self.picks.slates.shape[1]:
            raise PalateError("evidence_invalid", "a pick is of a column that its slate does not have")

    @property
    def events(self) -> int:
        return len(self.pairs.person) + len(self.scores.person) + len(self.picks.person)

    def of_people(self, chosen: Rows) -> Evidence:
        """Only these persons' events, the persons numbered anew in the order given."""
        place = np.full(self.people, -1, dtype=np.intp)
        place[chosen] = np.arange(len(chosen))
        pairs = self.pairs.of(place[self.pairs.person] >= 0)
        scores = self.scores.of(place[self.scores.person] >= 0)
        picks = self.picks.of(place[self.picks.person] >= 0)
        return replace(
            self,
            people=len(chosen),
            pairs=replace(pairs, person=place[pairs.person]),
            scores=replace(scores, person=place[scores.person]),
            picks=replace(picks, person=place[picks.person]),
        )
