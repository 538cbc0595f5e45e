"""The scores of a prompt that nobody drew, from its nearest prompts.

Model m drew prompts q with scores y_mq, words t_q, and pictures that depart from what all models draw by r_mq. For new
words t, with weights w_q that grow with the likeness of t and t_q, and their weighted mean t' = sum w t_q / sum w:

    score_m(t) = mean + sum_q w_q [(y_mq - mean) + lean <t - t', r_mq>] / (sum_q w_q + doubt)

The first term is the neighbours' mean. The second carries it to the new words: a CLIP-Score is the inner product of
words and picture, so its slope along the words *is* the model's own departure r: a first-order expansion around t'.
`doubt` draws models that drew little towards the mean of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from palate.find.cells import Cells

Floats = NDArray[np.float64]

NEAR_DUPLICATE = 0.9
"""Prompts whose words are more alike than this are one prompt to the leave-one-out: else it would learn to copy."""

MOST_PROMPTS = 200
"""Leave-one-out over more prompts than this costs time and changes nothing."""


@dataclass(frozen=True, slots=True)
class Nearness:
    """How far a score reaches; chosen by leave-one-out on the hub's own prompts, see `fit_nearness`."""

    sharpness: float = 8.0
    """w = exp(sharpness <t, t_q>), before scaling to a mean of 1"""
    local: float = 0.6
    """1: only the near prompts count; 0: all count alike."""
    doubt: float = 6.0
    """In prompts: how many pictures a model needs before it is believed half."""
    lean: float = 0.0
    """In score per unit of cosine; 0 for scores that do not follow the words."""


def nearness_weights(words: NDArray[np.float32], drawn: NDArray[np.float32], how: Nearness) -> Floats:
    """w, (B, Q), of mean 1 over the hub's prompts. words: (B, d); drawn: (Q, d); unit rows."""
    return _weights((words @ drawn.T).astype(np.float64), how)


def predict(drawn: Cells, scores: Floats, words: NDArray[np.float32], how: Nearness) -> Floats:
    """The equation above: (B, M) from the cells' scores (C,) for words (B, d). A model without cells gets the mean."""
    if not len(scores):
        return np.full((len(words), len(drawn.model_ids)), np.nan)
    weights = nearness_weights(words, drawn.words, how)
    carried = np.broadcast_to(scores - scores.mean(), (len(words), len(scores)))
    if how.lean:
        carried = carried + how.lean * _leaning(drawn, words, weights)
    cells = weights[:, drawn.prompt]
    expected: Floats = scores.mean() + _by_model(drawn, cells * carried) / (_by_model(drawn, cells) + how.doubt)
    return expected


def cell_worths(drawn: Cells, scores: Floats, words: NDArray[np.float32], how: Nearness) -> Floats:
    """(C,) how much each cell holds up its model's predicted score for words (d,): it, minus it without the cell."""
    weights = nearness_weights(words[None], drawn.words, how)
    carried = scores - scores.mean() + (how.lean * _leaning(drawn, words[None], weights)[0] if how.lean else 0.0)
    cells = weights[0, drawn.prompt]
    above = np.bincount(drawn.model, cells * carried, len(drawn.model_ids))[drawn.model]
    below = np.bincount(drawn.model, cells, len(drawn.model_ids))[drawn.model] + how.doubt
    rest = below - cells
    without = np.divide(above - cells * carried, rest, out=np.zeros_like(rest), where=rest > 1e-12)
    worth: Floats = above / below - without
    return worth


def fit_nearness(drawn: Cells, scores: Floats, *, leans: bool) -> Nearness:
    """The settings whose leave-one-prompt-out predictions on the hub are nearest to what was drawn.

    Each prompt that at least two models drew is predicted from the others (near-duplicates left out with it); what
    counts is the squared error of the differences between models, since only these rank. `lean` is least squares in
    closed form; the others are searched. A hub with too little to learn from keeps the defaults.
    """
    asked = _examples(drawn)
    if len(asked) < 5:
        return Nearness()
    best, least = Nearness(), np.inf
    for how, neighbours, leaning, truth in _left_out(drawn, scores, asked, leans=leans):
        slope = float((leaning * (truth - neighbours)).sum() / max(float((leaning**2).sum()), 1e-12))
        slope = max(slope, 0.0)
        error = float(((truth - neighbours - slope * leaning) ** 2).mean())
        if error < least:
            best, least = Nearness(how.sharpness, how.local, how.doubt, slope), error
    return best


