"""A world of people whose types are known: what EM has to find again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from palate.taste.evidence import Evidence, Floats, Pairs, Picks, Rows, Scores
from palate.taste.utilities import Heads


@dataclass(frozen=True, slots=True)
class Planting:
    """How large the world is and how alike its people are."""

    people: int = 943
    types: int = 8
    pictures: int = 600
    wide: int = 24
    battles: int = 16
    slates: int = 12
    ratings: int = 8
    tests: int = 40
    apart: float = 2.0
    """How long a type's own head is; what all share is as long."""
    offset: float = 0.5
    """How far a person is from their type, as a share of `apart`."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Planted:
    """What people did, what they were asked later (`tests`), and what is true: `types` (people,) and `own` heads."""

    evidence: Evidence
    tests: Pairs
    heads: Heads
    types: Rows
    own: Floats


def plant(planting: Planting) -> Planted:
    """A person's utility is linear in features of unit variance; every answer is drawn from the model's own law."""
    rng = np.random.default_rng(planting.seed)
    wide, people = planting.wide, planting.people
    X = rng.standard_normal((planting.pictures, wide))
    shared = _direction(rng, (1, wide)) * planting.apart
    weights = shared + _direction(rng, (planting.types, wide)) * planting.apart
    biases = rng.normal(5.0, 0.5, planting.types)
    types = rng.permutation(np.arange(people) % planting.types)
    own = weights[types] + _direction(rng, (people, wide)) * planting.apart * planting.offset
    truth = own @ X.T
    heads = Heads(weights, biases, np.full(planting.types, 1 / planting.types))
    return Planted(
        Evidence(
            X,
            people,
            _battles(truth, planting.battles, rng),
            _ratings(truth, biases[types], planting.ratings, rng),
            _slates(truth, planting.slates, rng),
        ),
        _battles(truth, planting.tests, rng),
        heads,
        types.astype(np.intp),
        own,
    )


def _direction(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    vectors = rng.standard_normal(shape)
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _battles(truth: Floats, count: int, rng: np.random.Generator) -> Pairs:
    """Bradley-Terry: P(first over second) = sigmoid(s_first - s_second)."""
    person = np.repeat(np.arange(len(truth)), count)
    first = rng.integers(truth.shape[1], size=len(person))
    second = (first + rng.integers(1, truth.shape[1], size=len(person))) % truth.shape[1]
    wins = truth[person, first] + rng.logistic(size=len(person)) > truth[person, second]
    return Pairs(person, np.where(wins, first, second), np.where(wins, second, first))


def _ratings(truth: Floats, bias: Floats, count: int, rng: np.random.Generator) -> Scores:
    person = np.repeat(np.arange(len(truth)), count)
    row = rng.integers(truth.shape[1], size=len(person))
    return Scores(person, row, truth[person, row] + bias[person] + rng.standard_normal(len(person)))


def _slates(truth: Floats, count: int, rng: np.random.Generator, *, columns: int = 4, each: int = 4) -> Picks:
    """The taken column is the largest R plus Gumbel noise, which is the softmax's own law (tau = 1)."""
    person = np.repeat(np.arange(len(truth)), count)
    slates = rng.integers(truth.shape[1], size=(len(person), columns, each))
    R = truth[person[:, None, None], slates].mean(axis=2)
    return Picks(person, slates, (R + rng.gumbel(size=R.shape)).argmax(axis=1))
