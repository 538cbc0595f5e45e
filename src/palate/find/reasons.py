"""Why a model stands where it stands, in words, with what its score would fall by without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from palate.find.evidence import Evidence
from palate.find.hub import Hub
from palate.find.requirement import Requirement
from palate.find.scores import Weights
from palate.find.words import WordsScores, supporting_cells
from palate.ranking import Reason, ReasonKind

Floats = NDArray[np.float64]
NEAREST = 3


def downloads(count: float, worth: float) -> Reason:
    return Reason(f"{count:,.0f} downloads", float(worth), kind="downloads")


def example(number: int, of: int) -> str:
    return "it draws in the style of your picture" if of == 1 else f"it draws in the style of your picture {number + 1}"


def likings(count: int) -> str:
    return f"it draws in the style of {count} pictures that were liked"


def of_words(
    hub: Hub, asked: Requirement, words: WordsScores, by: str, weights: Weights, model: int
) -> tuple[Reason, ...]:
    """The parts of the GRE-Score that hold the model up, with the pictures and prompts behind them."""
    if by != "gre":
        value = float((words.clip if by == "clip" else words.mcos)[model])
        return (_of_clip(hub, asked, words, value, model) if by == "clip" else _distinct(value, value),)
    worths = {name: float(part[model]) for name, part in words.part_worths(weights).items()}
    unknown = " (its downloads are not known and were left out)" if np.isnan(worths["popularity"]) else ""
    told = []
    if worths["clip"] > 0:
        reason = _of_clip(hub, asked, words, worths["clip"], model)
        told.append(replace(reason, text=reason.text + unknown))
    if worths["mcos"] > 0:
        told.append(_distinct(float(words.mcos[model]), worths["mcos"]))
    if worths["popularity"] > 0:
        told.append(downloads(float(hub.specifications.downloads[model]), worths["popularity"]))
    return tuple(sorted(told, key=lambda reason: -reason.worth))


def _of_clip(hub: Hub, asked: Requirement, words: WordsScores, worth: float, model: int) -> Reason:
    drawn, known = hub.words.drawn, hub.specifications
    measure = f"norm_clip {words.clip[model]:.4f}"
    if words.exact[model]:
        own = [row for row in np.flatnonzero(known.model_index == model) if known.prompt_ids[row] == asked.prompt_id]
        pictures = tuple(known.picture_ids[row] for row in own)
        text = f"its picture of just this fits the words: {of_a_hundred(words.clip[model])}"
        return Reason(text, worth, pictures, (asked.prompt_id or "",), "words", measure)
    cells = supporting_cells(hub.words, asked.words, model, scores=words) if asked.words is not None else []
    pictures = tuple(known.picture_ids[drawn.row[cell]] for cell, _ in cells)
    prompts = tuple(drawn.prompt_ids[drawn.prompt[cell]] for cell, _ in cells)
    text = f"its pictures of the nearest prompts fit their words: {of_a_hundred(words.clip[model])}"
    return Reason(text, worth, pictures, prompts, "words", measure)


def _distinct(value: float, worth: float) -> Reason:
    text = f"it draws unlike the other models: {of_a_hundred(value)}"
    return Reason(text, worth, kind="distinct", measure=f"norm_mcos {value:.4f}")


def of_a_hundred(score: float) -> str:
    """A score from 0, the least among the models here, to 1, the most, as people say it."""
    return "not measured" if np.isnan(score) else f"{min(max(round(100 * float(score)), 0), 100)} of 100"


def of_style(hub: Hub, asked: Requirement, worths: Floats, names: Sequence[str], model: int) -> tuple[Reason, ...]:
    """Each example that speaks for the model, with the model's own pictures that are most like it."""
    told = []
    for number, (worth, text) in enumerate(zip(worths, names, strict=True)):
        if worth > 0:
            like = None if asked.pictures is None or number >= len(asked.pictures) else asked.pictures[number]
            kind: ReasonKind = "likings" if like is None else "pictures"
            told.append(Reason(text, float(worth), nearest_pictures(hub, like, model), kind=kind))
    return tuple(sorted(told, key=lambda reason: -reason.worth))


def nearest_pictures(hub: Hub, like: NDArray[np.float32] | None, model: int) -> tuple[str, ...]:
    """The model's own pictures that are most like one, to be looked at."""
    known = hub.specifications
    rows = np.flatnonzero(known.model_index == model)
    if like is not None:
        rows = rows[np.argsort(-(known.pictures[rows] @ like), kind="stable")]
    return tuple(dict.fromkeys(known.picture_ids[row] for row in rows[:NEAREST]))


def of_evidence(
    hub: Hub,
    asked: Requirement,
    evidence: Evidence,
    words: WordsScores | None,
    style: Callable[[int], tuple[Reason, ...]],
    model: int,
) -> tuple[Reason, ...]:
    """The sources that speak for the model; each part of one that has parts keeps its share of the whole."""
    told: list[Reason] = []
    for name, worth in evidence.worths(model):
        if name == "words" and words is not None:
            told.append(_of_clip(hub, asked, words, worth, model))
        else:
            inner = style(model)
            pictures = tuple(dict.fromkeys(id for reason in inner for id in reason.pictures))[:NEAREST]
            text = " and ".join(reason.text for reason in inner[:2]) or "it draws in the style that was asked for"
            told.append(Reason(text, worth, pictures, kind=inner[0].kind if inner else "pictures"))
    return tuple(told)


def of_matching(hub: Hub, asked: Requirement, by: str, scores: Floats, model: int) -> tuple[Reason, ...]:
    """PMI, MMS and RKME weigh all of a model's pictures at once: worth what it stands above the usual model by them."""
    worth = float(scores[model] - np.median(scores[np.isfinite(scores)]))
    if not worth > 0:
        return ()
    count = int((hub.specifications.model_index == model).sum())
    text = f"its {count} pictures lie nearer to yours than the usual model's do"
    like = None if asked.pictures is None else asked.pictures[0]
    measure = f"{by.upper()} {scores[model]:.4f}"
    return (Reason(text, worth, nearest_pictures(hub, like, model), kind="pictures", measure=measure),)
