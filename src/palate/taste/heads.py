"""One type's head, stepped uphill: Newton's direction with halving, so that its objective never falls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from palate.taste.evidence import Evidence, Floats
from palate.taste.utilities import Agg, column_weights, log_sigmoid, log_softmax, sigmoid, utility

HALVINGS = 12
UNSEEN = 1e-12
"""A person who is of a type with less probability than this says nothing about its head."""


@dataclass(frozen=True, slots=True)
class Prior:
    """A head is near `centre` (d + 1,) by `precision` (d + 1,): a Gaussian, so that few people make no wild head."""

    centre: Floats
    precision: Floats


@dataclass(frozen=True, slots=True)
class Shared:
    """What all types share while one head is stepped."""

    temperature: float
    spread: float
    agg: Agg


Part = Callable[[Floats], float]
Slope = Callable[[Floats], tuple[Floats, Floats]]


class HeadObjective:
    """sum_i gamma_i(k) [BT + score + choice log-likelihoods of i] + log prior, in the head (w, b) (d + 1,)."""

    def __init__(self, evidence: Evidence, gamma: Floats, shared: Shared, prior: Prior) -> None:
        self.prior = prior
        self.parts = [
            part
            for part in (_pairs(evidence, gamma), _scores(evidence, gamma, shared), _picks(evidence, gamma, shared))
            if part is not None
        ]

    def value(self, head: Floats) -> float:
        off = head - self.prior.centre
        return sum(value(head) for value, _ in self.parts) - 0.5 * float(self.prior.precision @ (off * off))

    def slope(self, head: Floats) -> tuple[Floats, Floats]:
        """Gradient (d + 1,) and the negative of a Gauss-Newton Hessian (d + 1, d + 1), positive semi-definite."""
        gradient = -self.prior.precision * (head - self.prior.centre)
        curvature = np.diag(self.prior.precision)
        for _, slope in self.parts:
            g, h = slope(head)
            gradient, curvature = gradient + g, curvature + h
        return gradient, curvature

    def step(self, head: Floats) -> Floats:
        """One Newton step, halved until the objective does not fall; the head itself where no step helps."""
        gradient, curvature = self.slope(head)
        jitter = 1e-9 * (1.0 + np.trace(curvature) / len(head))
        direction = np.linalg.solve(curvature + jitter * np.eye(len(head)), gradient)
        here = self.value(head)
        size = 1.0
        for _ in range(HALVINGS):
            there = head + size * direction
            if self.value(there) >= here:
                return there
            size /= 2
        return head


def _pairs(evidence: Evidence, gamma: Floats) -> tuple[Part, Slope] | None:
    weight = evidence.weights[0] * gamma[evidence.pairs.person]
    kept = weight > UNSEEN
    if not kept.any():
        return None
    pairs, weight = evidence.pairs.of(kept), weight[kept]
    D = evidence.features[pairs.better] - evidence.features[pairs.worse]

    def value(head: Floats) -> float:
        return float(weight @ log_sigmoid(D @ head[:-1]))

    def slope(head: Floats) -> tuple[Floats, Floats]:
        p = sigmoid(D @ head[:-1])
        return _bordered(D.T @ (weight * (1 - p)), (D * (weight * p * (1 - p))[:, None]).T @ D)

    return value, slope


def _scores(evidence: Evidence, gamma: Floats, shared: Shared) -> tuple[Part, Slope] | None:
    weight = evidence.weights[1] * gamma[evidence.scores.person]
    kept = weight > UNSEEN
    if not kept.any():
        return None
    given, weight = evidence.scores.of(kept), weight[kept] / shared.spread**2
    X = np.hstack([evidence.features[given.row], np.ones((len(given.row), 1))])

    def value(head: Floats) -> float:
        off = given.value - X @ head
        return -0.5 * float(weight @ (off * off))

    def slope(head: Floats) -> tuple[Floats, Floats]:
        return X.T @ (weight * (given.value - X @ head)), (X * weight[:, None]).T @ X

    return value, slope


def _picks(evidence: Evidence, gamma: Floats, shared: Shared) -> tuple[Part, Slope] | None:
    weight = evidence.weights[2] * gamma[evidence.picks.person]
    kept = weight > UNSEEN
    if not kept.any():
        return None
    picks, weight = evidence.picks.of(kept), weight[kept]
    features, tau, rows = evidence.features, shared.temperature, np.arange(int(kept.sum()))

    def value(head: Floats) -> float:
        R = utility((features @ head[:-1])[picks.slates], shared.agg)
        return float(weight @ log_softmax(tau * R)[rows, picks.picked])

    def slope(head: Floats) -> tuple[Floats, Floats]:
        s = (features @ head[:-1])[picks.slates]
        columns = np.einsum("nlm,nlmd->nld", column_weights(s, shared.agg), features[picks.slates])
        p = np.exp(log_softmax(tau * utility(s, shared.agg)))
        expected = np.einsum("nl,nld->nd", p, columns)
        gradient = tau * (weight @ (columns[rows, picks.picked] - expected))
        spread = columns - expected[:, None, :]
        flat = spread.reshape(-1, spread.shape[-1])
        return _bordered(gradient, tau**2 * (flat * (weight[:, None] * p).reshape(-1, 1)).T @ flat)

    return value, slope


def _bordered(gradient: Floats, curvature: Floats) -> tuple[Floats, Floats]:
    """With a zero row for the bias, which no comparison sees."""
    return np.append(gradient, 0.0), np.pad(curvature, ((0, 1), (0, 1)))
