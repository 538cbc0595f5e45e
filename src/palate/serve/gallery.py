"""Pictures as columns, so that a wall of thousands is filtered and sorted in a millisecond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from palate.catalogue import tables
from palate.catalogue.database import arrival
from palate.catalogue.pictures import SHARED
from palate.catalogue.records import Model, Prompt
from palate.find.cells import Cells
from palate.find.filters import EXPLICIT, SUGGESTIVE, Filters, unsafe_words
from palate.find.hub import Hub
from palate.find.scores import Weights, gre_score

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
NOWHERE = -1
SAME = 1e-9
"""Scores that differ by less of their size are one score."""
NOT_DRAWN_YET = 64
"""The side of a picture that is known by its key alone: what the pocket hub draws."""


@dataclass(frozen=True, eq=False)
class Gallery:
    """N pictures; a picture has one model and one prompt here, the first that it credits."""

    ids: NDArray[np.str_]
    """(N,)"""
    model: NDArray[np.str_]
    """(N,) '' where nobody is credited."""
    prompt: NDArray[np.str_]
    """(N,)"""
    seed: NDArray[np.str_]
    width: NDArray[np.int64]
    height: NDArray[np.int64]
    recent: NDArray[np.int64]
    """(N,) higher is newer."""
    clip: Floats
    mcos: Floats
    popularity: Floats
    gre: Floats
    """(N,) each NaN where there is nothing to go by."""
    mine: Mask

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def place(self) -> dict[str, int]:
        """The row of each picture."""
        return {id: row for row, id in enumerate(self.ids.tolist())}

    def only(self, kept: Mask) -> Gallery:
        return Gallery(**{one.name: getattr(self, one.name)[kept] for one in fields(self)})

    def joined(self, other: Gallery) -> Gallery:
        return Gallery(
            **{one.name: np.concatenate([getattr(self, one.name), getattr(other, one.name)]) for one in fields(self)}
        )

    def scores(self, sort: str) -> Floats:
        """(N,)"""
        values: Floats = np.asarray(getattr(self, sort), dtype=np.float64)
        return values


def picture_rows_of(connection: Connection, person: str | None) -> Sequence[Row[Any]]:
    """One row a drawing and credit of the shared pictures, or of those that are this person's own.

    A picture without pixels is among them where it can be drawn from its key when somebody looks at it.
    """
    pictures, drawings, credits = tables.pictures.c, tables.drawings.c, tables.credits.c
    whose = SHARED
    if person is not None:
        held = select(tables.holdings.c.drawing_id).where(tables.holdings.c.person_id == person)
        whose = drawings.id.in_(held)
    by_its_key = (
        (pictures.state == "vector only")
        & drawings.settings["base"].as_string().is_not(None)
        & drawings.prompt_id.is_not(None)
        & drawings.seed.is_not(None)
        & credits.model_id.is_not(None)
    )
    query = (
        select(
            pictures.id,
            pictures.width,
            pictures.height,
            arrival(connection, tables.pictures).label("recent"),
            drawings.prompt_id,
            drawings.seed,
            credits.model_id,
            credits.role,
        )
        .join(tables.drawings, drawings.picture_id == pictures.id)
        .outerjoin(tables.credits, credits.drawing_id == drawings.id)
        .where(pictures.state.in_(("ok", "degenerate")) | by_its_key, whose)
        .order_by(pictures.id, drawings.id, credits.position)
    )
    return connection.execute(query).all()


def gallery_of(
    rows: Sequence[Row[Any]], models: Mapping[str, Model], hub: Hub | None, weights: Weights, *, mine: bool = False
) -> Gallery:
    """One picture a line: an adapter says more of a picture than the checkpoint below it, so it goes first."""
    chosen: dict[str, Row[Any]] = {}
    for row in rows:
        before = chosen.get(row.id)
        better = row.model_id is not None and (
            before is not None and (before.model_id is None or (before.role, row.role) == ("checkpoint", "adapter"))
        )
        if before is None or better:
            chosen[row.id] = row
    picked = list(chosen.values())
    model = [row.model_id or "" for row in picked]
    prompt = [row.prompt_id or "" for row in picked]
    counted = [models[id].downloads if id in models else None for id in model]
    clip, mcos, gre = _cell_scores(hub, model, prompt, weights)
    return Gallery(
        ids=np.array(list(chosen), dtype=np.str_),
        model=np.array(model, dtype=np.str_),
        prompt=np.array(prompt, dtype=np.str_),
        seed=np.array([row.seed or "" for row in picked], dtype=np.str_),
        width=np.array([row.width or NOT_DRAWN_YET for row in picked], dtype=np.int64),
        height=np.array([row.height or NOT_DRAWN_YET for row in picked], dtype=np.int64),
        recent=np.array([row.recent for row in picked], dtype=np.int64),
        clip=clip,
        mcos=mcos,
        popularity=np.array([np.nan if count is None else np.log10(count + 1.0) for count in counted], dtype=float),
        gre=gre,
        mine=np.full(len(picked), mine),
    )


def _cell_scores(
    hub: Hub | None, model: Sequence[str], prompt: Sequence[str], weights: Weights
) -> tuple[Floats, Floats, Floats]:
    """CLIP-Score, mCos and GRE-Score of the cell that each picture lies in, (N,) each."""
    nothing = np.full((3, len(model)), np.nan)
    if hub is None or not model:
        return nothing[0], nothing[1], nothing[2]
    drawn: Cells = hub.words.drawn
    gre = gre_score(drawn.norm_clip, drawn.norm_mcos, hub.words.popularity[drawn.model], weights)
    place = {
        (drawn.model_ids[m], drawn.prompt_ids[q]): cell
        for cell, (m, q) in enumerate(zip(drawn.model, drawn.prompt, strict=True))
    }
    cells = [place.get(pair, NOWHERE) for pair in zip(model, prompt, strict=True)]
    known = np.array(cells) != NOWHERE
    for row, values in enumerate((drawn.clip, drawn.mcos, gre)):
        nothing[row, known] = values[np.array(cells)[known]]
    return nothing[0], nothing[1], nothing[2]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures to show."""

    prompt: str | None = None
    model: str | None = None
    tag: str | None = None
    base: str | None = None
    safe: str = "any"
    sort: str = "gre"
    low: float | None = None
    high: float | None = None


