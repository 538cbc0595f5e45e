"""Reads a GEMRec folder: roster, prompts, and the pictures (the PromptBook) or ready CLIP features.

Pure: it returns records and arrays and changes nothing. The files, each optional beyond the first two:

    roster*.csv                     one row a model version
    promptset*.csv | prompts*.csv   one row a prompt
    promptbook*.{csv,jsonl} | metadata.{csv,jsonl}     one row a picture, `image` or `file_name` naming its file
    *.npz                           images (P, M, d), prompts (P, d), model_version_ids (M,), prompt_ids (P,)
"""

from __future__ import annotations

import ast
import csv
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.catalogue.records import Model, Prompt
from palate.errors import PalateError
from palate.importers.bases import base_family

Row = Mapping[str, str]

ENCODER = "openai/clip-vit-large-patch14"
"""The encoder of the published features and scores."""

_ROSTER = ("model_name", "modelVersion_id", "model_download_count")
_PROMPTS = ("prompt_id", "prompt")
_BOOK = ("modelVersion_id", "prompt_id")
_SCORES = ("nsfw_score", "mcos_score", "clip_score", "norm_clip", "norm_mcos", "norm_nsfw", "norm_pop")
_MOST_DOWNLOADS = 10**12


@dataclass(frozen=True, eq=False)
class Features:
    """Ready vectors, as stored: every model drew every prompt once."""

    model_ids: tuple[str, ...]
    """(M,)"""
    prompt_names: tuple[str, ...]
    """(P,)"""
    pictures: NDArray[np.float32]
    """(P, M, d)"""
    words: NDArray[np.float32]
    """(P, d)"""


@dataclass(frozen=True, slots=True)
class BookRow:
    """One row of the PromptBook: a picture that a model drew for a prompt, and the scores published with it."""

    image_id: str
    model_id: str
    prompt: Prompt
    seed: int | None
    file: Path | None
    """None in the edition without pictures (GEMRec-Metadata)."""
    scores: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Gemrec:
    """What a GEMRec folder holds. `seeds` and `families` go with `prompts`."""

    models: tuple[Model, ...]
    prompts: tuple[Prompt, ...]
    seeds: tuple[int | None, ...]
    families: tuple[str, ...]
    """Equal for near-duplicates (an 'original' prompt and its 'extended' wording): keep them on one side of a split."""
    features: Features | None = None
    book: tuple[BookRow, ...] = field(default=())

    def model(self, model_id: str) -> Model:
        return next(model for model in self.models if model.id == model_id)


def read_gemrec(folder: Path) -> Gemrec:
    """Everything in the folder, checked; a `PalateError` names the file and row that is wrong."""
    if not folder.is_dir():
        raise PalateError("not_a_folder", "there is no such folder", about=str(folder))
    roster = _one(folder, "roster*.csv", "*[Rr]oster*.csv")
    asked = _one(folder, "promptset*.csv", "prompts*.csv")
    if roster is None or asked is None:
        missing = "roster*.csv" if roster is None else "promptset*.csv"
        raise PalateError("file_missing", f"a GEMRec folder holds a {missing}, this one does not", about=str(folder))
    models = tuple(_model(row, f"{roster}:{line}") for line, row in _csv(roster, _ROSTER))
    _unique([model.id for model in models], roster)
    rows = list(_csv(asked, _PROMPTS))
    prompts = tuple(_prompt(row, f"{asked}:{line}") for line, row in rows)
    _unique([prompt.name or "" for prompt in prompts], asked)
    vectors = _one(folder, "clip*.npz", "*.npz")
    book = _one(
        folder, "promptbook*.csv", "promptbook*.jsonl", "*[Pp]rompt[Bb]ook*.csv", "metadata.csv", "metadata.jsonl"
    )
    return Gemrec(
        models=models,
        prompts=prompts,
        seeds=tuple(_integer(row.get("seed"), f"{asked}:{line}", "seed") for line, row in rows),
        families=tuple(_family(row) for _, row in rows),
        features=None if vectors is None else read_features(vectors, models, prompts),
        book=() if book is None else tuple(_book(book, models, prompts)),
    )


