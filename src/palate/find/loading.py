"""From the catalogue's rows to the arrays that every ranking takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sqlalchemy import Connection

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue import vectors
from palate.catalogue.records import Model
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.find.specification import Specifications

LEAST_WEIGHT = 0.2
"""A LoRA at less than this weight hardly shows: the picture is not evidence about it."""


def load_specifications(
    connection: Connection, space: Space, among: Sequence[str] | None = None
) -> tuple[Specifications, list[Model]]:
    """Every model that at least one encoded picture speaks for, in the order of their ids, and their pictures.

    Only those `among` some models, where these are named.
    """
    evidence = [row for row in picture_rows.evidence(connection, among) if row.weight >= LEAST_WEIGHT]
    some = None if among is None else list(dict.fromkeys(row.picture_id for row in evidence))
    ids, pictures = vectors.load(connection, space, "picture", some)
    if not ids:
        raise PalateError(
            "nothing_specified",
            "no picture here has been encoded yet",
            hint="run `palate specify`, after `palate add models` or `palate add pictures`",
        )
    row_of = {id: row for row, id in enumerate(ids)}
    seen = dict.fromkeys((row.model_id, row.picture_id, row.prompt_id) for row in evidence if row.picture_id in row_of)
    if not seen:
        raise PalateError(
            "nothing_credited",
            "none of the encoded pictures credits a model that is here",
            hint="add the models that drew them with `palate add models`",
        )
    asked = None if among is None else sorted({prompt for _, _, prompt in seen if prompt})
    prompt_ids, prompts = vectors.load(connection, space, "prompt", asked)
    prompt_row = {id: row for row, id in enumerate(prompt_ids)}
    by_id = {model.id: model for model in model_rows.listed(connection, among)}
    models = [by_id[id] for id in sorted({model for model, _, _ in seen})]
    place = {model.id: position for position, model in enumerate(models)}
    known = np.array([prompt in prompt_row for _, _, prompt in seen])
    rows = np.zeros((len(seen), space.dim), dtype=np.float32)
    rows[known] = prompts[[prompt_row[prompt] for _, _, prompt in seen if prompt in prompt_row]]
    specifications = Specifications.build(
        [model.id for model in models],
        [place[model] for model, _, _ in seen],
        pictures[[row_of[picture] for _, picture, _ in seen]],
        prompts=rows,
        has_prompt=known,
        prompt_ids=[prompt for _, _, prompt in seen],
        downloads=[None if model.downloads is None else float(model.downloads) for model in models],
        picture_ids=[picture for _, picture, _ in seen],
        encoder_id=space.id,
    )
    return specifications, models
