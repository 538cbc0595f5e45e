"""A person's own list of what drew which picture: CSV or JSON lines of file, model, prompt, seed."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from palate.errors import PalateError
from palate.importers.metadata.reading import whole

LONGEST_FIELD = 2_000_000
"""Characters of one CSV field; prompts may be long."""
FIELDS = ("file", "model", "prompt", "negative", "seed", "tag")
HINT = "the columns are file, model, prompt, seed, and if you like negative, tag and settings such as steps or cfg"


@dataclass(frozen=True, slots=True)
class ListedPicture:
    """One row; what it does not say is None."""

    file: str
    model: str
    line: int
    prompt: str | None = None
    negative: str | None = None
    seed: int | None = None
    tag: str | None = None
    settings: Mapping[str, str | int | float] = field(default_factory=dict)


class Listing:
    """Rows by the files they name: paths within the folder, whole paths, or names that occur once."""

    def __init__(self, rows: list[ListedPicture]) -> None:
        self.rows = rows
        self._by_path: dict[str, ListedPicture] = {}
        names: dict[str, list[ListedPicture]] = defaultdict(list)
        for row in rows:
            key = _path_key(row.file)
            if earlier := self._by_path.get(key):
                raise PalateError(
                    "listing_invalid",
                    f"line {row.line}: the file '{row.file}' is listed on line {earlier.line} already",
                )
            self._by_path[key] = row
            if "/" not in key:
                names[key].append(row)
        self._by_name = {name: found[0] for name, found in names.items()}

    def __len__(self) -> int:
        return len(self.rows)

    def row_for(self, folder: str, path: str) -> ListedPicture | None:
        """The row of a file that was found at `path` in `folder`."""
        whole = _path_key(path)
        within = whole.removeprefix(_path_key(folder).rstrip("/") + "/")
        return self._by_path.get(within) or self._by_path.get(whole) or self._by_name.get(whole.rpartition("/")[2])


def read_listing(path: str | Path) -> Listing:
    """The rows of a .csv, .tsv or .jsonl file; the first row that is wrong is named by its line."""
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PalateError("listing_unreadable", f"it cannot be read: {error.strerror}", about=str(path)) from error
    except UnicodeDecodeError as error:
        raise PalateError("listing_invalid", "it is not UTF-8 text", about=str(path)) from error
    is_json = file.suffix.lower() in (".jsonl", ".ndjson", ".json") or text.lstrip().startswith("{")
    try:
        rows = _json_rows(text) if is_json else _table_rows(text, "\t" if file.suffix.lower() == ".tsv" else ",")
        listing = Listing([_listed(row, line) for line, row in rows])
    except PalateError as error:
        raise PalateError(error.code, error.message, about=str(path), hint=HINT) from None
    if not listing.rows:
        raise PalateError("listing_invalid", "it has no rows", about=str(path), hint=HINT)
    return listing


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise _wrong(number, "this is not JSON") from None
        if not isinstance(row, dict):
            raise _wrong(number, "this is not a JSON object")
        yield number, row


def _table_rows(text: str, delimiter: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = [name.strip().lower() for name in reader.fieldnames or ()]
        missing = [name for name in ("file", "model") if name not in columns]
        if missing:
            raise _wrong(1, f"there is no column '{missing[0]}'")
        reader.fieldnames = columns
        for row in reader:
            if None in row:
                raise _wrong(reader.line_num, f"more values than the {len(columns)} columns")
            yield reader.line_num, {name: value for name, value in row.items() if value not in (None, "")}
    except csv.Error as error:
        raise _wrong(reader.reader.line_num, str(error)) from None
    finally:
        csv.field_size_limit(before)


def _listed(row: Mapping[str, Any], line: int) -> ListedPicture:
    said = {str(name).strip().lower(): value for name, value in row.items() if value is not None}
    for name in ("file", "model"):
        if not isinstance(said.get(name), str) or not said[name].strip():
            raise _wrong(line, f"'{name}' is missing")
    for name in ("prompt", "negative", "tag"):
        if not isinstance(said.get(name, ""), str):
            raise _wrong(line, f"'{name}' is not text")
    return ListedPicture(
        file=said["file"].strip(),
        model=said["model"].strip(),
        line=line,
        prompt=said.get("prompt"),
        negative=said.get("negative"),
        seed=_seed(said.get("seed"), line),
        tag=said.get("tag"),
        settings={name: _setting(name, value, line) for name, value in said.items() if name not in FIELDS},
    )


def _seed(value: object, line: int) -> int | None:
    found = whole(value)
    if value is not None and found is None:
        raise _wrong(line, f"'seed' is not a whole number: {str(value)[:40]}")
    return found


def _setting(name: str, value: object, line: int) -> str | int | float:
    """Numbers as numbers, so that `20` of a CSV and 20 of a JSON line are one setting."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value != value:
        raise _wrong(line, f"'{name}' is neither text nor a number")
    if isinstance(value, str):
        for kind in (int, float):
            try:
                found = kind(value)
            except ValueError:
                continue
            return found if abs(found) < float("inf") else value
    return value


def _path_key(path: str) -> str:
    return str(PurePosixPath(path.replace("\\", "/")))


def _wrong(line: int, message: str) -> PalateError:
    return PalateError("listing_invalid", f"line {line}: {message}")