def read_features(file: Path, models: tuple[Model, ...], prompts: tuple[Prompt, ...]) -> Features:
    """The vectors of an .npz, checked against the roster and the prompts; values are kept exactly as stored."""
    arrays = _arrays(file)
    pictures, words = arrays["images"], arrays["prompts"]
    ids, names = arrays["model_version_ids"], arrays["prompt_ids"]
    if pictures.ndim != 3 or words.ndim != 2 or pictures.shape != (len(names), len(ids), words.shape[-1]):
        raise PalateError(
            "shape_mismatch",
            f"images must be prompts x models x dimensions; they are {pictures.shape}, with {len(names)} prompts, "
            f"{len(ids)} models and prompt vectors of {words.shape}",
            about=str(file),
        )
    if len(words) != len(names) or not len(names) or not len(ids):
        raise PalateError("shape_mismatch", "one prompt vector is needed for every prompt id", about=str(file))
    _check_vectors(pictures.reshape(-1, pictures.shape[-1]), f"{file}:images")
    _check_vectors(words, f"{file}:prompts")
    features = Features(
        model_ids=tuple(f"gemrec:{number}" for number in ids.tolist()),
        prompt_names=tuple(str(number) for number in names.tolist()),
        pictures=pictures.astype(np.float32),
        words=words.astype(np.float32),
    )
    _unique(list(features.model_ids), file)
    _unique(list(features.prompt_names), file)
    unknown = set(features.model_ids) - {model.id for model in models}
    unasked = set(features.prompt_names) - {prompt.name for prompt in prompts}
    for left, place in ((unknown, "roster"), (unasked, "prompts")):
        if left:
            raise PalateError(
                "unknown_id", f"{len(left)} ids are not in the {place}: {sorted(left)[0]}", about=str(file)
            )
    return features


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    wanted = ("images", "prompts", "model_version_ids", "prompt_ids")
    try:
        with file.open("rb") as raw, np.load(raw, allow_pickle=False) as archive:
            missing = [name for name in wanted if name not in archive]
            if missing:
                raise PalateError("array_missing", f"the array {missing[0]} is missing", about=str(file))
            arrays = {name: archive[name] for name in wanted}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError, TypeError) as error:
        raise PalateError("features_unreadable", f"not a readable .npz of arrays ({error})", about=str(file)) from error
    for name, kinds in zip(wanted, ("f", "f", "iu", "iu"), strict=True):
        if arrays[name].dtype.kind not in kinds:
            raise PalateError("array_invalid", f"{name} holds {arrays[name].dtype}", about=str(file))
    if arrays["model_version_ids"].ndim != 1 or arrays["prompt_ids"].ndim != 1:
        raise PalateError("shape_mismatch", "ids must be lists", about=str(file))
    return arrays


def _check_vectors(rows: NDArray[Any], about: str) -> None:
    """Finite and of a length that can be normalised, or refused with the first bad row's number (THREATS T23)."""
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths < 1e-6))
    if bad.size:
        raise PalateError(
            "embedding_invalid",
            f"{bad.size} of {len(rows)} vectors are zero or not finite, first number {bad[0]}",
            about=about,
            hint="encode these pictures again",
        )


def _one(folder: Path, *patterns: str) -> Path | None:
    """The file of the first pattern that any file fits; the last by name where several do (promptset_v6 over _v5)."""
    for pattern in patterns:
        found = sorted(path for path in folder.glob(pattern) if path.is_file())
        if found:
            return found[-1]
    return None


