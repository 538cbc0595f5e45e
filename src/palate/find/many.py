"""`identify` among so many models that not all of them are scored: a short list from cells, scored again as any hub is.

Every model's style lies in the home's folder `derived`, in files that are mapped into memory and shared by processes. A
question finds its short list there, filters inside the search; then only these models' rows are read, and ranked with
reasons by the very code that ranks a small hub. The files are made from the rows, a part of the models at a time, by
what some thousands of models taught (`find.placing`). The outbox says what changed since: models that drew something
new are placed again, each alone, and scored beside the cells. So the files may lag; the answers do not.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.catalogue import models as model_rows
from palate.catalogue import outbox, vectors
from palate.catalogue import pictures as picture_rows
from palate.catalogue.cells import CellIndex
from palate.catalogue.home import Home
from palate.catalogue.records import Model, digest
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.find.filters import EXPLICIT, Filters, hidden_words, unsafe_words
from palate.find.hub import Hub
from palate.find.loading import load_specifications
from palate.find.placing import Placing
from palate.find.specification import Specifications
from palate.find.style import StyleIndex, fit_and_place

Mask = NDArray[np.bool_]
Vectors = NDArray[np.float32]
Progress = Callable[[str, int, int], None]

VERSION = 1
"""Raised when the same rows would give other files."""
TEACHING = 20_000
"""Models that everything but places is learned from; where there are no more, the places are those of `Hub.style`."""
PART = 18_000
"""Models placed at a time."""
SPARE = 2
"""Asked of the cells beyond what is to be shown: models that the rows do not let pass any more."""
LEAST_FRESH, MOST_FRESH = 1000, 0.1
"""When so many models, and such a share, drew something new, the files are made again by who opens them next."""
FILTERS_KEPT = 32
PAGE = 1024
"""Numbers of four bytes on a page of memory."""


class ManyStyles:
    """The files of one space, as they are now, and what changed since they were made."""

    def __init__(self, home: Home, space: Space, folder: Path, until: int) -> None:
        self._home, self._space = home, space
        self.cells = CellIndex.open(folder / "cells")
        with np.load(folder / "learned.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        self.style = StyleIndex.from_arrays({n[6:]: a for n, a in arrays.items() if n.startswith("style.")})
        self._placing = Placing.from_arrays({n[8:]: a for n, a in arrays.items() if n.startswith("placing.")})
        self.ids = np.asarray(np.load(folder / "ids.npy", mmap_mode="r", allow_pickle=False))
        self._facts = Facts.open(folder, self.cells.position)
        self._until, self._lock = until, threading.Lock()
        self._fresh: dict[str, tuple[Model, Vectors]] = {}
        self._stale: set[int] = set()
        self._gone = 0

    @property
    def due(self) -> bool:
        """Whether so much changed that the files should be made anew."""
        return len(self._fresh) + self._gone > max(LEAST_FRESH, MOST_FRESH * len(self))

    @classmethod
    def open(cls, home: Home, space: Space, progress: Progress = lambda *_: None) -> ManyStyles:
        """The files as they are, made first where there are none, they are of another version, or they are damaged."""
        at = _place(home, space)
        try:
            said = json.loads((at / "now.json").read_text("utf-8"))
            if said["version"] == VERSION and _is_told(home):
                opened = cls(home, space, at / said["folder"], said["until"])
                opened.refresh()
                if not opened.due:
                    return opened
        except (OSError, ValueError, KeyError, PalateError):
            pass  # derived: made again
        build(home, space, progress)
        said = json.loads((at / "now.json").read_text("utf-8"))
        return cls(home, space, at / said["folder"], said["until"])

    def __len__(self) -> int:
        return len(self.ids)

    def touch(self) -> None:
        """Have all of the files in memory: else every question that leads somewhere new waits for pages of them."""
        for array in (self.cells.leading, self.cells.trailing, self.cells.means, self.cells.variances):
            array.ravel()[::PAGE].sum()
        _ = self.cells.row

    def refresh(self) -> None:
        """Place again what drew something since."""
        with self._lock, self._home.read() as connection:
            until, pictures = outbox.after(connection, self._space, self._until)
            if not pictures:
                self._until = until
                return
            changed = sorted(picture_rows.models_of(connection, pictures))
            found = _specified(connection, self._space, changed)
            fresh = dict(self._fresh)
            for model, row in zip(found[1], self._placing.place(found[0]), strict=True) if found else ():
                fresh[model.id] = (model, row)
            there, _ = vectors.load(connection, self._space, "picture", pictures)
            self._gone += len(pictures) - len(there)
            stale = self._stale | {row for id in changed if (row := self._row_of(id)) is not None}
            self._fresh, self._stale, self._until = fresh, stale, until

    def _row_of(self, id: str) -> int | None:
        name = np.bytes_(id.encode())
        row = int(np.searchsorted(self.ids, name))
        return row if row < len(self.ids) and self.ids[row] == name else None

    def nearest(self, query: Vectors, filters: Filters, top: int) -> list[str]:
        """(k + 2,) -> ids of the models with the highest inner products among those that pass, best first."""
        allowed = self._facts.allowed(filters)
        if self._stale:
            allowed = np.ones(len(self), dtype=bool) if allowed is None else allowed.copy()
            allowed[self.cells.row[sorted(self._stale)]] = False
        asked = np.concatenate([query[-2:-1], query[:-2]])[None]
        rows, scores = self.cells.search(asked, top, weights=query[-1:], allowed=allowed)
        scored = [(float(score), self.ids[row].decode()) for row, score in zip(rows[0], scores[0], strict=True)]
        scored += [(float(row @ query), model.id) for model, row in self._fresh.values() if filters.passes(model)]
        return [id for _, id in sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:top]]

    def vectors(self, ids: Sequence[str]) -> Vectors:
        """(n, k + 2) as in the style index."""
        found = np.empty((len(ids), self.style.vectors.shape[1]), dtype=np.float32)
        for place, id in enumerate(ids):
            if id in self._fresh:
                found[place] = self._fresh[id][1]
            else:
                row = self.cells.vectors(np.array([self._row_of(id)]))[0]
                found[place, :-2], found[place, -2], found[place, -1] = row[2:], row[1], row[0]
        return found

    def hub(self, query: Vectors, filters: Filters, top: int) -> Hub:
        """A hub of the short list alone: whatever ranks a hub by style ranks these as it would rank all of them."""
        self.refresh()
        wanted = top + SPARE
        while True:
            ids = self.nearest(query, filters, wanted) or self.nearest(query, Filters(), 1)  # which nothing will pass
            with self._home.read() as connection:
                found = _specified(connection, self._space, sorted(ids))
            if found is None:
                raise PalateError("nothing_specified", "no model here has an encoded picture any more")
            passing = sum(filters.passes(model) for model in found[1])
            if passing >= top or len(ids) < wanted:
                break
            wanted *= 4
        hub = Hub(self._home.derived, self._space, *found)
        names = found[0].model_ids
        # Whose a picture was that is gone, nobody knows any more: then the rows decide, not what was made of them.
        rows = self._placing.place(found[0]) if self._gone else self.vectors(names)
        vars(hub)["style"] = replace(self.style, model_ids=names, vectors=rows)
        return hub


class Facts:
    """What filters ask of a model, as columns in the order of the cells."""

    def __init__(self, bases: Sequence[str | None], base: Any, level: Any, tagged: dict[str, Any], order: Any) -> None:
        self._bases, self._base, self._level, self._tagged, self._order = bases, base, level, tagged, order
        self._kept: dict[Filters, Mask | None] = {}

    @classmethod
    def of(cls, models: Sequence[tuple[str | None, int, frozenset[str]]], order: Any) -> Facts:
        """Base, level and tags of each model; `order`: (N,) which model stands at each place."""
        bases = sorted({base for base, _, _ in models}, key=lambda base: base or "")
        code = {base: number for number, base in enumerate(bases)}
        base = np.array([code[base] for base, _, _ in models], dtype=np.int32)
        level = np.array([level for _, level, _ in models], dtype=np.uint8)
        tagged: dict[str, list[int]] = {}
        for row, (_, _, tags) in enumerate(models):
            for tag in tags:
                tagged.setdefault(tag, []).append(row)
        return cls(bases, base, level, {tag: np.array(rows) for tag, rows in tagged.items()}, order)

    def allowed(self, filters: Filters) -> Mask | None:
        """(N,) which may be answered, in the order of the cells; None where all may."""
        if filters not in self._kept:
            if len(self._kept) >= FILTERS_KEPT:
                self._kept = {}
            self._kept[filters] = self._mask(filters)
        return self._kept[filters]

    def _mask(self, filters: Filters) -> Mask | None:
        mask = self._level <= {"any": 2, "moderate": 1, "strict": 0}[filters.safe]
        if filters.base is not None:
            from palate.importers.bases import compatible

            mask &= np.array([compatible(base, filters.base) for base in self._bases])[self._base]
        for tag in filters.tags:
            has = np.zeros(len(mask), dtype=bool)
            has[self._tagged.get(tag.lower(), [])] = True
            mask &= has
        return None if mask.all() else mask[self._order]

    def save(self, folder: Path) -> None:
        names = sorted(self._tagged)
        rows = np.concatenate([self._tagged[name] for name in names] or [np.zeros(0)]).astype(np.int64)
        start = np.cumsum([0, *(len(self._tagged[name]) for name in names)])
        (folder / "facts.json").write_text(json.dumps({"bases": self._bases, "tags": names}), encoding="utf-8")
        for name, array in {"base": self._base, "level": self._level, "tagged": rows, "start": start}.items():
            np.save(folder / f"{name}.npy", array, allow_pickle=False)

    @classmethod
    def open(cls, folder: Path, order: Any) -> Facts:
        said = json.loads((folder / "facts.json").read_text("utf-8"))
        base, level, rows, start = (
            np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("base", "level", "tagged", "start")
        )
        tagged = {tag: rows[start[n] : start[n + 1]] for n, tag in enumerate(said["tags"])}
        return cls(said["bases"], base, level, tagged, order)


def level_of(model: Model) -> int:
    """0 for everybody, 1 suggestive, 2 explicit, as its maker marked it."""
    marks = unsafe_words(model)
    return 2 if marks & EXPLICIT else 1 if marks & hidden_words("strict") else 0


# -- making the files ------------------------------------------------------------------------------------------------


def build(home: Home, space: Space, progress: Progress = lambda *_: None) -> Path:
    """Every model placed, in cells, in a new folder; last, one small file says that it is the one to read."""
    outbox.begin(home.database, outbox.LEFT)
    with home.read() as connection:
        until = outbox.last(connection)  # what changes while this runs is placed again by who opens the files
    learned, placing = _learned(home, space)
    ids, facts, rows = _placed(home, space, placing, learned, progress)
    if not ids:
        raise PalateError("nothing_credited", "no encoded picture here credits a model that is here")
    placed = np.concatenate(rows)
    del rows
    cells = CellIndex.build(
        np.concatenate([placed[:, -2:-1], placed[:, :-2]], axis=1),
        placed[:, -1],
        scale=np.concatenate([[1.0], np.sqrt(1.0 + placed[:, :-2].var(axis=0))]),
    )
    at = _place(home, space)
    name = f"{until}-{os.getpid()}-{len(ids)}"
    folder = at / name
    shutil.rmtree(folder, ignore_errors=True)
    cells.save(folder / "cells")
    np.save(folder / "ids.npy", np.array([id.encode() for id in ids]), allow_pickle=False)
    Facts.of(facts, cells.position).save(folder)
    taught = replace(learned, model_ids=(), vectors=learned.vectors[:0])
    kept = {f"style.{key}": array for key, array in taught.arrays().items()}
    kept |= {f"placing.{key}": array for key, array in placing.arrays().items()}
    np.savez(folder / "learned.npz", **kept)  # type: ignore[arg-type]
    _point_at(at, name, until)
    outbox.forget_until(home.database, until)
    return folder


def _point_at(at: Path, name: str, until: int) -> None:
    scratch = at / f"now.{os.getpid()}"
    scratch.write_text(json.dumps({"version": VERSION, "folder": name, "until": until}), encoding="utf-8")
    os.replace(scratch, at / "now.json")  # noqa: PTH105 - atomic on every system
    for old in at.iterdir():
        if old.is_dir() and old.name != name:
            shutil.rmtree(old, ignore_errors=True)  # who has it open keeps it


def _learned(home: Home, space: Space) -> tuple[StyleIndex, Placing]:
    """From all models where they are few, else from some thousands, evenly spaced over their ids."""
    ids = [id for part in _ids(home) for id in part]
    chosen = [ids[n] for n in np.linspace(0, len(ids) - 1, min(len(ids), TEACHING)).astype(int)]
    with home.read() as connection:
        known, _ = load_specifications(connection, space, chosen)
    return fit_and_place(known)


def _placed(
    home: Home, space: Space, placing: Placing, learned: StyleIndex, progress: Progress
) -> tuple[list[str], list[tuple[str | None, int, frozenset[str]]], list[Vectors]]:
    """Ids in their order, what filters ask of each, and (part, k + 2) rows."""
    taught = {id: row for row, id in enumerate(learned.model_ids)}
    ids: list[str] = []
    facts: list[tuple[str | None, int, frozenset[str]]] = []
    rows: list[Vectors] = []
    for part in _ids(home):
        with home.read() as connection:
            found = _specified(connection, space, part)
        if found is not None:
            placed = placing.place(found[0])
            for row, id in enumerate(found[0].model_ids):
                if id in taught:
                    placed[row] = learned.vectors[taught[id]]
            ids += found[0].model_ids
            facts += [(one.base, level_of(one), frozenset(tag.lower() for tag in one.tags)) for one in found[1]]
            rows.append(placed)
        progress("placing", len(ids), len(ids) + PART)
    return ids, facts, rows


def _ids(home: Home) -> Iterator[list[str]]:
    last = ""
    while True:
        with home.read() as connection:
            part = model_rows.ids_after(connection, last, PART)
        if not part:
            return
        yield part
        last = part[-1]


def _specified(connection: Any, space: Space, ids: Sequence[str]) -> tuple[Specifications, list[Model]] | None:
    """These models' pictures, where there is any."""
    try:
        return load_specifications(connection, space, ids)
    except PalateError as error:
        if error.code not in ("nothing_specified", "nothing_credited"):
            raise
        return None


def _is_told(home: Home) -> bool:
    with home.read() as connection:
        return outbox.state(connection) == outbox.LEFT


def _place(home: Home, space: Space) -> Path:
    return home.derived / f"styles-{digest('styles', space.id)[:16]}"
