"""Reduced kernel mean embedding (RKME): Wu, Xu, Liu and Zhou, "Model reuse with reduced kernel mean embedding".

A model's pictures z_1..z_N are stood for by K points t with weights b >= 0 that minimise, in the kernel's space,
|| (1/N) sum_j k(z_j, .) - sum_k b_k k(t_k, .) ||^2. A question's pictures are compared with that point. Captions and
prompts play no part. As the CGI paper has it for its baseline: K = 1 and gamma from `GAMMAS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.find.kernels import rbf, squared_distances
from palate.find.specification import Specifications, unit_rows

Floats = NDArray[np.float64]

GAMMAS = (0.005, 0.006, 0.007, 0.008, 0.009, 0.01, 0.02, 0.03, 0.04, 0.05)
ALTERNATIONS = 3
STEPS = 20
SWEEPS = 200


@dataclass(frozen=True, eq=False)
class ReducedSets:
    """Points (M, K, d) and their weights (M, K), 0 where a model has fewer pictures than K."""

    points: Floats
    weights: Floats
    gamma: float

    def picture_scores(self, pictures: ArrayLike) -> Floats:
        """(n, M) minus the squared distance of each picture alone to each embedding, less k(x, x); higher is better."""
        x = unit_rows(pictures, about="pictures").astype(np.float64)
        models, size, dim = self.points.shape
        across = rbf(squared_distances(x, self.points.reshape(-1, dim)), self.gamma).reshape(-1, models, size)
        among = rbf(squared_distances(self.points, self.points), self.gamma)
        own = np.einsum("mk,mkl,ml->m", self.weights, among, self.weights)
        scores: Floats = 2.0 * np.einsum("nmk,mk->nm", across, self.weights) - own
        return np.where(self.weights.any(axis=1), scores, -np.inf)

    def scores(self, pictures: ArrayLike) -> Floats:
        """(M,) for all the pictures together: their mean embedding's squared distance, up to its own length."""
        mean: Floats = self.picture_scores(pictures).mean(axis=0)
        return mean


def fit_rkme(known: Specifications, *, size: int = 1, gamma: float | None = None) -> ReducedSets:
    """Reduced sets of every model; gamma from the paper's grid by leaving out every fifth prompt."""
    chosen = _choose_gamma(known, size) if gamma is None else gamma
    points = np.zeros((len(known.model_ids), size, known.dim))
    weights = np.zeros((len(known.model_ids), size))
    for model, rows in enumerate(_rows_of(known)):
        if len(rows):
            t, b = reduced_set(known.pictures[rows].astype(np.float64), size, chosen)
            points[model, : len(t)], weights[model, : len(b)] = t, b
    return ReducedSets(points, weights, chosen)


def reduced_set(z: Floats, size: int, gamma: float) -> tuple[Floats, Floats]:
    """(N, d) -> points (K, d), weights (K,), K = min(size, N): k-means, then weights and points in turn.

    With one point the best weight is b = mean_j k(z_j, t), and t climbs b by mean shift.
    """
    t = _k_means(z, min(size, len(z)))
    b = _best_weights(z, t, gamma)
    for _ in range(ALTERNATIONS):
        for _ in range(STEPS):
            t = _shifted(z, t, b, gamma)
        b = _best_weights(z, t, gamma)
    return t, b


def _shifted(z: Floats, t: Floats, b: Floats, gamma: float) -> Floats:
    """A fixed-point step on the gradient: each point moves to where pictures pull it and its fellows push it."""
    pull = rbf(squared_distances(t, z), gamma) / len(z)
    if len(t) == 1:
        shifted: Floats = pull @ z / pull.sum()
        return shifted
    push = rbf(squared_distances(t, t), gamma) * b
    np.fill_diagonal(push, 0.0)
    gradient = pull @ z - pull.sum(axis=1, keepdims=True) * t - (push @ t - push.sum(axis=1, keepdims=True) * t)
    moved: Floats = t + 0.5 * gradient / np.maximum(pull.sum(axis=1, keepdims=True), 1e-12)
    return moved


def _best_weights(z: Floats, t: Floats, gamma: float) -> Floats:
    """The quadratic programme b'Ab / 2 - m'b over b >= 0, by coordinate descent; exact at once for one point."""
    among = rbf(squared_distances(t, t), gamma)
    mean: Floats = rbf(squared_distances(t, z), gamma).mean(axis=1)
    b = np.zeros(len(t))
    for _ in range(1 if len(t) == 1 else SWEEPS):
        for k in range(len(t)):
            b[k] = max(0.0, b[k] + (mean[k] - among[k] @ b) / among[k, k])
    return b


def _k_means(z: Floats, size: int) -> Floats:
    """Lloyd's algorithm from points farthest apart: no randomness."""
    centres: Floats = z.mean(axis=0, keepdims=True)
    if size == 1:
        return centres
    chosen = [int(squared_distances(z, centres)[:, 0].argmax())]
    while len(chosen) < size:
        chosen.append(int(squared_distances(z, z[chosen]).min(axis=1).argmax()))
    centres = z[chosen]
    for _ in range(10):
        nearest = squared_distances(z, centres).argmin(axis=1)
        centres = np.stack([z[nearest == k].mean(axis=0) if (nearest == k).any() else c for k, c in enumerate(centres)])
    return centres


def _rows_of(known: Specifications) -> list[NDArray[Any]]:
    order = np.argsort(known.model_index, kind="stable")
    return np.split(order, np.cumsum(known.counts)[:-1])


def _choose_gamma(known: Specifications, size: int) -> float:
    """Least mean log rank of the held-out pictures' models."""
    prompt = known.prompt_index
    fold = np.where(prompt >= 0, prompt, np.arange(len(prompt))) % 5
    held = fold == 0
    if held.all() or not held.any():
        return GAMMAS[6]
    asked = np.flatnonzero(held)[:: max(1, int(held.sum()) // 600)]
    best, best_gamma = np.inf, GAMMAS[6]
    for gamma in GAMMAS:
        scores = fit_rkme(known.take(~held), size=size, gamma=gamma).picture_scores(known.pictures[asked])
        true = scores[np.arange(len(asked)), known.model_index[asked]]
        value = float(np.log((scores >= true[:, None]).sum(axis=1)).mean())
        if value < best - 1e-12:
            best, best_gamma = value, gamma
    return best_gamma
