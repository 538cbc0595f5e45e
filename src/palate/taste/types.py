"""User types by EM (PASTA, user preference model): who is alike, and what each kind of person likes.

E-step: gamma_i(k) = pi_k p(all that i did | k) / sum over types, one posterior a person and not one a row.
M-step: every head is stepped uphill on the weighted Bradley-Terry, score and choice losses, then tau and the spread of
scores, then the shares pi. None of these lowers the objective, so it never falls from step to step (generalised EM).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from palate.errors import PalateError
from palate.taste.evidence import Evidence, Floats, Rows
from palate.taste.heads import HeadObjective, Prior, Shared
from palate.taste.utilities import Agg, Heads, log_softmax, person_logs, scores, utility

NARROWEST = 1e-3
"""The least spread of a score: a type that explains one rating exactly must not become infinitely sure."""
STARTERS = 2000
"""People whose own heads decide where the types start."""


@dataclass(frozen=True, slots=True)
class Learning:
    """How types are fitted."""

    steps: int = 40
    tolerance: float = 1e-5
    """EM ends where a step gains less than this, in log-likelihood an event."""
    ridge: float = 1.0
    """Precision of every coefficient of the head that all share."""
    apart: float = 1.0
    """Precision of a type's head around the shared one."""
    agg: Agg = "mean"
    starts: int = 1
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Fitted:
    """Heads, the people's posteriors (people, K), and the objective and plain log-likelihood after every EM step."""

    heads: Heads
    gamma: Floats
    objective: tuple[float, ...]
    likelihood: tuple[float, ...]


def posterior(heads: Heads, evidence: Evidence) -> tuple[Floats, float]:
    """E-step: gamma (people, K), and the log-likelihood of all that was done."""
    joint = person_logs(heads, evidence) + np.log(np.maximum(heads.shares, 1e-300))
    highest = joint.max(axis=1, keepdims=True)
    each = np.exp(joint - highest)
    total = each.sum(axis=1, keepdims=True)
    gamma: Floats = each / total
    return gamma, float((highest + np.log(total)).sum())


def fit_types(
    evidence: Evidence, count: int, learning: Learning | None = None, *, start: Heads | None = None
) -> Fitted:
    """K = `count` types, from the best of several starts; `start` goes on from heads that were learned before."""
    learning = learning or Learning()
    if count < 1 or evidence.people < 1 or not evidence.events:
        raise PalateError("nothing_chosen", "types are learned from at least one type, person and event")
    if start is not None:
        return _climb(evidence, start, _priors(start, learning), learning)
    shared = _shared_head(evidence, learning)
    prior = _priors(shared, learning)
    if count == 1:
        return _climb(
            evidence, shared, [Prior(np.zeros_like(prior[0].centre), _precision(shared, learning.ridge))], learning
        )
    rng = np.random.default_rng(learning.seed)
    own = _own_heads(evidence, shared, learning, rng)
    best: Fitted | None = None
    for _ in range(learning.starts):
        centres = k_means(own, count, rng)
        first = replace(
            shared, weights=centres[:, :-1].copy(), biases=centres[:, -1].copy(), shares=np.full(count, 1.0 / count)
        )
        fitted = _climb(evidence, first, prior * count, learning)
        if best is None or fitted.objective[-1] > best.objective[-1]:
            best = fitted
    assert best is not None
    return best


def fine_tune(heads: Heads, evidence: Evidence, learning: Learning) -> Fitted:
    """Heads of the first stage (single turns), moved by the evidence of the second and held near where they were."""
    return fit_types(evidence, heads.count, learning, start=heads)


