"""People made from a learned user model: a type, their own taste around it, noise, patience, a liking for places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from palate.taste.evidence import Floats, Rows
from palate.taste.utilities import Heads, utility


@dataclass(frozen=True, slots=True)
class Habits:
    """How simulated people choose, the same law for all; what each of them is like is drawn from it."""

    noise: float = 0.5
    """Of the median person: the Gumbel noise of a choice, as a share of the spread of utilities."""
    impatience: float = 0.05
    """How many slates find nothing picked although something was good enough."""
    demanding: float = -0.5
    """In spreads of utility: a slate whose best column is worth less than this is refused by the median person."""
    places: float = 0.15
    """How far a place in the slate (the first most of all) moves a choice, in spreads."""


@dataclass(frozen=True, slots=True)
class SimulatedPerson:
    """`head` (d,) is their hidden utility; `threshold` and `noise` in its units, `places` (L,) added to the columns."""

    type: int
    head: Floats
    noise: float
    threshold: float
    impatience: float
    places: Floats

    def worth(self, pictures: Floats) -> Floats:
        """R of columns of pictures (L, M, d): (L,). What a policy is judged by, and what it never sees."""
        return utility(pictures @ self.head, "mean")

    def pick(self, pictures: Floats, rng: np.random.Generator) -> int | None:
        """The column they take of (L, M, d), or None."""
        R = self.worth(pictures)
        if R.max() < self.threshold or rng.random() < self.impatience:
            return None
        return int((R + self.places[: len(R)] + self.noise * rng.gumbel(size=len(R))).argmax())


NOBODY: int = -1
"""In place of a column, where none was picked."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """Many of them at once: `heads` (n, d), `noise`, `threshold`, `impatience` (n,) and `places` (n, L)."""

    heads: Floats
    noise: Floats
    threshold: Floats
    impatience: Floats
    places: Floats

    def __len__(self) -> int:
        return len(self.heads)

    def of(self, rows: Rows) -> Crowd:
        return Crowd(self.heads[rows], self.noise[rows], self.threshold[rows], self.impatience[rows], self.places[rows])

    def worth(self, pictures: Floats) -> Floats:
        """R of each one's own columns of pictures (n, L, M, d): (n, L)."""
        return utility(np.einsum("nlmd,nd->nlm", pictures, self.heads, optimize=True), "mean")

    def pick(self, pictures: Floats, rng: np.random.Generator) -> Rows:
        """The column that each takes of (n, L, M, d), or `NOBODY`."""
        R = self.worth(pictures)
        noise, mood = rng.spawn(2)
        luck = noise.gumbel(size=R.shape)
        refuse = (R.max(axis=1) < self.threshold) | (mood.random(len(R)) < self.impatience)
        taken = (R + self.places[:, : R.shape[1]] + self.noise[:, None] * luck).argmax(axis=1)
        found: Rows = np.where(refuse, NOBODY, taken)
        return found


def crowd_of(each: Sequence[SimulatedPerson]) -> Crowd:
    return Crowd(
        np.stack([one.head for one in each]),
        np.array([one.noise for one in each]),
        np.array([one.threshold for one in each]),
        np.array([one.impatience for one in each]),
        np.stack([one.places for one in each]),
    )


def people(
    heads: Heads, within: Floats, count: int, habits: Habits, rng: np.random.Generator, *, columns: int = 4
) -> list[SimulatedPerson]:
    """`count` people: type by the shares, offset by N(0, `within`), features being of about unit variance."""
    made = []
    for kind in rng.choice(heads.count, count, p=heads.shares / heads.shares.sum()):
        head = rng.multivariate_normal(heads.weights[kind], within, method="cholesky")
        spread = float(np.linalg.norm(head)) + 1e-9
        made.append(
            SimulatedPerson(
                int(kind),
                head,
                habits.noise * spread * float(rng.lognormal(0.0, 0.3)),
                habits.demanding * spread * float(rng.lognormal(0.0, 0.3)),
                habits.impatience,
                habits.places * spread * np.exp(-np.arange(columns)) * float(rng.random()),
            )
        )
    return made
