"""Models that might draw the next pictures: a candidate names its prompt, and the model as well (GEMRec in PASTA)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from palate.catalogue.records import Model
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.find.filters import Filters
from palate.find.loading import load_specifications
from palate.specify.orders import CANNOT_DRAW
from palate.taste.evidence import Floats, Rows
from palate.taste.offset import Belief, worth
from palate.taste.space import TasteSpace

OTHER_HANDS = ("style", "creative")
"""Categories whose candidates may go to another model; the others stay with the one that drew what was picked."""


@dataclass(frozen=True, slots=True)
class Drawers:
    """`shares` (M, d): how what each model draws differs from what all of them draw for the same prompts."""

    ids: tuple[str, ...]
    shares: Floats

    def share(self, id: str | None) -> Floats:
        """(d,), zero for a model that nothing is known of."""
        nothing: Floats = np.zeros(self.shares.shape[1])
        return self.shares[self.ids.index(id)] if id in self.ids else nothing


def drawers_in(connection: Connection, space: Space, taste: TasteSpace, filters: Filters) -> Drawers:
    """The models here that can draw, may be shown and are specified; none where nothing is."""
    try:
        known, models = load_specifications(connection, space)
    except PalateError:
        return Drawers((), np.zeros((0, taste.wide)))
    shares = differences(taste.of_pictures(known.pictures), known.model_index, known.prompt_ids, len(models))
    able = [at for at, model in enumerate(models) if can_draw(model) and filters.passes(model)]
    return Drawers(tuple(models[at].id for at in able), shares[able])


def can_draw(model: Model) -> bool:
    return model.kind not in CANNOT_DRAW and model.state == "ready"


def differences(features: Floats, model_index: Rows, prompt_ids: Sequence[str], models: int) -> Floats:
    """(M, d): a model's mean over its pictures (R, d) less what their prompts make of everybody's."""
    _, prompt = np.unique(np.array(prompt_ids, dtype=str), return_inverse=True)
    everybody = _means(features, prompt, int(prompt.max()) + 1)
    return _means(features - everybody[prompt], model_index, models)


def _means(rows: Floats, group: Rows, count: int) -> Floats:
    total = np.zeros((count, rows.shape[1]))
    np.add.at(total, group, rows)
    means: Floats = total / np.maximum(np.bincount(group, minlength=count), 1)[:, None]
    return means


def hands_for(drawers: Drawers, believed: Belief, categories: Iterable[str], now: str | None) -> list[str | None]:
    """A model for each candidate: those of `OTHER_HANDS` get the models that are worth most, best first, in turn."""
    if len(drawers.ids) < 2:
        return [now for _ in categories]
    mean, _ = worth(believed, drawers.shares)
    best = [drawers.ids[at] for at in np.argsort(-mean, kind="stable") if drawers.ids[at] != now]
    found: list[str | None] = []
    used = dict.fromkeys(OTHER_HANDS, 0)
    for category in categories:
        if category not in used:
            found.append(now)
            continue
        # The two categories begin apart, so that a slate with both shows two other hands.
        place = 2 * used[category] + OTHER_HANDS.index(category)
        found.append(best[place % len(best)])
        used[category] += 1
    return found