def fit_in_batches(evidence: Evidence, heads: Heads, learning: Learning, *, batch: int, epochs: int) -> Fitted:
    """Stepwise EM (Cappé and Moulines 2009): heads move by each batch of people, ever less."""
    rng = np.random.default_rng(learning.seed)
    priors = _priors(heads, learning)
    curvature = [np.diag(prior.precision) for prior in priors]
    objective, likelihood, turn = [], [], 0
    for _ in range(epochs):
        order = rng.permutation(evidence.people)
        for begin in range(0, evidence.people, batch):
            part = evidence.of_people(order[begin : begin + batch])
            gamma, _ = posterior(heads, part)
            rate, scale = (turn + 2.0) ** -0.6, evidence.people / part.people
            turn += 1
            weights, biases = heads.weights.copy(), heads.biases.copy()
            for k, prior in enumerate(priors):
                flat = Prior(prior.centre, prior.precision / scale)
                head = np.append(weights[k], biases[k])
                slope, bend = HeadObjective(part, gamma[:, k], _shared(heads), flat).slope(head)
                curvature[k] = (1 - rate) * curvature[k] + rate * scale * bend
                head = head + rate * np.linalg.solve(curvature[k], scale * slope)
                weights[k], biases[k] = head[:-1], head[-1]
            shares = (1 - rate) * heads.shares + rate * gamma.mean(axis=0)
            heads = replace(heads, weights=weights, biases=biases, shares=shares)
        gamma, found = posterior(heads, evidence)
        likelihood.append(found)
        objective.append(found + _log_prior(heads, priors))
    return Fitted(heads, gamma, tuple(objective), tuple(likelihood))


def held_out_likelihood(heads: Heads, history: Evidence, later: Evidence) -> Floats:
    """log p(what a person did later | what they did before), (people,): what K is chosen by."""
    gamma, _ = posterior(heads, history)
    joint = np.log(np.maximum(gamma, 1e-300)) + person_logs(heads, later)
    highest = joint.max(axis=1)
    found: Floats = highest + np.log(np.exp(joint - highest[:, None]).sum(axis=1))
    return found


def k_means(points: Floats, count: int, rng: np.random.Generator, *, rounds: int = 25) -> Floats:
    """(count, d) centres of (n, d) points, started apart (k-means++); fewer points than centres: some twice, moved."""
    centres: Floats = points[rng.integers(len(points))][None]
    while len(centres) < count:
        far = ((points[:, None] - centres[None]) ** 2).sum(axis=2).min(axis=1)
        chance = far / far.sum() if far.sum() > 0 else np.full(len(points), 1.0 / len(points))
        pick = points[rng.choice(len(points), p=chance)]
        centres = np.vstack([centres, pick + 1e-3 * rng.standard_normal(points.shape[1])])
    for _ in range(rounds):
        nearest = (-2 * points @ centres.T + (centres**2).sum(axis=1)).argmin(axis=1)
        moved = np.stack(
            [points[nearest == k].mean(axis=0) if (nearest == k).any() else centres[k] for k in range(count)]
        )
        if np.allclose(moved, centres):
            break
        centres = moved
    return centres


def _climb(evidence: Evidence, heads: Heads, priors: list[Prior], learning: Learning) -> Fitted:
    objective: list[float] = []
    likelihood: list[float] = []
    for _ in range(learning.steps + 1):
        gamma, found = posterior(heads, evidence)
        likelihood.append(found)
        objective.append(found + _log_prior(heads, priors))
        ended = len(objective) > 1 and objective[-1] - objective[-2] < learning.tolerance * evidence.events
        if ended or len(objective) > learning.steps:
            break
        heads = _maximise(evidence, gamma, heads, priors)
    return Fitted(heads, gamma, tuple(objective), tuple(likelihood))


def _maximise(evidence: Evidence, gamma: Floats, heads: Heads, priors: list[Prior]) -> Heads:
    """M-step: heads, then tau and spread given the heads, then shares; none of the four lowers the objective."""
    weights, biases = np.empty_like(heads.weights), np.empty_like(heads.biases)
    for k in range(heads.count):
        head = np.append(heads.weights[k], heads.biases[k])
        head = HeadObjective(evidence, gamma[:, k], _shared(heads), priors[k]).step(head)
        weights[k], biases[k] = head[:-1], head[-1]
    moved = replace(heads, weights=weights, biases=biases, shares=gamma.mean(axis=0))
    return replace(moved, spread=_spread(evidence, gamma, moved), temperature=_temperature(evidence, gamma, moved))