def _csv(file: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    """(line, row) of a CSV whose header has the needed columns and whose rows are all as long as the header."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.DictReader(text)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                raise PalateError("column_missing", f"the column {missing[0]} is missing", about=str(file))
            for row in reader:
                if None in row or None in row.values():
                    raise PalateError("row_invalid", "not as many fields as columns", about=f"{file}:{reader.line_num}")
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise PalateError("file_unreadable", f"not a CSV in UTF-8 ({error})", about=str(file)) from error


def _jsonl(file: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    try:
        for number, line in enumerate(file.read_text(encoding="utf-8-sig").split("\n"), 1):
            if not line.strip():
                continue
            row = json.loads(line)
            missing = [name for name in needed if not isinstance(row, dict) or name not in row]
            if missing:
                raise PalateError("column_missing", f"the field {missing[0]} is missing", about=f"{file}:{number}")
            yield number, {key: _text(value) for key, value in row.items()}
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise PalateError("file_unreadable", f"not JSON lines in UTF-8 ({error})", about=str(file)) from error


def _text(value: object) -> str:
    """A JSON value as its CSV edition writes it; a picture may come as {'path': ..} or {'src': ..}."""
    if isinstance(value, dict):
        return str(value.get("path") or value.get("src") or "")
    return "" if value is None else str(value)


def _model(row: Row, about: str) -> Model:
    version = _id(row["modelVersion_id"], about, "modelVersion_id")
    downloads = _integer(row["model_download_count"], about, "model_download_count")
    if downloads is not None and not 0 <= downloads <= _MOST_DOWNLOADS:
        raise PalateError("row_invalid", f"{downloads} is not a count of downloads", about=about)
    name, edition = row["model_name"].strip(), row.get("modelVersion_name", "").strip()
    return Model(
        id=f"gemrec:{version}",
        name=name if edition in {"", name} else f"{name} {edition}",
        kind="listed",
        location=row.get("modelVersion_url", ""),
        base=base_family(row.get("baseModel", "")),
        tags=_tags(row.get("tag", "")),
        trigger_words=_trained_words(row.get("modelVersion_trainedWords", "")),
        downloads=downloads,
        card={
            "source": "GEMRec",
            **{key: row[key] for key in ("model_id", "modelVersion_id", "baseModel") if key in row},
        },
    )


def _prompt(row: Row, about: str) -> Prompt:
    settings: dict[str, Any] = {}
    if row.get("size"):
        sides = row["size"].lower().split("x")
        if len(sides) != 2 or not all(side.strip().isdecimal() for side in sides):
            raise PalateError("row_invalid", f"size is not like 768x512 but {row['size']!r}", about=about)
        settings["width"], settings["height"] = int(sides[0]), int(sides[1])
    if row.get("sampler"):
        # The published files misspell it, and no drawing tool knows it by that name.
        settings["sampler"] = row["sampler"].replace("Eular", "Euler")
    if row.get("cfgScale"):
        settings["cfg"] = _number(row["cfgScale"], about, "cfgScale")
    return Prompt(
        text=row["prompt"],
        negative=row.get("negativePrompt", ""),
        tag=row.get("tag") or None,
        settings=settings,
        name=_id(row["prompt_id"], about, "prompt_id"),
    )


def _family(row: Row) -> str:
    """An 'original' prompt and its 'extended' wording share tag and seed."""
    if row.get("note") in {"original", "extended"}:
        return f"{row.get('tag', '')}/{row.get('seed', '')}"
    return row["prompt_id"]


def _book(file: Path, models: tuple[Model, ...], prompts: tuple[Prompt, ...]) -> Iterator[BookRow]:
    known, asked = {model.id for model in models}, {prompt.name: prompt for prompt in prompts}
    for line, row in _jsonl(file, _BOOK) if file.suffix == ".jsonl" else _csv(file, _BOOK):
        about = f"{file}:{line}"
        model_id = f"gemrec:{_id(row['modelVersion_id'], about, 'modelVersion_id')}"
        name = _id(row["prompt_id"], about, "prompt_id")
        if model_id not in known or name not in asked:
            raise PalateError("unknown_id", f"{model_id} or prompt {name} is not in the roster or prompts", about=about)
        yield BookRow(
            image_id=row.get("image_id", ""),
            model_id=model_id,
            prompt=asked[name],
            seed=_integer(row.get("seed"), about, "seed"),
            file=_inside(file.parent, row.get("file_name") or row.get("image") or "", about),
            scores={key: _number(row[key], about, key) for key in _SCORES if row.get(key)},
        )


def _inside(folder: Path, name: str, about: str) -> Path | None:
    """The picture's file, which must lie in the folder: a data set does not choose other files of this machine."""
    if not name or name.startswith(("http://", "https://")):
        return None
    path = folder / name
    if "\x00" in name or not path.resolve().is_relative_to(folder.resolve()):
        raise PalateError("path_outside", f"{name!r} lies outside the data set's folder", about=about)
    return path


def _tags(joined: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.strip() for tag in joined.split("|") if tag.strip()))


def _trained_words(written: str) -> tuple[str, ...]:
    """Published as the text of a Python list, such as "['Evang']"; a plain word where it is not one."""
    try:
        values = ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        values = [written]
    words = values if isinstance(values, list | tuple) else [values]
    return tuple(word for word in (str(value).strip() for value in words) if word)


def _id(value: str, about: str, column: str) -> str:
    """Ids are whole numbers, which some tools write as 96988.0."""
    number = _integer(value, about, column)
    if number is None:
        raise PalateError("row_invalid", f"{column} is empty", about=about)
    return str(number)


def _integer(value: str | None, about: str, column: str) -> int | None:
    if value is None or not value.strip():
        return None
    try:
        return int(value)
    except ValueError:
        number = _number(value, about, column)
    if not number.is_integer():
        raise PalateError("row_invalid", f"{column} is not a whole number but {value!r}", about=about)
    return int(number)


def _number(value: str, about: str, column: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not np.isfinite(number):
        raise PalateError("row_invalid", f"{column} is not a number but {value!r}", about=about)
    return number


def _unique(names: list[str], file: Path) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise PalateError("duplicate_id", f"{name} is there twice", about=str(file))
        seen.add(name)
