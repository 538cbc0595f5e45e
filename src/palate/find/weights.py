"""Learns what counts how much in the GRE-Score from the pictures a person selected (GEMRec's three ways).

Input is one `Selection` a prompt: the normalised scores of all its pictures, and which of them the person selected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.find.scores import GEMREC_WEIGHTS, Weights

Floats = NDArray[np.float64]

STEPS: Floats = np.arange(-10, 10) / 10.0
"""arange(-1, 1, 0.1), free of the rounding that makes 0 come out as -2e-16."""

_BLOCK = 4_000_000
_NEWTON_STEPS = 100


@dataclass(frozen=True, eq=False)
class Selection:
    """The pictures of one prompt. `parts`: (M, 3) norm_clip, norm_mcos, norm_pop, NaN where unknown."""

    parts: Floats
    selected: tuple[int, ...]
    """Rows of `parts`."""


def grid_weights(selections: Sequence[Selection]) -> Weights:
    """The weights of arange(-1, 1, 0.1)^3 with the smallest sum of ranks of the selected pictures.

    A picture's rank counts everything that scores at least as high, so weights that cannot tell pictures apart lose.
    Among weights with equal sums, those that point most nearly the way of GEMRec's own; then the shortest.
    """
    _check(selections)
    grid = np.stack(np.meshgrid(STEPS, STEPS, STEPS, indexing="ij"), axis=-1).reshape(-1, 3)
    sums = np.zeros(len(grid))
    for selection in selections:
        sums += _rank_sums(selection, grid)
    best = grid[sums == sums.min()]
    lengths = np.linalg.norm(best, axis=1)
    towards = best @ np.asarray(GEMREC_WEIGHTS) / np.where(lengths > 0, lengths, 1.0)
    chosen = best[np.lexsort((lengths, -towards.round(12)))[0]]
    return Weights(*chosen.tolist())


def svm_weights(selections: Sequence[Selection]) -> Weights:
    """Coefficients of a linear support vector machine, C = 1, without intercept: selected +1, all others -1.

    min_w |w|^2 / 2 + sum_i max(0, 1 - y_i <w, x_i>)^2, the squared hinge of LIBLINEAR's default; by Newton's method on
    the active set, which is exact in three dimensions. Higher means more likely selected. (GEMRec's published code
    flips the sign of the labels.) Pictures with an unknown score take the mean of the known ones.
    """
    _check(selections)
    rows = np.concatenate([_filled(selection.parts) for selection in selections])
    labels = np.concatenate([_labels(selection) for selection in selections])
    return Weights(*_squared_hinge(rows * labels[:, None]).tolist())


def greedy_weights(selections: Sequence[Selection]) -> Weights:
    """The share of selected pictures whose largest score is clip, mcos or popularity; a tie is split."""
    _check(selections)
    chosen = np.concatenate([selection.parts[list(selection.selected)] for selection in selections])
    largest = np.where(np.isnan(chosen), -np.inf, chosen)
    wins = (largest == largest.max(axis=1, keepdims=True)).astype(np.float64)
    shares = (wins / wins.sum(axis=1, keepdims=True)).mean(axis=0)
    return Weights(*shares.tolist())


LEARNERS: Mapping[str, Callable[[Sequence[Selection]], Weights]] = {
    "grid": grid_weights,
    "svm": svm_weights,
    "greedy": greedy_weights,
}


def learn_weights(selections: Sequence[Selection], by: str = "grid") -> Weights:
    """One of the three ways, by name."""
    if by not in LEARNERS:
        raise PalateError("unknown_method", f"'{by}' is no way to learn weights", hint=f"known: {', '.join(LEARNERS)}")
    return LEARNERS[by](selections)


def rank_sum(selections: Sequence[Selection], weights: Weights) -> int:
    """The sum of ranks of the selected pictures under these weights, ties counted against."""
    return int(sum(_rank_sums(selection, np.asarray([weights], dtype=np.float64))[0] for selection in selections))


def _rank_sums(selection: Selection, grid: Floats) -> Floats:
    """(K,) sums of ranks for K weights at once, in blocks of weights. Scores are rounded so that equal ones tie."""
    parts = np.asarray(selection.parts, dtype=np.float64)
    known = ~np.isnan(parts)
    sums = np.empty(len(grid))
    block = max(1, _BLOCK // (len(parts) * max(len(selection.selected), 1)))
    for start in range(0, len(grid), block):
        weights = grid[start : start + block]
        present = np.abs(weights) @ known.T.astype(np.float64)
        total = np.abs(weights).sum(axis=1, keepdims=True)
        rescale = np.divide(total, present, out=np.zeros_like(present), where=present > 0)
        scores = (weights @ np.nan_to_num(parts).T * rescale).round(10)
        own = scores[:, list(selection.selected)]
        sums[start : start + block] = (scores[:, None, :] >= own[:, :, None]).sum(axis=(1, 2))
    return sums


def _squared_hinge(signed: Floats) -> Floats:
    """argmin_w |w|^2 / 2 + sum max(0, 1 - <w, z_i>)^2 for z_i = y_i x_i, (n, 3)."""

    def objective(weights: Floats) -> float:
        return float(weights @ weights / 2 + (np.maximum(0.0, 1.0 - signed @ weights) ** 2).sum())

    weights = np.zeros(signed.shape[1])
    for _ in range(_NEWTON_STEPS):
        active = signed[signed @ weights < 1.0]
        gradient = weights - 2.0 * (1.0 - active @ weights) @ active
        if np.abs(gradient).max() < 1e-12:
            break
        step = np.linalg.solve(np.eye(len(weights)) + 2.0 * active.T @ active, gradient)
        size = 1.0
        while objective(weights - size * step) > objective(weights) and size > 1e-9:
            size /= 2.0
        weights = weights - size * step
    return weights


def _labels(selection: Selection) -> Floats:
    labels = -np.ones(len(selection.parts))
    labels[list(selection.selected)] = 1.0
    return labels


def _filled(parts: Floats) -> Floats:
    known = ~np.isnan(parts)
    means = np.where(known, parts, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.where(known, parts, means)


def _check(selections: Sequence[Selection]) -> None:
    if not any(selection.selected for selection in selections):
        raise PalateError("nothing_selected", "weights are learned from selected pictures, and none is selected")
    for selection in selections:
        rows = np.asarray(selection.parts)
        if rows.ndim != 2 or rows.shape[1] != 3 or np.isinf(rows).any():
            raise PalateError("selection_invalid", "a selection needs three finite scores a picture", about="parts")
        if any(not 0 <= row < len(rows) for row in selection.selected):
            raise PalateError("selection_invalid", "a selected picture is not among the prompt's", about="selected")
        if np.isnan(rows[list(selection.selected)]).all(axis=1).any():
            raise PalateError("selection_invalid", "a selected picture has no score at all", about="selected")
