"""The pocket hub as rows of the catalogue: its drawing models, and what each drew of the bank, as vectors with keys."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue import vectors
from palate.catalogue.forgetting import forget_drawn_by
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, Drawing, Model, Picture, Prompt, digest
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.importers.models import ModelFound, scan_models

TOOL = "pocket bank"
BASE = "pocket"
SPECIFIES = "specification"
SEEDS = 1
"""Pictures a model and specification prompt that a home takes over; the bank's others are for simulations."""


def shipped() -> Any:
    """The package `palate_pocket`, where it holds all that a hub needs."""
    try:
        pocket: Any = importlib.import_module("palate_pocket")
        pocket.folder("clip"), pocket.folder("diffusion"), pocket.bank()
        whole = bool(pocket.adapters())
    except ImportError:
        raise PalateError(
            "no_pocket", "the pocket hub is not installed", about="pocket", hint="`pip install palate-pocket`"
        ) from None
    except LookupError:
        whole = False
    if not whole:
        raise PalateError(
            "no_pocket",
            "this build has no pocket drawing models",
            about="pocket",
            hint="train them with `make pocket`, or begin with your own models: `palate init`",
        )
    return pocket


def add_pocket(home: Home, pocket: Any, space: Space) -> dict[int, str]:
    """The drawing models, specified by their bank pictures; an older bank's are forgotten. Each row's picture.

    A bank picture has no pixels here until somebody looks at it: its key says model, prompt and seed.
    """
    base, adapters = drawing_models(pocket)
    bank = pocket.bank()
    by_row = _drawings(bank, base, adapters)
    drawings = list(by_row.values())
    asked = [place for place, prompt in enumerate(bank.prompts) if prompt.kind == SPECIFIES]
    prompts = [Prompt(bank.prompts[place].text, tag=bank.prompts[place].tag) for place in asked]
    with home.write() as connection:
        forget_drawn_by(connection, TOOL)
        known = [model_rows.merged(model_rows.get(connection, model.id), model) for model in (base, *adapters.values())]
        model_rows.put(connection, known)
        model_rows.supersede(connection, known)
        vectors.put_space(connection, space)
        picture_rows.put(connection, [Picture(drawing.picture_id, state="vector only") for drawing in drawings])
        picture_rows.put_drawings(connection, drawings)
        vectors.put(connection, space, "prompt", [prompt.id for prompt in prompts], _unit(bank.words[asked]))
        found = bank.vectors(list(by_row))
        vectors.put(connection, space, "picture", [drawing.picture_id for drawing in drawings], found)
    return {row: drawing.picture_id for row, drawing in by_row.items()}


def rows_of_pictures(pocket: Any) -> dict[str, int]:
    """Where in the bank each picture stands that a home takes over."""
    found = _drawings(pocket.bank(), *drawing_models(pocket))
    return {drawing.picture_id: row for row, drawing in found.items()}


def _drawings(bank: Any, base: Model, adapters: dict[str, Model]) -> dict[int, Drawing]:
    """By row, what each model drew of the specification prompts."""
    prompts = [Prompt(row.text, tag=row.tag) for row in bank.prompts]
    return {
        row: _drawing(adapters[bank.models[model]], base, prompts[prompt], bank.prompts[prompt].seeds[seed], bank.made)
        for row, model, prompt, seed in bank.rows(SPECIFIES, seeds=SEEDS)
    }


def drawing_models(pocket: Any) -> tuple[Model, dict[str, Model]]:
    """The pocket diffusion, and each drawing model by its key."""
    base = replace(_scanned(pocket.folder("diffusion"))[0], name="Pocket diffusion", base=BASE)
    adapters = pocket.adapters()
    found = {model.location: model for model in _scanned(adapters[0].folder.parent)}
    titles = Counter(adapter.title for adapter in adapters)
    answer = {}
    for adapter in adapters:
        name = adapter.title if titles[adapter.title] == 1 else f"{adapter.title} ({adapter.key})"
        [scanned] = [model for place, model in found.items() if f"/{adapter.key}/" in place.replace("\\", "/")]
        answer[adapter.key] = replace(
            scanned,
            name=name,
            base=BASE,
            base_location=base.location,
            tags=tuple(_tags(adapter)),
            downloads=adapter.downloads,
            maker=adapter.author,
            licence=adapter.licence,
            card={"key": adapter.key, "set": adapter.set, "look": adapter.look, "licence_url": adapter.licence_url},
        )
    return base, answer


def _scanned(folder: Any) -> list[Model]:
    return [found.model for found in scan_models(folder) if isinstance(found, ModelFound)]


def _tags(adapter: Any) -> Iterator[str]:
    """The set's category, how it draws, and the set's own tags, each once."""
    words = (adapter.category.lower(), *adapter.look.split(), *adapter.tags)
    yield from dict.fromkeys(word for word in words if word)


def _drawing(model: Model, base: Model, prompt: Prompt, seed: int, made: dict[str, Any]) -> Drawing:
    key = digest("pocket bank", model.id, base.id, prompt.id, str(seed), str(made["steps"]), str(made["guidance"]))
    credit = Credit(model.name, "adapter", 1.0, model.full_hash, model.id, "given")
    return Drawing(
        key,
        key,
        "dataset",
        (credit,),
        prompt,
        seed,
        {"steps": made["steps"], "cfg": made["guidance"], "base": base.id},
        TOOL,
    )


def _unit(rows: Any) -> Any:
    import numpy as np

    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
