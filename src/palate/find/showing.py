"""What is here, and everything known of one thing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue.blobs import content_id
from palate.catalogue.home import Home
from palate.catalogue.records import Drawing, Model
from palate.errors import PalateError
from palate.find.filters import Filters


def models_shown(home: Home, *, base: str | None, tags: Sequence[str]) -> list[dict[str, Any]]:
    """Each model with how many pictures speak for it."""
    filters = Filters(base, tuple(tags))
    with home.read() as connection:
        counts = picture_rows.counts_by_model(connection)
        found = [model for model in model_rows.listed(connection) if filters.passes(model)]
    return [{**model_facts(model), "pictures": counts.get(model.id, 0)} for model in found]


def model_facts(model: Model) -> dict[str, Any]:
    return {
        "id": model.id,
        "name": model.name,
        "kind": model.kind,
        "base": model.base,
        "downloads": model.downloads,
        "tags": list(model.tags),
        "trigger_words": list(model.trigger_words),
        "maker": model.maker,
        "licence": model.licence,
        "state": model.state,
        "state_reason": model.state_reason,
        "location": model.location,
        "base_location": model.base_location,
        "full_hash": model.full_hash,
    }


def thing_shown(home: Home, thing: str) -> dict[str, Any]:
    """A model by name or id, a picture by id or by its file."""
    with home.read() as connection:
        path = Path(thing)
        with suppress(OSError, ValueError):
            if path.is_file():
                return _picture_shown(home, connection, content_id(path.read_bytes()))
        with suppress(PalateError):
            return _picture_shown(home, connection, thing)
        try:
            model = model_rows.named(connection, thing)
        except PalateError as error:
            if error.code != "unknown_model":
                raise
            raise PalateError(
                "unknown_thing", f"no model and no picture is called '{thing}'", hint="`palate models` lists the models"
            ) from None
        counts = picture_rows.counts_by_model(connection)
        return {
            "model": {**model_facts(model), "card": dict(model.card)},
            "pictures": counts.get(model.id, 0),
            "examples": picture_rows.of_model(connection, model.id, limit=8),
        }


def _picture_shown(home: Home, connection: Any, id: str) -> dict[str, Any]:
    picture = picture_rows.get(connection, id)
    originals = picture_rows.originals(connection, picture.id)
    return {
        "picture": {
            "id": picture.id,
            "size": f"{picture.width}x{picture.height}",
            "format": picture.format,
            "state": picture.state,
            "files": [str(home.blobs.path(picture.id))] if picture.owned else originals,
        },
        "drawings": [_drawing_facts(drawing) for drawing in picture_rows.drawings_of(connection, picture.id)],
    }


def _drawing_facts(drawing: Drawing) -> dict[str, Any]:
    prompt = drawing.prompt
    return {
        "source": drawing.source,
        "tool": drawing.tool,
        "prompt": prompt.text if prompt else None,
        "negative": prompt.negative if prompt else None,
        "seed": drawing.seed,
        "settings": dict(drawing.settings),
        "credits": [
            {
                "name": credit.name,
                "role": credit.role,
                "weight": credit.weight,
                "model": credit.model_id,
                "matched": credit.matched,
            }
            for credit in drawing.credits
        ],
    }
