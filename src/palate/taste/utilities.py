"""What a picture is worth to a type, and which column somebody of that type takes (PASTA, user preference model)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from palate.taste.evidence import Evidence, Floats, Pairs, Picks, Rows, Scores

Agg = Literal["mean", "max"]


@dataclass(frozen=True, slots=True)
class Heads:
    """One linear head a type over an encoder's features, and what all types share.

    `weights` (K, d), `biases` (K,), `shares` (K,) of the people; `temperature` is tau of the choice model and
    `spread` the standard deviation of a score around s.
    """

    weights: Floats
    biases: Floats
    shares: Floats
    temperature: float = 1.0
    spread: float = 1.0
    agg: Agg = "mean"

    @property
    def count(self) -> int:
        return len(self.weights)


def scores(weights: Floats, biases: Floats, features: Floats) -> Floats:
    """s(k, p, I) = w_k . x(p, I) + b_k: (K, d), (K,), (rows, d) -> (rows, K)."""
    s: Floats = features @ weights.T + biases
    return s


def column_weights(s: Floats, agg: Agg) -> Floats:
    """How much each of M pictures counts in its column's R: s (..., M) -> (..., M), summing to 1."""
    if agg == "mean":
        return np.full_like(s, 1.0 / s.shape[-1])
    best = np.zeros_like(s)
    np.put_along_axis(best, s.argmax(axis=-1)[..., None], 1.0, axis=-1)
    return best


def utility(s: Floats, agg: Agg) -> Floats:
    """R = Agg(s(k, p, I_1), ..., s(k, p, I_M)): (..., M) -> (...)."""
    R: Floats = s.mean(axis=-1) if agg == "mean" else s.max(axis=-1)
    return R


def log_softmax(logits: Floats) -> Floats:
    """Over the last axis."""
    highest = logits.max(axis=-1, keepdims=True)
    shifted = logits - highest
    normal: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normal


def log_sigmoid(x: Floats) -> Floats:
    smooth: Floats = -np.logaddexp(0.0, -x)
    return smooth


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + e^-x) without overflow."""
    half: Floats = 0.5 * (1.0 + np.tanh(0.5 * x))
    return half


def pair_logs(heads: Heads, features: Floats, pairs: Pairs) -> Floats:
    """Bradley-Terry: log sigmoid(s(k, better) - s(k, worse)), (n, K)."""
    s = features @ heads.weights.T
    return log_sigmoid(s[pairs.better] - s[pairs.worse])


def score_logs(heads: Heads, features: Floats, given: Scores) -> Floats:
    """Score regression: log N(value; s(k, p, I), spread^2), (n, K)."""
    s = scores(heads.weights, heads.biases, features)[given.row]
    off = (given.value[:, None] - s) / heads.spread
    logs: Floats = -0.5 * off * off - np.log(heads.spread) - 0.5 * np.log(2 * np.pi)
    return logs


def pick_logs(heads: Heads, features: Floats, picks: Picks) -> Floats:
    """Choice: log softmax(tau R_1, ..., tau R_L)[picked], (n, K)."""
    s = features @ heads.weights.T
    columns = [
        log_softmax(heads.temperature * utility(s[picks.slates, k], heads.agg))[
            np.arange(len(picks.picked)), picks.picked
        ]
        for k in range(heads.count)
    ]
    return np.stack(columns, axis=1)


def person_logs(heads: Heads, evidence: Evidence) -> Floats:
    """log p(all that a person did | type k), (people, K): the sum over their events, each kind by its weight."""
    total = np.zeros((evidence.people, heads.count))
    parts: tuple[tuple[Rows, NDArray[np.float64], float], ...] = (
        (evidence.pairs.person, pair_logs(heads, evidence.features, evidence.pairs), evidence.weights[0]),
        (evidence.scores.person, score_logs(heads, evidence.features, evidence.scores), evidence.weights[1]),
        (evidence.picks.person, pick_logs(heads, evidence.features, evidence.picks), evidence.weights[2]),
    )
    for person, logs, weight in parts:
        for k in range(heads.count if len(person) else 0):
            total[:, k] += weight * np.bincount(person, weights=logs[:, k], minlength=evidence.people)
    return total
