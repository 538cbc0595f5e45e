"""`add`: what the readers find goes into the catalogue, in batches, and what they refuse is told."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.importers.credits import ModelIndex, match_credits

Progress = Callable[[str, int, int], None]
Item = TypeVar("Item")
BATCH = 500


@dataclass
class Added:
    """What came in, what was there already, and what was refused and why."""

    what: str
    added: int = 0
    unchanged: int = 0
    moved: int = 0
    matched: int = 0
    unknown: int = 0
    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def anything(self) -> bool:
        return bool(self.added or self.unchanged)

    def in_words(self) -> str:
        parts = [f"{self.added} {self.what} added"]
        parts += [f"{self.moved} of them moved here"] if self.moved else []
        parts += [f"{self.unchanged} unchanged"] if self.unchanged else []
        parts += [f"{self.matched} credits matched to models"] if self.matched else []
        parts += [f"{self.unknown} credits to models that are not here"] if self.unknown else []
        parts += [f"{len(self.refused)} refused"] if self.refused else []
        return ", ".join(parts)

    def as_json(self) -> dict[str, object]:
        return {
            "what": self.what,
            "added": self.added,
            "moved": self.moved,
            "unchanged": self.unchanged,
            "matched": self.matched,
            "unknown": self.unknown,
            "refused": self.refused,
            "warnings": self.warnings,
        }


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Parts of up to `BATCH`, each stored in one transaction."""
    iterator = iter(items)
    while part := list(islice(iterator, BATCH)):
        yield part


def add_models(home: Home, source: str, *, progress: Progress) -> Added:
    """A folder, an address, or a hub id: whichever `source` is."""
    answer = Added("models")
    with home.writing():
        if source.startswith(("http://", "https://")):
            from palate.importers.endpoints import read_endpoint

            _put_models(home, read_endpoint(source), answer)
        elif Path(source).exists():
            _add_model_folder(home, Path(source), answer, progress)
        elif source.count("/") == 1 and not source.startswith((".", "/", "~")):
            from palate.importers.hub import read_hub_model

            model, warnings = read_hub_model(source)
            _put_models(home, [model], answer)
            answer.warnings.extend(warnings)
        else:
            raise PalateError("no_source", "is no folder, no hub id and no address", about=source)
        answer.matched += rematch(home)
    return answer


def _put_models(home: Home, models: Sequence[Model], answer: Added) -> None:
    with home.write() as connection:
        known = [model_rows.merged(model_rows.get(connection, model.id), model) for model in models]
        model_rows.put(connection, known)
        model_rows.supersede(connection, known)
    answer.added += sum(model.state == "ready" for model in models)


def _add_model_folder(home: Home, folder: Path, answer: Added, progress: Progress) -> None:
    from palate.importers.models import scan_models
    from palate.safety.paths import real_folder

    root, began = real_folder(folder), time.time_ns()
    with home.read() as connection:
        known, since = model_rows.stamps(connection), model_rows.last_scan(connection, root)
    seen = 0
    for part in batches(scan_models(folder, known=known, since_ns=since)):
        _take_models(home, part, answer)
        seen += len(part)
        progress("models", seen, seen)
    with home.write() as connection:
        model_rows.put_scan(connection, root, began)


def _take_models(home: Home, part: Sequence[object], answer: Added) -> None:
    from palate.importers.models import ModelDuplicate, ModelFound, ModelRefused, ModelUnchanged

    found: list[Model] = []
    copies: list[tuple[str, str, int, int]] = []
    for item in part:
        if isinstance(item, ModelUnchanged):
            answer.unchanged += 1
        elif isinstance(item, ModelDuplicate):
            copies.append((item.path, item.id, item.size, item.mtime_ns))
            answer.warnings.append(f"{item.path} is the same file as {item.first}")
        elif isinstance(item, ModelFound):
            found.append(item.model)
            answer.warnings.extend(item.warnings)
        elif isinstance(item, ModelRefused):
            answer.refused.append(f"{item.path}: {item.reason}")
            found.extend([item.model] if item.model is not None else [])
    _put_models(home, found, answer)
    with home.write() as connection:
        places = [(m.location, m.id, m.size or 0, m.mtime_ns) for m in found if m.mtime_ns is not None]
        model_rows.put_files(connection, [*places, *copies])


def rematch(home: Home) -> int:
    """New models may be the ones that older pictures credit."""
    with home.write() as connection:
        index = ModelIndex(model_rows.listed(connection))
        matches = [
            (drawing, position, matched)
            for drawing, position, credit in picture_rows.unmatched(connection)
            if (matched := index.match(credit)).model_id is not None
        ]
        return picture_rows.put_matches(connection, matches)


def add_pictures(home: Home, folder: Path, *, listing: Path | None, progress: Progress) -> Added:
    """Outputs stay where they lie; what is the same as at the last scan costs one look at its size and time."""
    from palate.importers.listing import read_listing
    from palate.importers.pictures import scan_pictures

    answer = Added("pictures")
    with home.writing():
        with home.read() as connection:
            index = ModelIndex(model_rows.listed(connection))
            known = picture_rows.file_stamps(connection)
        entries = None if listing is None else read_listing(listing)
        for part in batches(scan_pictures(folder, known=known, listing=entries)):
            _put_pictures(home, part, index, answer)
            progress("pictures", answer.added + answer.unchanged, answer.added + answer.unchanged)
    return answer


def _put_pictures(home: Home, part: Sequence[object], index: ModelIndex, answer: Added) -> None:
    from palate.importers.pictures import PictureFound, PictureUnchanged

    found: list[PictureFound] = []
    for item in part:
        if isinstance(item, PictureUnchanged):
            answer.unchanged += 1
        elif isinstance(item, PictureFound):
            found.append(item)
        else:
            answer.refused.append(f"{item.path}: {item.reason}")  # type: ignore[attr-defined]
    if not found:
        return
    drawings = [match_credits(item.drawing, index) for item in found if item.drawing is not None]
    with home.write() as connection:
        picture_rows.put(connection, [item.picture for item in found])
        picture_rows.put_files(connection, [item.file for item in found])
        picture_rows.put_drawings(connection, drawings)
        ids = [item.picture.id for item in found]
        gone = [path for path, _ in picture_rows.other_places(connection, ids) if not os.path.exists(path)]  # noqa: PTH110
        picture_rows.forget_files(connection, gone)
    credits = [credit for drawing in drawings for credit in drawing.credits]
    answer.added += len(found)
    answer.moved += len(gone)
    answer.matched += sum(credit.model_id is not None for credit in credits)
    answer.unknown += sum(credit.model_id is None for credit in credits)


def add_dataset(home: Home, kind: str, folder: Path) -> Added:
    """A published data set as models, prompts, pictures and vectors like any other."""
    if kind != "gemrec":
        raise PalateError("unknown_dataset", f"'{kind}' is no data set that can be read", hint="known: gemrec")
    from palate.importers.gemrec_adding import add_gemrec

    return add_gemrec(home, folder, Added("pictures"))
