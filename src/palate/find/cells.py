"""What the hub has drawn, a cell for every model and prompt: its scores, and how the model departs from the content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.find.scores import UNDECIDED
from palate.find.specification import Indices, Specifications

Floats = NDArray[np.float64]

FEW = 5
"""A prompt that fewer models drew has no honest minimum and maximum: its pictures are judged by the hub's spread."""

OWN_WEIGHT = 2.0
"""How many times as much one picture says about its prompt's mean as the hub's mean does (few models drew it)."""


@dataclass(frozen=True, eq=False)
class Cells:
    """C cells in order of prompt then model; a cell is the mean of the pictures that one model drew for one prompt."""

    model_ids: tuple[str, ...]
    """(M,)"""
    prompt_ids: tuple[str, ...]
    """(Q,)"""
    words: NDArray[np.float32]
    """(Q, d)"""
    prompt: Indices
    """(C,) a position in `prompt_ids`."""
    model: Indices
    """(C,) a position in `model_ids`."""
    row: Indices
    """(C,) one of the cell's rows in the specifications, to show."""
    clip: Floats
    """(C,) CLIP-Score"""
    mcos: Floats
    """(C,) mean cosine to the prompt's pictures, the cell's own included."""
    norm_clip: Floats
    """(C,) per-prompt min-max; from the hub's spread where few models drew the prompt."""
    norm_mcos: Floats
    """(C,)"""
    residual: NDArray[np.float32]
    """(C, d) the cell's picture less what all models draw for the prompt: the model's way of seeing it."""
    drawn_by: Indices
    """(Q,) how many models drew each prompt."""

    @property
    def complete(self) -> NDArray[np.bool_]:
        """(Q,) prompts that enough models drew for GEMRec's scores to be exact."""
        return self.drawn_by >= min(FEW, max(len(self.model_ids), 1))


def tabulate(specifications: Specifications) -> Cells:
    """Cells of every picture whose prompt is known. Several seeds of one model and prompt are averaged."""
    rows = np.flatnonzero(specifications.has_prompt)
    prompt_ids, first, prompt = _codes([specifications.prompt_ids[row] for row in rows])
    words = specifications.prompts[rows[first]]
    pictures = specifications.pictures[rows].astype(np.float64)
    models = len(specifications.model_ids)
    keys, shown, cell = np.unique(
        prompt * models + specifications.model_index[rows], return_index=True, return_inverse=True
    )
    cell_prompt, cell_model = keys // max(models, 1), keys % max(models, 1)
    cell_pictures = _means(pictures, cell, len(keys))
    drawn_by = np.bincount(cell_prompt, minlength=len(prompt_ids))
    content = _means(cell_pictures, cell_prompt, len(prompt_ids))
    clip = 100.0 * np.einsum("cd,cd->c", cell_pictures, words[cell_prompt].astype(np.float64))
    likeness = np.einsum("cd,cd->c", cell_pictures, _means(pictures, prompt, len(prompt_ids))[cell_prompt])
    complete = drawn_by >= min(FEW, max(models, 1))
    return Cells(
        model_ids=specifications.model_ids,
        prompt_ids=tuple(prompt_ids),
        words=words,
        prompt=cell_prompt,
        model=cell_model,
        row=rows[shown],
        clip=clip,
        mcos=likeness,
        norm_clip=_relative(clip, cell_prompt, complete, shrink=True),
        norm_mcos=1.0 - _relative(likeness, cell_prompt, complete, shrink=False),
        residual=(cell_pictures - _shrunk(content, drawn_by, complete)[cell_prompt]).astype(np.float32),
        drawn_by=drawn_by.astype(np.intp),
    )


def _codes(names: list[str]) -> tuple[list[str], Indices, Indices]:
    """Distinct names in order of appearance, where each first stands, and each name's number."""
    found: dict[str, int] = {}
    codes = np.array([found.setdefault(name, len(found)) for name in names], dtype=np.intp)
    first = np.unique(codes, return_index=True)[1]
    return list(found), first.astype(np.intp), codes


def _means(rows: NDArray[Any], group: Indices, groups: int) -> Floats:
    """(groups, d) the mean of each group's rows; every group has one."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(groups))
    if not groups:
        return np.zeros((0, rows.shape[1]))
    sums: Floats = np.add.reduceat(rows[order].astype(np.float64), starts, axis=0)
    return sums / np.bincount(group, minlength=groups)[:, None]


def _shrunk(means: Floats, counts: Indices, complete: NDArray[np.bool_]) -> Floats:
    """Means of prompts that few models drew, drawn towards the mean of all: one picture is not its own content."""
    share = np.where(complete, 1.0, OWN_WEIGHT * counts / (OWN_WEIGHT * counts + 1.0))
    overall = means.mean(axis=0) if len(means) else 0.0
    return means * share[:, None] + overall * (1.0 - share)[:, None]


def _relative(scores: Floats, prompt: Indices, complete: NDArray[np.bool_], *, shrink: bool) -> Floats:
    """Per-prompt min-max; where few models drew it, 0.5 + the distance from the prompt's mean in hub ranges, clipped.

    The hub's range is the median over its complete prompts; without any, six deviations, which a hundred draws span.
    """
    count = len(complete)
    if not len(scores):
        return scores
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, prompt, scores)
    np.maximum.at(high, prompt, scores)
    spread = high - low
    means = _means(scores[:, None], prompt, count)
    if shrink:
        means = _shrunk(means, np.bincount(prompt, minlength=count).astype(np.intp), complete)
    away = scores - means[prompt, 0]
    usual = float(np.median(spread[complete])) if complete.any() else 6.0 * float(away.std())
    near = np.clip(UNDECIDED + away / usual, 0.0, 1.0) if usual > 0 else np.full_like(scores, UNDECIDED)
    flat = np.where(spread > 0, spread, 1.0)
    exact = np.where(spread[prompt] > 0, (scores - low[prompt]) / flat[prompt], UNDECIDED)
    return np.where(complete[prompt], exact, near)
