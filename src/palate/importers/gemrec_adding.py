"""A GEMRec folder as rows of the catalogue."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue import vectors
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, Drawing, Model, Picture, Prompt, digest
from palate.catalogue.vectors import Space
from palate.importers.adding import Added, batches
from palate.importers.gemrec import ENCODER, BookRow, Features, Gemrec, read_gemrec

Vectors = NDArray[np.float32]


def add_gemrec(home: Home, folder: Path, answer: Added) -> Added:
    """Models, prompts, and a drawing for every picture or ready vector; adding it twice changes nothing."""
    read = read_gemrec(folder)
    with home.writing():
        with home.write() as connection:
            known = [model_rows.merged(model_rows.get(connection, model.id), model) for model in read.models]
            model_rows.put(connection, known)
            picture_rows.put_prompts(connection, read.prompts)
        drawn = _put_book(home, read, folder, answer)
        if read.features is not None:
            _put_features(home, read, read.features, drawn, answer)
    return answer


def _key(model_id: str, prompt: Prompt) -> str:
    return digest("gemrec", model_id, prompt.id)


def _drawing(model: Model, prompt: Prompt, seed: int | None, picture_id: str, scores: dict[str, float]) -> Drawing:
    credit = Credit(model.name, "checkpoint", model_id=model.id, matched="given")
    return Drawing(
        _key(model.id, prompt),
        picture_id,
        "dataset",
        (credit,),
        prompt,
        seed,
        {**prompt.settings, "scores": scores} if scores else prompt.settings,
        "gemrec",
    )


def _put_book(home: Home, read: Gemrec, folder: Path, answer: Added) -> dict[str, str]:
    """Rows with a picture file become pictures that lie where they are; answers drawing id to picture id."""
    from palate.importers.pictures import PictureFound, PictureRefused, scan_pictures

    rows = {os.path.realpath(row.file): row for row in read.book if row.file is not None}
    if not rows:
        return {}
    models = {model.id: model for model in read.models}
    drawn: dict[str, str] = {}
    scan = (item for item in scan_pictures(folder) if isinstance(item, PictureFound | PictureRefused))
    for part in batches(scan):
        answer.refused.extend(f"{item.path}: {item.reason}" for item in part if isinstance(item, PictureRefused))
        found = [item for item in part if isinstance(item, PictureFound) and item.file.path in rows]
        drawings = [_book_drawing(models, rows[item.file.path], item.picture.id) for item in found]
        with home.write() as connection:
            picture_rows.put(connection, [item.picture for item in found])
            picture_rows.put_files(connection, [item.file for item in found])
            picture_rows.put_drawings(connection, drawings)
        drawn.update((drawing.id, drawing.picture_id) for drawing in drawings)
        answer.added += len(found)
    return drawn


def _book_drawing(models: dict[str, Model], row: BookRow, picture_id: str) -> Drawing:
    return _drawing(models[row.model_id], row.prompt, row.seed, picture_id, dict(row.scores))


def _put_features(home: Home, read: Gemrec, features: Features, drawn: dict[str, str], answer: Added) -> None:
    """Ready vectors: of the pictures that came with them, else of pictures that are known by their vector only."""
    space = Space(f"gemrec:{ENCODER}", ENCODER, features.words.shape[1], reads_words=True)
    by_name = {prompt.name: (prompt, seed) for prompt, seed in zip(read.prompts, read.seeds, strict=True)}
    models = {model.id: model for model in read.models}
    asked = [by_name[name] for name in features.prompt_names]
    with home.write() as connection:
        vectors.put_space(connection, space)
        vectors.put(connection, space, "prompt", [prompt.id for prompt, _ in asked], _unit(features.words))
        for row, (prompt, seed) in enumerate(asked):
            keys = [_key(model_id, prompt) for model_id in features.model_ids]
            ids = [drawn.get(key, key) for key in keys]
            bare = [id for key, id in zip(keys, ids, strict=True) if key not in drawn]
            picture_rows.put(connection, [Picture(id, state="vector only") for id in bare])
            fresh = [
                _drawing(models[model_id], prompt, seed, id, {})
                for model_id, key, id in zip(features.model_ids, keys, ids, strict=True)
                if key not in drawn
            ]
            picture_rows.put_drawings(connection, fresh)
            vectors.put(connection, space, "picture", ids, _unit(features.pictures[row]))
            answer.added += len(bare)


def _unit(rows: Vectors) -> Vectors:
    scaled: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return scaled
