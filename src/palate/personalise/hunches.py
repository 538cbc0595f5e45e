"""Hunches: what the pictures that somebody liked have in common, of all that a hub knows of its own pictures.

Of each kind that is known (who drew a picture, what it shows, its colour) every value is a Gaussian around its mean,
and the values of a kind share one covariance (Fisher 1936), as all pictures together are one Gaussian. How much
likelier a history is under one value than among all pictures speaks for the hunch that this is what the person likes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.personalise.rewards import Floats

WIDE = 64
"""Directions in which pictures differ most; what is left is noise."""
PICTURES_A_DIRECTION = 4
SHRUNK = 0.3
"""How much of a covariance is the same in every direction."""
FEWEST = 6
"""Pictures of one value below which nothing is known of it."""
DOUBT = 3.0
"""Pictures that one person liked are no independent witnesses: together they count a third of what each says."""
KEPT = 4
TINY = 1e-9
Vectors = NDArray[Any]
Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Hunch:
    """That what somebody likes is `value`, of this kind; the weights of what is kept of all hunches add up to 1."""

    kind: str
    value: str
    weight: float


@dataclass(frozen=True, eq=False)
class Kind:
    """Values, their means (k, w), and of the covariance that they share the inverse and half the log determinant."""

    values: tuple[str, ...]
    means: Floats
    inverse: Floats
    half_log: float


@dataclass(frozen=True, eq=False)
class Known:
    """What was learned of a hub: z = (x - mean) directions is of mean 0 and covariance I over all pictures."""

    mean: Floats
    directions: Floats
    kinds: Mapping[str, Kind]


def learn(vectors: Vectors, labels: Sequence[Labels]) -> Known:
    """From (n, d) vectors and what is known of each picture; a value of too few pictures is left out."""
    x = vectors.astype(np.float64)
    mean = x.mean(axis=0)
    covariance = (x - mean).T @ (x - mean) / len(x)
    spread, directions = np.linalg.eigh(covariance)
    wide = max(1, min(WIDE, len(x) // PICTURES_A_DIRECTION, int((spread > 1e-9 * spread[-1]).sum())))
    directions = directions[:, -wide:] / np.sqrt(spread[-wide:] + TINY)
    z = (x - mean) @ directions
    names = sorted({kind for row in labels for kind in row})
    kinds = {name: kind for name in names if (kind := _kind(z, [row.get(name, "") for row in labels])) is not None}
    return Known(mean, directions, kinds)


def _kind(z: Floats, said: Sequence[str]) -> Kind | None:
    """None where fewer than two values are known."""
    rows: dict[str, list[int]] = defaultdict(list)
    for at, value in enumerate(said):
        if value:
            rows[value].append(at)
    values = sorted(value for value, own in rows.items() if len(own) >= FEWEST)
    if len(values) < 2:
        return None
    means = np.array([z[rows[value]].sum(axis=0) / (len(rows[value]) + 2) for value in values])
    off = np.vstack([z[rows[value]] - mean for value, mean in zip(values, means, strict=True)])
    covariance = (1 - SHRUNK) * off.T @ off / len(off)
    covariance += np.eye(z.shape[1]) * SHRUNK * ((off**2).mean() + TINY)
    return Kind(tuple(values), means, np.linalg.inv(covariance), 0.5 * float(np.linalg.slogdet(covariance)[1]))


def gains(known: Known, vectors: Vectors, kind: str) -> Floats:
    """log p(x | value) - log p(x) of each picture and value. (n, d) -> (n, k)"""
    z, of = (vectors.astype(np.float64) - known.mean) @ known.directions, known.kinds[kind]
    off = z[:, None] - of.means
    found: Floats = 0.5 * ((z**2).sum(axis=1)[:, None] - np.einsum("nkw,wv,nkv->nk", off, of.inverse, off))
    return found - of.half_log


def hunches(known: Known, history: Vectors) -> list[Hunch]:
    """The likeliest first, every kind as likely as the others beforehand, and every value of one; none of nothing."""
    if not len(history) or not known.kinds:
        return []
    said = [
        (kind, value, gain / DOUBT - np.log(len(of.values)))
        for kind, of in known.kinds.items()
        for value, gain in zip(of.values, gains(known, history, kind).sum(axis=0), strict=True)
    ]
    said.sort(key=lambda row: -row[2])
    weights = np.exp([row[2] - said[0][2] for row in said[:KEPT]])
    return [Hunch(kind, value, float(w)) for (kind, value, _), w in zip(said, weights / weights.sum(), strict=False)]


def showing(known: Known, vectors: Vectors, held: Sequence[Hunch]) -> Floats:
    """How much each picture shows of it: sum over hunches of weight log p(value | x, kind). (n, d) -> (n,)"""
    worth = np.zeros(len(vectors))
    for hunch in held:
        every = gains(known, vectors, hunch.kind)
        place = known.kinds[hunch.kind].values.index(hunch.value)
        worth += hunch.weight * (every[:, place] - np.logaddexp.reduce(every, axis=1))
    return worth