def _spread(evidence: Evidence, gamma: Floats, heads: Heads) -> float:
    """sigma^2 = sum gamma (value - s)^2 / sum gamma."""
    given = evidence.scores
    if not len(given.person):
        return heads.spread
    s = scores(heads.weights, heads.biases, evidence.features)[given.row]
    weight = gamma[given.person]
    return max(float(np.sqrt((weight * (given.value[:, None] - s) ** 2).sum() / weight.sum())), NARROWEST)


def _temperature(evidence: Evidence, gamma: Floats, heads: Heads) -> float:
    """One halved Newton step in tau. With picks alone the heads' length is the temperature, and tau stays as it is."""
    picks = evidence.picks
    if not len(picks.person) or evidence.events == len(picks.person):
        return heads.temperature
    s = evidence.features @ heads.weights.T
    R = np.stack([utility(s[picks.slates, k], heads.agg) for k in range(heads.count)], axis=1)
    weight, rows = gamma[picks.person], np.arange(len(picks.person))

    def value(tau: float) -> float:
        return float((weight * log_softmax(tau * R)[rows, :, picks.picked]).sum())

    tau = heads.temperature
    p = np.exp(log_softmax(tau * R))
    expected = (p * R).sum(axis=2)
    slope = float((weight * (R[rows, :, picks.picked] - expected)).sum())
    bend = float((weight * ((p * R * R).sum(axis=2) - expected**2)).sum())
    step, here = slope / (bend + 1e-9), value(tau)
    for _ in range(12):
        if tau + step > 0 and value(tau + step) >= here:
            return tau + step
        step /= 2
    return tau


def _shared_head(evidence: Evidence, learning: Learning) -> Heads:
    """The head of everybody together, K = 1."""
    wide = evidence.features.shape[1]
    mean = float(evidence.scores.value.mean()) if len(evidence.scores.value) else 0.0
    heads = Heads(np.zeros((1, wide)), np.array([mean]), np.ones(1), agg=learning.agg)
    prior = Prior(np.zeros(wide + 1), _precision(heads, learning.ridge))
    return _climb(evidence, heads, [prior], replace(learning, steps=12)).heads


def _own_heads(evidence: Evidence, shared: Heads, learning: Learning, rng: np.random.Generator) -> Floats:
    """(people, d + 1): where two Newton steps lead each person's own head from the shared one."""
    chosen = np.arange(evidence.people)
    if evidence.people > STARTERS:
        chosen = rng.choice(evidence.people, STARTERS, replace=False)
    centre = np.append(shared.weights[0], shared.biases[0])
    prior = Prior(centre, _precision(shared, max(learning.apart, 1e-2)))
    own = np.empty((len(chosen), len(centre)))
    for place, person in enumerate(chosen):
        alone = HeadObjective(evidence.of_people(np.array([person])), np.ones(1), _shared(shared), prior)
        own[place] = alone.step(alone.step(centre))
    return own


def _shared(heads: Heads) -> Shared:
    return Shared(heads.temperature, heads.spread, heads.agg)


def _priors(heads: Heads, learning: Learning) -> list[Prior]:
    precision = _precision(heads, learning.apart)
    return [Prior(np.append(w, b), precision) for w, b in zip(heads.weights, heads.biases, strict=True)]


def _precision(heads: Heads, ridge: float) -> Floats:
    """The bias is free: how high a person's ratings lie is no taste."""
    return np.append(np.full(heads.weights.shape[1], ridge), 0.0)


def _log_prior(heads: Heads, priors: list[Prior]) -> float:
    off = np.column_stack([heads.weights, heads.biases]) - np.stack([prior.centre for prior in priors])
    return -0.5 * float((np.stack([prior.precision for prior in priors]) * off * off).sum())


def members(gamma: Floats) -> Rows:
    """The likeliest type of each person, (people,)."""
    likeliest: Rows = gamma.argmax(axis=1)
    return likeliest
