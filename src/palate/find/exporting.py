"""Write a hub in GEMRec's published schema: roster.csv, promptset.csv, promptbook.csv and the pictures it names."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from palate.catalogue import pictures as picture_rows
from palate.catalogue import tables
from palate.catalogue.home import Home
from palate.catalogue.records import Model, Prompt
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.find.cells import Cells, tabulate
from palate.find.loading import load_specifications
from palate.find.scores import norm_pop

ROSTER = (
    "tag",
    "model_name",
    "model_id",
    "modelVersion_name",
    "modelVersion_id",
    "modelVersion_url",
    "modelVersion_trainedWords",
    "model_download_count",
    "baseModel",
)
PROMPTS = ("prompt_id", "tag", "size", "seed", "prompt", "negativePrompt", "sampler", "cfgScale", "note")
BOOK = (
    *("image_id", "tag", "model_id", "modelVersion_id", "prompt_id", "size", "seed", "prompt", "negativePrompt"),
    *("cfgScale", "sampler", "note", "nsfw_score", "mcos_score", "clip_score", "norm_clip", "norm_mcos"),
    *("norm_nsfw", "norm_pop", "image"),
)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The published schema numbers models and prompts; ours are kept where they came from GEMRec."""

    models: Mapping[str, int]
    prompts: Mapping[str, int]


def export_gemrec(home: Home, space: Space, folder: Path) -> dict[str, Any]:
    """Everything drawn for a known prompt, with the scores of the vectors that are here."""
    if folder.exists() and any(folder.iterdir()):
        raise PalateError("folder_not_empty", "there is something in it already", about=str(folder))
    with home.read() as connection:
        specifications, models = load_specifications(connection, space)
        drawn = tabulate(specifications)
        prompts = {id: prompt for id, prompt in picture_rows.prompts(connection).items() if id in set(drawn.prompt_ids)}
        seeds = _seeds(connection)
        files = {id: _file(home, connection, id) for id in {specifications.picture_ids[row] for row in drawn.row}}
    numbers = _Numbers(
        _numbered({model.id: model.id.removeprefix("gemrec:") for model in models}),
        _numbered({id: prompt.name or "" for id, prompt in prompts.items()}),
    )
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [specifications.picture_ids[row] for row in drawn.row]
    _write(folder / "roster.csv", ROSTER, [_roster_row(model, numbers) for model in models])
    _write(folder / "promptset.csv", PROMPTS, [_prompt_row(id, prompts[id], numbers, seeds) for id in sorted(prompts)])
    _write(folder / "promptbook.csv", BOOK, _book_rows(drawn, models, prompts, pictures, numbers, seeds, files))
    copied = _copy(folder, files)
    return {
        "folder": str(folder),
        "models": len(models),
        "prompts": len(prompts),
        "rows": len(pictures),
        "pictures": copied,
    }


def _numbered(given: Mapping[str, str]) -> dict[str, int]:
    kept = {id: int(number) for id, number in given.items() if number.isdecimal()}
    free = (number for number in range(1, len(given) + len(kept) + 1) if number not in set(kept.values()))
    return {id: kept[id] if id in kept else next(free) for id in sorted(given)}


def _seeds(connection: Connection) -> dict[tuple[str, str], str]:
    """Seed of a drawing by picture and prompt."""
    columns = tables.drawings.c
    rows = connection.execute(select(columns.picture_id, columns.prompt_id, columns.seed))
    return {(row[0], row[1]): row[2] for row in rows if row[1] and row[2] is not None}


def _file(home: Home, connection: Connection, id: str) -> Path | None:
    if home.blobs.path(id).exists():
        return home.blobs.path(id)
    return next((Path(place) for place in picture_rows.originals(connection, id) if Path(place).is_file()), None)


def _roster_row(model: Model, numbers: _Numbers) -> dict[str, Any]:
    number = numbers.models[model.id]
    return {
        "tag": "|".join(model.tags),
        "model_name": model.name,
        "model_id": model.card.get("model_id", number),
        "modelVersion_name": model.card.get("modelVersion_name", model.name),
        "modelVersion_id": number,
        "modelVersion_url": model.location if model.location.startswith("http") else "",
        "modelVersion_trainedWords": repr(list(model.trigger_words)),
        "model_download_count": "" if model.downloads is None else model.downloads,
        "baseModel": model.card.get("baseModel", model.base or "Other"),
    }


def _prompt_row(id: str, prompt: Prompt, numbers: _Numbers, seeds: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    settings = prompt.settings
    sized = "width" in settings and "height" in settings
    seed = settings.get("seed", next((seed for (_, key), seed in seeds.items() if key == id), ""))
    return {
        "prompt_id": numbers.prompts[id],
        "tag": prompt.tag or "",
        "size": f"{settings['width']}x{settings['height']}" if sized else "",
        "seed": seed,
        "prompt": prompt.text,
        "negativePrompt": prompt.negative,
        "sampler": settings.get("sampler", ""),
        "cfgScale": settings.get("cfg", ""),
        "note": "",
    }


def _book_rows(
    drawn: Cells,
    models: Sequence[Model],
    prompts: Mapping[str, Prompt],
    pictures: Sequence[str],
    numbers: _Numbers,
    seeds: Mapping[tuple[str, str], str],
    files: Mapping[str, Path | None],
) -> Iterable[dict[str, Any]]:
    popularity = norm_pop(np.array([np.nan if m.downloads is None else float(m.downloads) for m in models]))
    for cell, picture in enumerate(pictures):
        model, prompt_id = models[drawn.model[cell]], drawn.prompt_ids[drawn.prompt[cell]]
        row = _prompt_row(prompt_id, prompts[prompt_id], numbers, {})
        file, popular = files[picture], popularity[drawn.model[cell]]
        yield {
            **row,
            "image_id": cell + 1,
            "model_id": model.card.get("model_id", numbers.models[model.id]),
            "modelVersion_id": numbers.models[model.id],
            "seed": seeds.get((picture, prompt_id), row["seed"]),
            "nsfw_score": "",
            "norm_nsfw": "",
            "mcos_score": f"{drawn.mcos[cell]:.6f}",
            "clip_score": f"{drawn.clip[cell]:.6f}",
            "norm_clip": f"{drawn.norm_clip[cell]:.6f}",
            "norm_mcos": f"{drawn.norm_mcos[cell]:.6f}",
            "norm_pop": "" if np.isnan(popular) else f"{popular:.6f}",
            "image": "" if file is None else f"images/{picture}{_ending(file)}",
        }


def _ending(file: Path) -> str:
    return file.suffix or ".png"


def _copy(folder: Path, files: Mapping[str, Path | None]) -> int:
    there = {id: file for id, file in files.items() if file is not None}
    if there:
        (folder / "images").mkdir()
    for id, file in there.items():
        (folder / "images" / f"{id}{_ending(file)}").write_bytes(file.read_bytes())
    return len(there)


def _write(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
