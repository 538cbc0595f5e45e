"""What people preferred, from published data sets: Pick-a-Pic, HPD v2, ImageReward, Simulacra (SAC), or by a mapping.

`pickapic`: JSON lines or CSV of hub id yuvalkirstain/pickapic_v2; user_id, caption, image_0_uid, image_1_uid, label_0,
has_label are read. `hpd`: test.json of hub id ymhao/HPDv2; prompt, image_path, raw_annotations (rank, user_hash); its
train.json names no people. `imagereward`: test.json; prompt, generations, ranking; no people. `sac`: the SQLite file;
ratings (sid, iid, rating), images (id, gid), generations (id, prompt). `mapped`: JSON lines or CSV with a mapping.

PASTA's own data (Kaggle, googleai/pasta-data) publishes no schema: it is read by a mapping. Ties teach nothing and are
left out; pictures' bytes are never read here.
"""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from palate.errors import PalateError

NOBODY = ""
LARGEST_JSON = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Preference:
    """`pictures` of one prompt, the best first; or one picture with its `rating`. "" is nobody in particular."""

    person: str
    prompt: str
    pictures: tuple[str, ...]
    rating: float | None = None


@dataclass(frozen=True, slots=True)
class Fields:
    """Which field holds what, of rows with two pictures each and who preferred the first."""

    person: str
    prompt: str
    first: str
    second: str
    prefers_first: str


def read_preferences(kind: str, file: Path, mapping: Fields | None = None) -> Iterator[Preference]:
    """Row after row, so that a file of a million rows is not held in memory."""
    if kind == "mapped":
        if mapping is None:
            raise PalateError("mapping_missing", "say which field holds what", about=str(file))
        return _mapped(file, mapping)
    if kind not in READERS:
        raise PalateError("unknown_kind", f"'{kind}' is none of {', '.join((*READERS, 'mapped'))}", about=str(file))
    return READERS[kind](file)


def _pickapic(file: Path) -> Iterator[Preference]:
    for row in _rows(file):
        if str(row.get("has_label", True)).casefold() in ("false", "0"):
            continue
        pair = (_text(row, "image_0_uid", file), _text(row, "image_1_uid", file))
        label = _number(row, "label_0", file)
        if label != 0.5:
            best = pair if label > 0.5 else pair[::-1]
            yield Preference(_text(row, "user_id", file), _text(row, "caption", file), best)


def _hpd(file: Path) -> Iterator[Preference]:
    for row in _whole(file):
        paths = row.get("image_path")
        if not isinstance(paths, list):
            raise _odd(file, "image_path")
        for said in row.get("raw_annotations") or []:
            if not isinstance(said, dict):
                raise _odd(file, "raw_annotations")
            ranked = _ranked(paths, said, "rank", file)
            if len(ranked) > 1:
                yield Preference(_text(said, "user_hash", file), _text(row, "prompt", file), ranked)


def _imagereward(file: Path) -> Iterator[Preference]:
    for row in _whole(file):
        paths = row.get("generations")
        if not isinstance(paths, list):
            raise _odd(file, "generations")
        ranked = _ranked(paths, row, "ranking", file)
        if len(ranked) > 1:
            yield Preference(NOBODY, _text(row, "prompt", file), ranked)


def _sac(file: Path) -> Iterator[Preference]:
    query = (
        "SELECT ratings.sid, generations.prompt, images.id, ratings.rating FROM ratings "
        "JOIN images ON images.id = ratings.iid JOIN generations ON generations.id = images.gid "
        "WHERE ratings.rating IS NOT NULL ORDER BY ratings.rowid"
    )
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            for person, prompt, picture, rating in connection.execute(query):
                yield Preference(str(person), str(prompt), (str(picture),), float(rating))
    except sqlite3.Error as error:
        raise PalateError("preferences_unreadable", f"this is not SAC's database: {error}", about=str(file)) from None


def _mapped(file: Path, mapping: Fields) -> Iterator[Preference]:
    for row in _rows(file):
        pair = (_text(row, mapping.first, file), _text(row, mapping.second, file))
        said = _number(row, mapping.prefers_first, file)
        if said != 0.5:
            best = pair if said > 0.5 else pair[::-1]
            yield Preference(_text(row, mapping.person, file), _text(row, mapping.prompt, file), best)


READERS: dict[str, Callable[[Path], Iterator[Preference]]] = {
    "pickapic": _pickapic,
    "hpd": _hpd,
    "imagereward": _imagereward,
    "sac": _sac,
}


def _ranked(pictures: list[Any], said: Mapping[str, Any], field: str, file: Path) -> tuple[str, ...]:
    """Pictures by their rank, 1 being the best; of equal ranks only the one that stands first."""
    ranks = said.get(field)
    if not isinstance(ranks, list) or len(ranks) != len(pictures):
        raise _odd(file, field)
    if not all(isinstance(rank, int | float) for rank in ranks):
        raise _odd(file, field)
    first = {rank: str(picture) for rank, picture in reversed(list(zip(ranks, pictures, strict=True)))}
    return tuple(first[rank] for rank in sorted(first))


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    with file.open(encoding="utf-8", newline="") as lines:
        if file.suffix == ".csv":
            yield from csv.DictReader(lines)
            return
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                raise PalateError("preferences_unreadable", f"line {number} is no JSON", about=str(file)) from None
            if not isinstance(row, dict):
                raise PalateError("preferences_unreadable", f"line {number} is no row", about=str(file))
            yield row


def _whole(file: Path) -> list[dict[str, Any]]:
    if file.stat().st_size > LARGEST_JSON:
        raise PalateError("preferences_unreadable", "the file is larger than 512 MB", about=str(file))
    try:
        rows = json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise PalateError("preferences_unreadable", "this is no JSON", about=str(file)) from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PalateError("preferences_unreadable", "a list of rows is expected", about=str(file))
    return rows


def _text(row: Mapping[str, Any], field: str, file: Path) -> str:
    value = row.get(field)
    if value is None or isinstance(value, list | dict):
        raise _odd(file, field)
    return str(value)


def _number(row: Mapping[str, Any], field: str, file: Path) -> float:
    try:
        return float(_text(row, field, file))
    except ValueError:
        raise _odd(file, field) from None


def _odd(file: Path, field: str) -> PalateError:
    return PalateError("preferences_unreadable", f"a row has no '{field}' of the published form", about=str(file))
