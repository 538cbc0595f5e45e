"""Content and style: what any model would draw for some words, and what one model adds to it.

A picture's vector is taken as x_r = c_p(r) + s_m(r) + e_r: the content of its prompt, the style of its model, and what
neither explains. Prompts that several models drew tell their content by comparison; the others only by their words.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palate.find.specification import Indices, Mask, Specifications

Floats = NDArray[np.float64]

ROUNDS = 6
RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
MOST_PROMPTS = 4000
"""Words are mapped to content from at most so many prompts, evenly spaced; more change the map little."""


@dataclass(frozen=True, eq=False)
class WordsToContent:
    """Predicts the content c of a prompt from its words q: c = mean + (q - words_mean) A."""

    words_mean: Floats
    """(d,)"""
    mean: Floats
    """(d,)"""
    matrix: Floats
    """A, (d, d)"""

    def predict(self, words: NDArray[np.floating]) -> Floats:
        """(n, d) prompt vectors -> (n, d) content."""
        predicted: Floats = self.mean + (np.asarray(words, dtype=np.float64) - self.words_mean) @ self.matrix
        return predicted


def fit_words_to_content(words: Floats, content: Floats) -> tuple[WordsToContent, Floats]:
    """Ridge regression with a prior: (P, d) words and contents -> the map, and (P, d) leave-one-out errors.

    Encoders that read words and pictures put both in one space, so a picture moves along with its words: the prior
    mean of A is a multiple of the identity, A = a I + ridge. Both a and the ridge minimise the leave-one-out error,
    which is (y - Hy) / (1 - h) for a linear smoother H with diagonal h, hence linear in a: no refitting.
    """
    words_mean, mean = words.mean(axis=0), content.mean(axis=0)
    Q, C = words - words_mean, content - mean
    U, spread, Vt = np.linalg.svd(Q, full_matrices=False)
    best: tuple[float, float, float, Floats] | None = None
    for ridge in RIDGES:
        keep = spread**2 / (spread**2 + ridge)
        left_out = 1.0 - (U**2) @ keep - 1.0 / len(Q)
        left_out = np.maximum(left_out, 1e-3)[:, None]
        error_c = (C - (U * keep) @ (U.T @ C)) / left_out
        error_q = (Q - (U * keep) @ (U.T @ Q)) / left_out
        along = float(np.clip(np.vdot(error_c, error_q) / max(np.vdot(error_q, error_q), 1e-12), 0.0, 1.0))
        errors = error_c - along * error_q
        loss = float(np.vdot(errors, errors))
        if best is None or loss < best[0]:
            best = loss, ridge, along, errors
    assert best is not None
    _, ridge, along, errors = best
    slopes = (Vt.T * (spread / (spread**2 + ridge))) @ (U.T @ (C - along * Q))
    matrix = slopes + along * np.eye(words.shape[1])
    return WordsToContent(words_mean, mean, matrix), errors


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Every row's content as seen without it, and every model's style."""

    words: WordsToContent | None
    """None where no prompt is known."""
    mean: Floats
    """(d,) the content of a picture nothing is known about."""
    residuals: NDArray[np.float32]
    """(R, d) picture minus content, the content judged from its words and from other models' pictures only."""
    weights: Floats
    """(R,) how much a row tells of its model's style, 1 for a prompt that everybody drew."""
    unseen: NDArray[np.float32]
    """(R, d) picture minus the content predicted as if its prompt had never been drawn; zero rows without words."""
    style: Floats
    """(M, d) weighted mean residual of each model; their mean is zero."""
    ratio: float
    """The noise of one picture to that of the words."""
    shared: dict[str, tuple[Floats, float]]
    """Of each prompt that has a name: the mean (d,) of what its models drew, without their styles; how many drew it."""


def decompose(known: Specifications) -> Decomposition:
    """Content, style and rest by alternating conditional means (backfitting; Buja, Hastie and Tibshirani 1989)."""
    prompt, has_words, words = _prompts(known)
    model, pictures = known.model_index, known.pictures
    models, count = len(known.model_ids), len(has_words)
    drawn_by = _distinct(prompt, model, count)
    style = np.zeros((models, known.dim))
    mean = pictures.mean(axis=0, dtype=np.float64)
    ratio = 1.0
    for _ in range(ROUNDS):
        content = _means(pictures - style[model].astype(np.float32), prompt, count)
        regression, errors = _regress(words, content, has_words)
        mean = regression.mean if regression is not None else mean
        expected = content - errors if regression is not None else np.broadcast_to(mean, content.shape).copy()
        expected[~has_words] = mean
        others, share = _of_others(pictures, style, model, prompt, expected, drawn_by, ratio)
        residuals = (pictures - others).astype(np.float32)
        weights = ratio / (ratio + 1.0 - share)
        style = _means(residuals, model, models, weights)
        style -= style[known.counts > 0].mean(axis=0)
        ratio = _noise_to_content(residuals, style, model, drawn_by[prompt], content - expected)
    unseen = (pictures - expected[prompt]).astype(np.float32)
    unseen[~has_words[prompt]] = 0.0
    bare = _means(pictures - style[model].astype(np.float32), prompt, count)
    shared = {name: (bare[p], float(drawn_by[p])) for name, p in zip(known.prompt_ids, prompt, strict=True) if name}
    return Decomposition(regression, mean, residuals, weights, unseen, style, ratio, shared)


