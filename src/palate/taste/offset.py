"""A person's own offset from their type, learned after each choice in a millisecond, with its uncertainty.

What the paper lacks. The head of a person is w = w_k + delta, delta ~ N(0, S): for every type a Gaussian belief about w
is updated by Laplace's method on the last layer, and the type's probability by how likely it made the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from palate.taste.evidence import Floats, Rows
from palate.taste.utilities import Heads, log_sigmoid, log_softmax, sigmoid

NEWTON_STEPS = 6
JITTER = 1e-12
"""A belief that is sure of a direction has a root all the same."""
SCALE = np.pi / 8
"""MacKay's: the mean of sigmoid(a) for a ~ N(m, v) is nearly sigmoid(m / sqrt(1 + pi v / 8))."""


@dataclass(frozen=True, slots=True)
class Belief:
    """Of one person: `logs` (K,) of the types' probabilities, and a type's `mean` (K, d), `covariance` (K, d, d).

    Of many people, everything has one more dimension in front.
    """

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


def of_each(belief: Belief, people: int) -> Belief:
    """The same belief about each of so many people: one more dimension in front."""
    parts = (np.repeat(part[None], people, axis=0) for part in (belief.logs, belief.mean, belief.covariance))
    return Belief(*parts)


def of_some(belief: Belief, rows: Rows) -> Belief:
    """What is believed of these people, of many."""
    return Belief(belief.logs[rows], belief.mean[rows], belief.covariance[rows])


def chosen(
    belief: Belief, columns: Floats, picked: int | Rows, *, weight: float = 1.0, temperature: float = 1.0
) -> Belief:
    """After column `picked` of `columns` (L, d) was taken (two columns: a battle); `weight` below 1 counts it for less.

    The mode of N(w; m, C) softmax(tau X w)[picked]^weight lies at m + C X^T a with
    a = weight tau (e - softmax(tau X w)), found by Newton's method in these L numbers.
    There, C^-1 grows by X^T P X with P = weight tau^2 (diag(p) - p p^T).
    Of many people at once where all that is given has a dimension more in front.
    """
    X = columns[..., None, :, :]
    CX = belief.covariance @ np.swapaxes(X, -1, -2)
    G = X @ CX
    u = belief.mean @ np.swapaxes(columns, -1, -2)
    L, one = columns.shape[-2], np.eye(columns.shape[-2])
    e = one[picked][..., None, :]
    a = np.zeros_like(u)
    for _ in range(NEWTON_STEPS):
        p = np.exp(log_softmax(temperature * (u + (G @ a[..., None])[..., 0])))
        P = weight * temperature**2 * (p[..., :, None] * one - p[..., :, None] * p[..., None, :])
        off = a - weight * temperature * (e - p)
        a = a - np.linalg.solve(one + P @ G, off[..., None])[..., 0]
    logs = log_softmax(temperature * (u + (G @ a[..., None])[..., 0]))
    p = np.exp(logs)
    P = weight * temperature**2 * (p[..., :, None] * one - p[..., :, None] * p[..., None, :])
    shrink = np.linalg.solve(one + P @ G, P)
    covariance = belief.covariance - CX @ shrink @ np.swapaxes(CX, -1, -2)
    # Laplace's evidence: the likelihood at the mode, the prior's fall to there, and the volume that is left.
    fit = weight * (logs * e).sum(axis=-1) - 0.5 * (a * (G @ a[..., None])[..., 0]).sum(axis=-1)
    fit = fit - 0.5 * np.linalg.slogdet(np.eye(L) + P @ G)[1]
    return Belief(belief.logs + fit, belief.mean + (CX @ a[..., None])[..., 0], _symmetric(covariance))


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
    """Expected utility of pictures (n, d) and its standard deviation, both (n,): over types and within them.

    Of many people at once where both have a dimension more in front.
    """
    gamma = belief.types[..., None, :]
    each = features @ np.swapaxes(belief.mean, -1, -2)
    rows = features[..., None, :, :]
    within = np.swapaxes(((rows @ belief.covariance) * rows).sum(axis=-1), -1, -2)
    mean: Floats = (each * gamma).sum(axis=-1)
    variance = ((within + (each - mean[..., None]) ** 2) * gamma).sum(axis=-1)
    deviation: Floats = np.sqrt(np.maximum(variance, 0.0))
    return mean, deviation


def preferred(belief: Belief, better: Floats, worse: Floats) -> Floats:
    """P(this person prefers better[i] to worse[i]), (n,), for (n, d) pictures each; the doubt pulls it to 1/2."""
    D = better - worse
    mean = D @ belief.mean.T
    doubt = np.einsum("nd,kde,ne->nk", D, belief.covariance, D)
    likely: Floats = sigmoid(mean / np.sqrt(1 + SCALE * np.maximum(doubt, 0.0))) @ belief.types
    return likely


def drawn(belief: Belief, rng: np.random.Generator) -> Floats:
    """One head (d,) that this person may have, by the belief: what Thompson sampling acts on; (n, d) of n people."""
    types = belief.types
    which, where = rng.spawn(2)
    luck = which.random(types.shape[:-1])[..., None]
    k = np.minimum((np.cumsum(types, axis=-1) < luck).sum(axis=-1), types.shape[-1] - 1)[..., None, None]
    mean = np.take_along_axis(belief.mean, k, axis=-2)[..., 0, :]
    covariance = np.take_along_axis(belief.covariance, k[..., None], axis=-3)[..., 0, :, :]
    spread = np.linalg.cholesky(covariance + JITTER * np.eye(mean.shape[-1]))
    head: Floats = mean + (spread @ where.standard_normal(mean.shape)[..., None])[..., 0]
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
    row = difference[..., None, :]
    Cx = (belief.covariance @ row[..., None])[..., 0]
    v = (Cx * row).sum(axis=-1)
    u = (belief.mean * row).sum(axis=-1)
    a = np.zeros_like(u)
    for _ in range(NEWTON_STEPS):
        p = sigmoid(u + a * v)
        a = a - (a - weight * (1 - p)) / (1 + weight * p * (1 - p) * v)
    z = u + a * v
    p = sigmoid(z)
    bend = weight * p * (1 - p)
    shrink = (bend / (1 + bend * v))[..., None, None]
    covariance = belief.covariance - Cx[..., :, None] * Cx[..., None, :] * shrink
    fit = weight * log_sigmoid(z) - 0.5 * a * a * v - 0.5 * np.log1p(bend * v)
    return Belief(belief.logs + fit, belief.mean + Cx * a[..., None], _symmetric(covariance))


def _symmetric(covariance: Floats) -> Floats:
    return (covariance + np.swapaxes(covariance, -1, -2)) / 2
