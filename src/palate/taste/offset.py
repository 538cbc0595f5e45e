"""A person's own offset from their type, learned after each choice in a millisecond, with its uncertainty.

What the paper lacks. The head of a person is w = w_k + delta, delta ~ N(0, S): for every type a Gaussian belief about w
is updated by Laplace's method on the last layer, and the type's probability by how likely it made the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from palate.taste.evidence import Floats
from palate.taste.utilities import Heads, log_sigmoid, log_softmax, sigmoid

NEWTON_STEPS = 6
SCALE = np.pi / 8
"""MacKay's: the mean of sigmoid(a) for a ~ N(m, v) is nearly sigmoid(m / sqrt(1 + pi v / 8))."""


@dataclass(frozen=True, slots=True)
class Belief:
    """Of one person: `logs` (K,) of the types' probabilities, and a type's `mean` (K, d), `covariance` (K, d, d)."""

    logs: Floats
    mean: Floats
    covariance: Floats

    @property
    def types(self) -> Floats:
        """gamma(k), (K,)."""
        return np.exp(log_softmax(self.logs))


def first_belief(heads: Heads, within: Floats) -> Belief:
    """Before anything is known of a person; `within` (d, d) is S, how people of one type differ."""
    covariance = np.broadcast_to(within, (heads.count, *within.shape)).copy()
    return Belief(np.log(np.maximum(heads.shares, 1e-300)), heads.weights.copy(), covariance)


def chosen(belief: Belief, columns: Floats, picked: int, *, weight: float = 1.0, temperature: float = 1.0) -> Belief:
    """After column `picked` of `columns` (L, d) was taken (two columns: a battle); `weight` below 1 counts it for less.

    The mode of N(w; m, C) softmax(tau X w)[picked]^weight lies at m + C X^T a with
    a = weight tau (e - softmax(tau X w)), found by Newton's method in these L numbers.
    There, C^-1 grows by X^T P X with P = weight tau^2 (diag(p) - p p^T).
    """
    CX = belief.covariance @ columns.T
    G = columns @ CX
    u = belief.mean @ columns.T
    L, one = len(columns), np.eye(len(columns))
    a = np.zeros_like(u)
    for _ in range(NEWTON_STEPS):
        p = np.exp(log_softmax(temperature * (u + np.einsum("kij,kj->ki", G, a))))
        P = weight * temperature**2 * (p[:, :, None] * one - p[:, :, None] * p[:, None, :])
        off = a - weight * temperature * (one[picked] - p)
        a = a - np.linalg.solve(one + P @ G, off[:, :, None])[:, :, 0]
    p = np.exp(log_softmax(temperature * (u + np.einsum("kij,kj->ki", G, a))))
    P = weight * temperature**2 * (p[:, :, None] * one - p[:, :, None] * p[:, None, :])
    shrink = np.linalg.solve(one + P @ G, P)
    covariance = belief.covariance - CX @ shrink @ np.swapaxes(CX, 1, 2)
    # Laplace's evidence: the likelihood at the mode, the prior's fall to there, and the volume that is left.
    fit = weight * np.log(np.maximum(p[:, picked], 1e-300)) - 0.5 * np.einsum("ki,kij,kj->k", a, G, a)
    fit = fit - 0.5 * np.linalg.slogdet(np.eye(L) + P @ G)[1]
    return Belief(belief.logs + fit, belief.mean + np.einsum("kdl,kl->kd", CX, a), _symmetric(covariance))


def rated(belief: Belief, features: Floats, value: float, *, spread: float, weight: float = 1.0) -> Belief:
    """After `features` (d,) was rated `value` above what is usual: a Kalman step."""
    Cx = belief.covariance @ features
    noise = spread**2 / weight
    total = Cx @ features + noise
    off = value - belief.mean @ features
    covariance = belief.covariance - Cx[:, :, None] * Cx[:, None, :] / total[:, None, None]
    logs = belief.logs - 0.5 * weight * (off**2 / total + np.log(total))
    return Belief(logs, belief.mean + Cx * (off / total)[:, None], _symmetric(covariance))


def worth(belief: Belief, features: Floats) -> tuple[Floats, Floats]:
    """Expected utility of pictures (n, d) and its standard deviation, both (n,): over types and within them."""
    gamma = belief.types
    each = features @ belief.mean.T
    within = np.einsum("nd,kde,ne->nk", features, belief.covariance, features)
    mean = each @ gamma
    deviation: Floats = np.sqrt(np.maximum((within + (each - mean[:, None]) ** 2) @ gamma, 0.0))
    return mean, deviation


