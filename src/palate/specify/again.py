"""Pictures that are known by their key alone (model, prompt, seed), drawn when somebody looks at them."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Drawing, Model
from palate.errors import PalateError
from palate.jobs.tasks import Task
from palate.settings import Settings
from palate.specify import orders
from palate.specify.executors import Batch, Drawn, draw_batch

Draw = Callable[[Batch], list[Drawn]]
AT_ONCE = 16
FEW = 2
"""Up to so many of one model are drawn one by one: to fill a batch up with copies takes longer."""


def look(home: Home, settings: Settings, ids: Sequence[str], *, draw: Draw = draw_batch) -> dict[str, Path]:
    """A file for each picture that has one or can be drawn from its key; the others are left out.

    What is drawn here is kept among what is derived: it can be drawn again at any time. `draw` may do it elsewhere.
    """
    found: dict[str, Path] = {}
    keys: dict[str, Drawing] = {}
    for id in dict.fromkeys(ids):
        path = at_hand(home, id)
        if path is not None:
            found[id] = path
        elif (drawing := _key_of(home, id)) is not None:
            keys[id] = drawing
    if keys:
        found |= _drawn(home, settings, keys, draw)
    return {id: found[id] for id in ids if id in found}


def at_hand(home: Home, id: str) -> Path | None:
    """Its file, where there is one already."""
    places = [home.blobs.path(id), _place(home, id)]
    with home.read() as connection:
        places += map(Path, picture_rows.originals(connection, id))
    return next((path for path in places if path.is_file()), None)


def keep(home: Home, id: str, png: bytes) -> Path:
    """Beside what was drawn from its key: a picture that comes with its pixels."""
    return _kept(_place(home, id), png)


def _place(home: Home, id: str) -> Path:
    return home.derived / "pictures" / id[:2] / f"{id}.png"


def _key_of(home: Home, id: str) -> Drawing | None:
    """A drawing with words, a seed and exactly one model that is here."""
    with home.read() as connection:
        drawings = picture_rows.drawings_of(connection, id)
    for drawing in drawings:
        whole = drawing.prompt is not None and drawing.seed is not None and drawing.settings.get("base")
        whole = whole and "start" not in drawing.settings
        if whole and len(drawing.credits) == 1 and drawing.credits[0].model_id is not None:
            return drawing
    return None


def maker_of(home: Home, id: str) -> str | None:
    """The model that draws it again, where its key says enough."""
    drawing = _key_of(home, id)
    return None if drawing is None else drawing.credits[0].model_id


def _drawn(home: Home, settings: Settings, keys: dict[str, Drawing], draw: Draw) -> dict[str, Path]:
    """Model by model, so that each is loaded once."""
    with home.read() as connection:
        models = {model.id: model for model in model_rows.listed(connection)}
    of_model: dict[tuple[str, str], list[str]] = defaultdict(list)
    for id, drawing in keys.items():
        of_model[str(drawing.credits[0].model_id), str(drawing.settings["base"])].append(id)
    found: dict[str, Path] = {}
    for (model_id, base_id), ids in of_model.items():
        model, base = models.get(model_id), models.get(base_id)
        if model is None or base is None:
            continue
        for start in range(0, len(ids), AT_ONCE):
            part = ids[start : start + AT_ONCE]
            tasks = tuple(_task(model, base, keys[id]) for id in part)
            batch = Batch(model, base, tasks, settings.device, one_by_one=len(part) <= FEW)
            for id, picture in zip(part, draw(batch), strict=True):
                found[id] = _kept(_place(home, id), picture.png)
    return found


def _task(model: Model, base: Model, drawing: Drawing) -> Task:
    if drawing.prompt is None or drawing.seed is None:
        raise PalateError("picture_missing", "its key lacks words or seed", about=drawing.picture_id)
    return orders.task_for(model, base, drawing.prompt, drawing.seed, drawing.settings)


def _kept(path: Path, png: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    scratch.write_bytes(png)
    os.replace(scratch, path)  # noqa: PTH105 - atomic on every system
    return path
