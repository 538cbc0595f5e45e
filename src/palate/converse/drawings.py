"""What is here of pictures and the words they were drawn for, for a hub's own differences to be read off."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Model
from palate.converse.differences import Drawings
from palate.find.hub import Hub
from palate.importers.pocket import shipped
from palate.specify.pocket import MARK

MOST_READ = 20_000
"""Pictures that are compared, the first ones: enough for a mean, and read in a moment."""


def drawing_of(home: Home, picture: str) -> tuple[str | None, str]:
    """Which model drew a picture and for which words, where that is known."""
    with home.read() as connection:
        drawings = picture_rows.drawings_of(connection, picture)
    credited = (credit.model_id for one in drawings for credit in one.credits if credit.model_id)
    words = (one.prompt.text for one in drawings if one.prompt is not None)
    return next(credited, None), next(words, "")


def drawn_by(home: Home, hub: Hub, models: Mapping[str, Model], model: str | None) -> Drawings:
    """By one model, or by all; the hub that ships has its bank, in which every model drew things in several looks."""
    if (home.folder / MARK).is_file():
        key = models[model].card.get("key") if model is not None and model in models else None
        if model is None or key is not None:
            return _in_bank(key)
    known = hub.specifications
    rows = np.arange(len(known.pictures))
    if model is not None:
        rows = rows[np.array([known.model_ids[at] == model for at in known.model_index], dtype=bool)]
    rows = rows[:MOST_READ]
    ids = [known.prompt_ids[at] for at in rows]
    with home.read() as connection:
        texts = picture_rows.prompts(connection, sorted(set(ids) - {""}))
    makers = [known.model_ids[known.model_index[at]] for at in rows]
    return Drawings(known.pictures[rows], makers, [texts[id].text if id in texts else "" for id in ids])


@cache
def _bank() -> Any:
    return shipped().bank()


@cache
def _in_bank(key: str | None) -> Drawings:
    """The bank's sound pictures by the model of this key, or by all."""
    bank = _bank()
    own = [at for at, name in enumerate(bank.models) if key in (None, name)]
    texts = [said.text for said in bank.prompts for _ in said.seeds]
    rows = [at * len(texts) + place for at in own for place in range(len(texts))]
    sound = [row for row in rows if not bank.broken[row]]
    makers = [bank.models[row // len(texts)] for row in sound]
    return Drawings(bank.vectors(sound), makers, [texts[row % len(texts)] for row in sound])
