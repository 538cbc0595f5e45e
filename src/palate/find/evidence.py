"""One ranking from everything known: words, example pictures, a person's likings.

Each source scores the models in units of its own. A conditional logit (McFadden 1974), fitted on the hub's own
leave-one-out, turns its scores s into how probable it makes each model, and what it adds is the log-odds against
knowing nothing, where all M models are equally probable:

    evidence_m = log(M p_m),    p = softmax(scale s)

Sources that err independently add up (naive Bayes), so each is a removable part: its worth to a model is its own
summand, and a reason is true by construction. A source that knows nothing of a model (NaN) says nothing of it: 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError

Floats = NDArray[np.float64]

STEEPEST = 1e9
"""Where scores differ by next to nothing, no scale is steep enough."""

_BISECTIONS = 60


@dataclass(frozen=True, eq=False)
class Source:
    """One kind of evidence. `scores`: (..., M), higher is better, NaN where it knows nothing of a model."""

    name: str
    scores: Floats
    scale: float
    """Log-odds a unit of score, from `fit_scale`."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """The sum of all sources' log-odds, and each one's share in it."""

    scores: Floats
    """(..., M)"""
    parts: dict[str, Floats]
    """By source, (..., M); what the score falls by when that source is taken away."""
    silent: dict[str, NDArray[np.bool_]]
    """By source, True where it knew nothing of the model and was left out."""

    def worths(self, model: int) -> list[tuple[str, float]]:
        """The sources that speak for a model, most important first: without any of them its score is lower."""
        told = [(name, float(part[..., model])) for name, part in self.parts.items()]
        return sorted(((name, worth) for name, worth in told if worth > 0), key=lambda pair: (-pair[1], pair[0]))


def log_odds(scores: ArrayLike, scale: float) -> Floats:
    """log(M softmax(scale s)) along the last axis over the models that are known; 0 where a score is NaN."""
    values = np.asarray(scores, dtype=np.float64)
    if np.isinf(values).any() or not np.isfinite(scale):
        raise PalateError("score_invalid", "evidence must be made of finite scores", about="scores")
    known = ~np.isnan(values)
    steep = np.where(known, scale * np.nan_to_num(values), -np.inf)
    top = np.where(known.any(axis=-1, keepdims=True), steep.max(axis=-1, keepdims=True, initial=-np.inf), 0.0)
    count = np.maximum(known.sum(axis=-1, keepdims=True), 1)
    mass = np.exp(np.where(known, steep - top, -np.inf)).sum(axis=-1, keepdims=True)
    level = top + np.log(np.where(mass > 0, mass, 1.0) / count)
    return np.where(known, np.where(known, steep, 0.0) - level, 0.0)


def combine(sources: Sequence[Source]) -> Evidence:
    """All the evidence there is. At least one source; all of the same models."""
    if not sources:
        raise PalateError(
            "nothing_asked", "there is nothing to rank by", hint="give words, a picture, or a person with likings"
        )
    if len({source.scores.shape[-1] for source in sources}) != 1:
        raise PalateError("unpaired", "sources must score the same models", about=sources[0].name)
    parts = {source.name: log_odds(source.scores, source.scale) for source in sources}
    if len(parts) != len(sources):
        raise PalateError("duplicate_id", "two sources of evidence have one name", about=sources[0].name)
    total: Floats = np.sum(np.broadcast_arrays(*parts.values()), axis=0)
    return Evidence(total, parts, {source.name: np.isnan(source.scores) for source in sources})


def fit_scale(scores: ArrayLike, right: ArrayLike) -> float:
    """The scale >= 0 that makes the right models most probable: max sum_i log softmax(scale s_i)[right_i].

    scores: (n, M) from leave-one-out, NaN where unknown; right: (n,). To these cases comes one in which any model was
    as right as any other, so that a small hub whose scores never err is not believed beyond its n cases. Concave in
    the scale, so the slope sum_i s_i[right_i] - (1 + 1/n) sum_i E_p[s_i], s centred, is bisected. 0 where the scores
    say nothing.
    """
    values, index = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.intp)
    if values.ndim != 2 or values.shape[:1] != index.shape or not len(values):
        raise PalateError("no_cases", "a scale is learned from rows of scores, each with its right model")
    known = ~np.isnan(values)
    told = known[np.arange(len(index)), index]
    values, known, index = values[told], known[told], index[told]
    if not len(values):
        return 0.0
    centred = values - np.nanmean(values, axis=1, keepdims=True)
    own = centred[np.arange(len(index)), index].sum()

    def slope(scale: float) -> float:
        steep = np.where(known, scale * np.nan_to_num(centred), -np.inf)
        chance = np.exp(steep - steep.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        expected = (chance * np.nan_to_num(centred)).sum()
        return float(own - (1.0 + 1.0 / len(index)) * expected)

    if slope(0.0) <= 0:
        return 0.0
    low, high = 0.0, 1.0
    while slope(high) > 0 and high < STEEPEST:
        low, high = high, 2.0 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
    return min(low, STEEPEST)