def preferred(belief: Belief, better: Floats, worse: Floats) -> Floats:
    """P(this person prefers better[i] to worse[i]), (n,), for (n, d) pictures each; the doubt pulls it to 1/2."""
    D = better - worse
    mean = D @ belief.mean.T
    doubt = np.einsum("nd,kde,ne->nk", D, belief.covariance, D)
    likely: Floats = sigmoid(mean / np.sqrt(1 + SCALE * np.maximum(doubt, 0.0))) @ belief.types
    return likely


def drawn(belief: Belief, rng: np.random.Generator) -> Floats:
    """One head (d,) that this person may have, by the belief: what Thompson sampling acts on."""
    k = int(rng.choice(len(belief.logs), p=belief.types))
    head: Floats = rng.multivariate_normal(
        belief.mean[k], belief.covariance[k], method="cholesky", check_valid="ignore"
    )
    return head


def after_battles(belief: Belief, differences: Floats, *, weight: float = 1.0) -> Belief:
    """`battle` for a whole history (n, d) at once: Laplace's method around one mode, whatever the order was."""
    if not len(differences):
        return belief
    precision = np.linalg.inv(belief.covariance)
    mean = belief.mean.copy()
    logs = belief.logs + 0.5 * np.linalg.slogdet(precision)[1]
    covariance = np.empty_like(belief.covariance)
    for k in range(len(mean)):
        for _ in range(NEWTON_STEPS):
            slope, bend = _slope(differences, mean[k], weight)
            slope = slope - precision[k] @ (mean[k] - belief.mean[k])
            mean[k] += np.linalg.solve(bend + precision[k], slope)
        bend = _slope(differences, mean[k], weight)[1] + precision[k]
        off = mean[k] - belief.mean[k]
        logs[k] += weight * log_sigmoid(differences @ mean[k]).sum() - 0.5 * off @ precision[k] @ off
        logs[k] -= 0.5 * np.linalg.slogdet(bend)[1]
        covariance[k] = np.linalg.inv(bend)
    return Belief(logs, mean, _symmetric(covariance))


def _slope(differences: Floats, w: Floats, weight: float) -> tuple[Floats, Floats]:
    """Of weight sum log sigmoid(D w): its gradient (d,), and its negative Hessian (d, d)."""
    p = sigmoid(differences @ w)
    bend = (differences * (weight * p * (1 - p))[:, None]).T @ differences
    return weight * (differences.T @ (1 - p)), bend


def learned_spread(
    heads: Heads, histories: Sequence[Floats], within: Floats, *, rounds: int, weight: float = 1.0
) -> Floats:
    """S (d, d) by EM over people, each a history (n, d): the mean of squared offsets and of what is left open."""
    for _ in range(rounds):
        total = np.zeros_like(within)
        for differences in histories:
            belief = after_battles(first_belief(heads, within), differences, weight=weight)
            off = belief.mean - heads.weights
            total += np.einsum("k,kde->de", belief.types, off[:, :, None] * off[:, None, :] + belief.covariance)
        within = total / len(histories)
    return within


def battle(belief: Belief, difference: Floats, *, weight: float = 1.0) -> Belief:
    """`chosen` for two columns, in one number instead of two: `difference` (d,) is better minus worse."""
    Cx = belief.covariance @ difference
    v = Cx @ difference
    u = belief.mean @ difference
    a = np.zeros_like(u)
    for _ in range(NEWTON_STEPS):
        p = sigmoid(u + a * v)
        a = a - (a - weight * (1 - p)) / (1 + weight * p * (1 - p) * v)
    z = u + a * v
    p = sigmoid(z)
    bend = weight * p * (1 - p)
    covariance = belief.covariance - Cx[:, :, None] * Cx[:, None, :] * (bend / (1 + bend * v))[:, None, None]
    fit = weight * log_sigmoid(z) - 0.5 * a * a * v - 0.5 * np.log1p(bend * v)
    return replace(
        belief, logs=belief.logs + fit, mean=belief.mean + Cx * a[:, None], covariance=_symmetric(covariance)
    )


def _symmetric(covariance: Floats) -> Floats:
    return (covariance + np.swapaxes(covariance, 1, 2)) / 2