def held_out(drawn: Cells, scores: Floats, how: Nearness) -> tuple[NDArray[np.intp], Floats]:
    """Prompts of the hub (n,), and the predictions (n, M) had nobody drawn them or a near-duplicate of them."""
    asked = _examples(drawn)
    likeness = (drawn.words[asked] @ drawn.words.T).astype(np.float64)
    weights = _weights(likeness, how, _hidden(likeness, asked))
    cells = weights[:, drawn.prompt]
    carried = scores - scores.mean() + (how.lean * _leaning(drawn, drawn.words[asked], weights) if how.lean else 0.0)
    return asked, scores.mean() + _by_model(drawn, cells * carried) / (_by_model(drawn, cells) + how.doubt)


def _examples(drawn: Cells) -> NDArray[np.intp]:
    """Up to `MOST_PROMPTS` prompts that several models drew, spread evenly over the hub."""
    several = np.flatnonzero(drawn.drawn_by >= 2)
    return several[np.linspace(0, len(several) - 1, min(len(several), MOST_PROMPTS)).astype(np.intp)]


def _left_out(
    drawn: Cells, scores: Floats, asked: NDArray[np.intp], *, leans: bool
) -> Iterator[tuple[Nearness, Floats, Floats, Floats]]:
    """For every setting: neighbour means, leanings and truths of the asked prompts' cells, centred by prompt."""
    likeness = (drawn.words[asked] @ drawn.words.T).astype(np.float64)
    hidden = _hidden(likeness, asked)
    place = np.full(len(drawn.words), -1, dtype=np.intp)
    place[asked] = np.arange(len(asked))
    cells = np.flatnonzero(place[drawn.prompt] >= 0)
    at, model = place[drawn.prompt[cells]], drawn.model[cells]
    truth = _centred(scores[cells], at)
    carried = scores - scores.mean()
    words = drawn.words[asked]
    for sharpness, local in product((4.0, 8.0, 12.0, 20.0), (0.0, 0.3, 0.6, 0.9)):
        if local == 0.0 and sharpness != 4.0:
            continue
        weights = _weights(likeness, Nearness(sharpness, local), hidden)
        by_cell = weights[:, drawn.prompt]
        mass = _by_model(drawn, by_cell)
        level = _by_model(drawn, by_cell * carried)
        leaning = _by_model(drawn, by_cell * _leaning(drawn, words, weights)) if leans else np.zeros_like(level)
        for doubt in (1.0, 4.0, 12.0):
            share = mass + doubt
            yield (
                Nearness(sharpness, local, doubt),
                _centred((level / share)[at, model], at),
                _centred((leaning / share)[at, model], at),
                truth,
            )


def _hidden(likeness: Floats, asked: NDArray[np.intp]) -> NDArray[np.bool_]:
    hidden: NDArray[np.bool_] = (likeness > NEAR_DUPLICATE) | (np.arange(likeness.shape[1]) == asked[:, None])
    return hidden


def _weights(likeness: Floats, how: Nearness, hidden: NDArray[np.bool_] | None = None) -> Floats:
    """(B, Q) from cosines; hidden prompts weigh nothing."""
    shown = np.ones_like(likeness) if hidden is None else (~hidden).astype(np.float64)
    near = np.exp(how.sharpness * (likeness - likeness.max(axis=1, keepdims=True))) * shown
    count = np.maximum(shown.sum(axis=1, keepdims=True), 1.0)
    usual = near.sum(axis=1, keepdims=True) / count
    scaled = np.divide(near, usual, out=np.zeros_like(near), where=usual > 0)
    weights: Floats = (1.0 - how.local) * shown + how.local * scaled
    return weights


def _leaning(drawn: Cells, words: NDArray[np.float32], weights: Floats) -> Floats:
    """<t - t', r> of every cell, (B, C)."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    usual = (weights @ drawn.words.astype(np.float64)) / total
    leaning: Floats = ((words - usual).astype(np.float32) @ drawn.residual.T).astype(np.float64)
    return leaning


def _by_model(drawn: Cells, cells: Floats) -> Floats:
    """(B, C) summed over each model's cells: (B, M)."""
    summed = np.empty((len(cells), len(drawn.model_ids)))
    for at, row in enumerate(cells):
        summed[at] = np.bincount(drawn.model, row, len(drawn.model_ids))
    return summed


def _centred(values: Floats, group: NDArray[np.intp]) -> Floats:
    means = np.bincount(group, values) / np.maximum(np.bincount(group), 1)
    centred: Floats = values - means[group]
    return centred