def mask(gallery: Gallery, wanted: Wanted, models: Mapping[str, Model], prompts: Mapping[str, Prompt]) -> Mask:
    """(N,) True where the picture is wanted. A tag is the prompt's or the model's."""
    kept = np.ones(len(gallery), dtype=bool)
    if wanted.prompt is not None:
        kept &= gallery.prompt == wanted.prompt
    if wanted.model is not None:
        kept &= gallery.model == wanted.model
    if wanted.base is not None or wanted.safe != "any":
        filters = Filters(wanted.base, (), wanted.safe)
        passing = [id for id, model in models.items() if filters.passes(model)]
        nobody = (gallery.model == "") & (wanted.base is None)
        kept &= np.isin(gallery.model, passing) | nobody
    if wanted.tag is not None:
        tag = wanted.tag.lower()
        named = [id for id, prompt in prompts.items() if (prompt.tag or "").lower() == tag]
        tagged = [id for id, model in models.items() if tag in {one.lower() for one in model.tags}]
        kept &= np.isin(gallery.prompt, named) | np.isin(gallery.model, tagged)
    if wanted.low is not None or wanted.high is not None:
        scores = gallery.scores(wanted.sort)
        with np.errstate(invalid="ignore"):
            kept &= scores >= (-np.inf if wanted.low is None else wanted.low)
            kept &= scores <= (np.inf if wanted.high is None else wanted.high)
    return kept


def order(gallery: Gallery, kept: Mask, sort: str) -> NDArray[np.intp]:
    """Rows that are kept, highest first, unscored ones last, equal ones newest first."""
    rows = np.flatnonzero(kept)
    scores = gallery.scores(sort)[rows]
    missing = np.isnan(scores)
    return rows[np.lexsort((-gallery.recent[rows], -np.nan_to_num(scores), missing))]


def bars(scores: Floats, bins: int) -> tuple[NDArray[np.intp], Floats]:
    """A histogram's counts, (bins,), and edges, (bins + 1,); scores that differ by rounding alone stand in one bar."""
    if not len(scores):
        return np.zeros(0, dtype=np.intp), np.zeros(0)
    low, high = float(scores.min()), float(scores.max())
    if high - low <= SAME * max(abs(low), abs(high), 1.0):
        low, high = low - 0.5, high + 0.5
    counts, edges = np.histogram(scores, bins=bins, range=(low, high))
    return counts, edges


def safety_of(model: Model | None) -> str | None:
    """What its maker says of it; nobody looked at the picture itself."""
    if model is None:
        return None
    words = unsafe_words(model)
    if words & EXPLICIT:
        return "explicit"
    return "suggestive" if words & SUGGESTIVE else "general"