def _prompts(known: Specifications) -> tuple[Indices, Mask, Floats]:
    """(R,) prompt of each row, (P,) whether its words are known, (P, d) words; each row without one is its own."""
    named = known.prompt_index
    prompt = named.copy()
    unnamed = np.flatnonzero(named < 0)
    known_prompts = int(named.max(initial=-1)) + 1
    prompt[unnamed] = known_prompts + np.arange(len(unnamed))
    words = np.zeros((known_prompts + len(unnamed), known.dim))
    has_words = np.zeros(len(words), dtype=bool)
    rows = np.flatnonzero(known.has_prompt)
    words[prompt[rows]] = known.prompts[rows]
    has_words[prompt[rows]] = True
    return prompt, has_words, words


def _distinct(prompt: Indices, model: Indices, count: int) -> Floats:
    """(P,) how many models drew each prompt."""
    pairs = np.unique(np.stack([prompt, model], axis=1), axis=0)
    return np.bincount(pairs[:, 0], minlength=count).astype(np.float64)


def _means(rows: NDArray[np.floating], group: Indices, count: int, weights: Floats | None = None) -> Floats:
    """(count, d) weighted mean of the rows of each group; zero where a group is empty."""
    weight = np.ones(len(rows)) if weights is None else weights
    sums = _sums(rows * weight[:, None].astype(rows.dtype), group, count)
    totals = np.bincount(group, weights=weight, minlength=count)
    means: Floats = sums / np.maximum(totals, 1e-12)[:, None]
    return means


def _sums(rows: NDArray[np.floating], group: Indices, count: int) -> Floats:
    """(count, d) sums by group: one pass over rows sorted by group."""
    sums = np.zeros((count, rows.shape[1]))
    if len(rows):
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        sums[group[order][starts]] = np.add.reduceat(rows[order], starts, axis=0, dtype=np.float64)
    return sums


def _regress(words: Floats, content: Floats, has_words: Mask) -> tuple[WordsToContent | None, Floats]:
    """The map from words, and for every prompt the content it would have been missed by (P, d)."""
    rows = np.flatnonzero(has_words)
    errors = np.zeros_like(content)
    if len(rows) < 2:
        return None, errors
    chosen = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_PROMPTS)).astype(np.intp)]
    regression, missed = fit_words_to_content(words[chosen], content[chosen])
    rest = np.setdiff1d(rows, chosen)
    errors[chosen] = missed
    errors[rest] = content[rest] - regression.predict(words[rest])
    return regression, errors


def _of_others(
    pictures: NDArray[np.float32],
    style: Floats,
    model: Indices,
    prompt: Indices,
    expected: Floats,
    drawn_by: Floats,
    ratio: float,
) -> tuple[Floats, Floats]:
    """(R, d) content of each row's prompt without the row's own model, and (R,) the share pictures have in it.

    n models' pictures of a prompt outweigh its words by n : ratio, the noise of one picture to that of the words.
    """
    pairs, pair = np.unique(prompt * len(style) + model, return_inverse=True)
    of_pair = (pairs // len(style)).astype(np.intp), (pairs % len(style)).astype(np.intp)
    bare = _means(pictures, pair, len(pairs)) - style[of_pair[1]]
    total = _sums(bare, of_pair[0], len(expected))
    others = drawn_by[of_pair[0]] - 1.0
    share = others / (others + ratio)
    seen = (total[of_pair[0]] - bare) / np.maximum(others, 1.0)[:, None]
    words = expected[of_pair[0]]
    content = words + share[:, None] * (seen - words)
    return content[pair], share[pair]


def _noise_to_content(
    residuals: NDArray[np.float32], style: Floats, model: Indices, shared: Floats, missed: Floats
) -> float:
    """How uncertain one picture leaves its prompt's content, against how uncertain the words leave it."""
    rows = np.flatnonzero(shared > 1)
    if not len(rows):
        return 1.0
    noise = residuals[rows] - style[model[rows]].astype(np.float32)
    per_picture = float(np.mean(np.einsum("rd,rd->r", noise, noise, dtype=np.float64)))
    per_prompt = float(np.mean(np.einsum("pd,pd->p", missed, missed)))
    return float(np.clip(per_picture / max(per_prompt, 1e-12), 0.05, 20.0))
