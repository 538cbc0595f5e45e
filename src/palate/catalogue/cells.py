"""A million vectors by inner product without looking at most of them: cells, and their leading coordinates first.

A row's score is q . v + w b, as in `catalogue.index`. Rows lie in cells (k-means), and within a cell one after another.
A question scores a few promising cells in full, and knows from them a score that the `top` best surely reach. Every
other cell is skipped if not even its unlikely rows (`doubt` standard deviations above its mean) can reach it; of the
cells that remain only the leading coordinates are multiplied, and only rows that may reach it, given how much the
trailing coordinates vary in their cell, are scored in full. This suits vectors whose first coordinates tell most apart,
such as styles, and questions far away from all rows, such as single pictures are: graphs of neighbours lose their way
there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError

Vectors = NDArray[np.float32]
Positions = NDArray[np.intp]

SAMPLE_PER_CELL = 40
LLOYD_ROUNDS = 6
CLUSTERED = 16
"""Leading coordinates that cells are made of."""
PAIRS = 30_000
"""Rows scored in full at a time."""
FEW = 20_000
"""So few allowed rows are all scored: quicker than passing by the others."""


@dataclass(frozen=True)
class CellConfig:
    cells: int | None = None
    """How many cells; by default six times the root of the number of rows."""
    leading: int = 48
    """Coordinates that are multiplied before a row is dismissed."""
    first: int = 6
    """Cells that are scored in full to begin with."""
    doubt: float = 3.45
    """Standard deviations that the best row of a cell may lie above the cell's mean: more finds more, slower."""
    trailing_doubt: float = 1.5
    """The same for what a row's trailing coordinates may add."""


@dataclass(frozen=True, eq=False)
class CellIndex:
    """Rows sorted by cell; `build` makes one. The bias is the first of the leading coordinates."""

    position: Positions
    """(N,) where a row was in what was given."""
    start: Positions
    """(C + 1,)"""
    leading: Vectors
    """(N, 1 + l)"""
    trailing: Vectors
    """(N, k - l)"""
    means: Vectors
    """(C, 1 + k)"""
    variances: Vectors
    """(C, 1 + k)"""
    config: CellConfig

    @classmethod
    def build(
        cls,
        vectors: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        scale: ArrayLike | None = None,
        config: CellConfig | None = None,
    ) -> CellIndex:
        """(N, k), (N,), and if known the root mean square of questions' coordinates (k,): cells heed what they heed."""
        config = config or CellConfig()
        given = np.asarray(vectors, dtype=np.float32)
        biases = np.zeros(len(given), dtype=np.float32) if bias is None else np.asarray(bias, dtype=np.float32)
        bad = np.flatnonzero(~(np.isfinite(given).all(axis=1) & np.isfinite(biases)))
        if bad.size:
            raise PalateError(
                "embedding_invalid", f"{bad.size} of {len(given)} vectors are not finite, the first is number {bad[0]}"
            )
        count = config.cells or max(1, int(6 * np.sqrt(len(given))))
        weights = np.ones(given.shape[1]) if scale is None else np.asarray(scale)
        cell = _cells(given[:, :CLUSTERED] * weights[:CLUSTERED].astype(np.float32), biases, count)
        order = np.argsort(cell, kind="stable")
        start = np.searchsorted(cell[order], np.arange(count + 1))
        lead = min(config.leading, given.shape[1])
        leading = np.ascontiguousarray(np.column_stack([biases[order], given[order, :lead]]))
        trailing = np.ascontiguousarray(given[order, lead:])
        means, variances = (
            np.column_stack(pair) for pair in zip(_moments(leading, start), _moments(trailing, start), strict=True)
        )
        return cls(order, start, leading, trailing, means, variances, config)

    def save(self, folder: Path) -> None:
        """Plain arrays, one a file, that `open` maps into memory."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)
        (folder / "cells.json").write_text(json.dumps(asdict(self.config)), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path) -> CellIndex:
        """What lies in the folder, mapped: processes share it, and nothing is read that no question needs."""
        try:
            said = json.loads((folder / "cells.json").read_text("utf-8"))
            mapped = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in _ARRAYS}
            return cls(**{name: np.asarray(array) for name, array in mapped.items()}, config=CellConfig(**said))
        except (OSError, ValueError, TypeError, EOFError) as error:
            raise PalateError(
                "index_damaged", "an index does not hold together", about=str(folder.name), hint="remove it"
            ) from error

    @cached_property
    def row(self) -> Positions:
        """(N,) where in the cells what was given as number n lies."""
        found = np.empty(len(self.position), dtype=np.intp)
        found[self.position] = np.arange(len(self.position))
        return found

    def vectors(self, positions: Positions) -> Vectors:
        """(n, 1 + k) bias and vector of what was given as these numbers."""
        rows = self.row[positions]
        return np.concatenate([self.leading[rows], self.trailing[rows]], axis=1)

    def search(
        self,
        queries: ArrayLike,
        top: int,
        *,
        weights: ArrayLike | None = None,
        doubt: float | None = None,
        allowed: NDArray[np.bool_] | None = None,
    ) -> tuple[Positions, Vectors]:
        """(Q, k) -> positions (Q, top) and scores (Q, top), best first, of rows that are `allowed` (N,), as stored.

        `allowed` goes by the order of `position`: whoever filters alike again keeps it so.
        """
        q = np.asarray(queries, dtype=np.float32)
        w = np.ones(len(q), dtype=np.float32) if weights is None else np.asarray(weights, dtype=np.float32)
        if q.ndim != 2 or 1 + q.shape[1] != self.means.shape[1] or not (np.isfinite(q).all() and np.isfinite(w).all()):
            raise PalateError("embedding_invalid", f"a query of shape {q.shape} does not go with this index")
        asked = np.column_stack([w, q])
        top = min(top, len(self.position))
        if allowed is not None:
            many = int(np.count_nonzero(allowed))
            top = min(top, many)
            if many <= FEW:
                return self._among(asked, np.flatnonzero(allowed), top)
        squares = asked * asked
        hopeful = asked @ self.means.T
        hopeful += np.float32(self.config.doubt if doubt is None else doubt) * np.sqrt(squares @ self.variances.T)
        chosen, found = self._first(asked, hopeful, top, allowed)
        reach = np.array([scores[-1] if len(scores) == top else -np.inf for _, scores in found], dtype=np.float32)
        waiting = hopeful >= reach[:, None]
        np.put_along_axis(waiting, chosen, False, axis=1)
        candidates = self._may_reach(asked, squares, waiting, reach, allowed)
        return self._best(asked, found, *candidates, top)

    def _among(self, asked: Vectors, rows: Positions, top: int) -> tuple[Positions, Vectors]:
        """Every one of these rows scored."""
        lead = self.leading.shape[1]
        scores = asked[:, :lead] @ self.leading[rows].T + asked[:, lead:] @ self.trailing[rows].T
        order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        return self.position[rows[order]], np.take_along_axis(scores, order, axis=1)

    def _first(
        self, asked: Vectors, hopeful: Vectors, top: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[Positions, list[tuple[Positions, Vectors]]]:
        """Which cells each question sees in full, and its best rows in them with their scores, best first."""
        first = min(self.config.first, hopeful.shape[1])
        chosen = np.argpartition(hopeful, hopeful.shape[1] - first, axis=1)[:, hopeful.shape[1] - first :]
        lead = self.leading.shape[1]
        found = []
        for question, cells in zip(asked, chosen, strict=True):
            spans = [slice(self.start[c], self.start[c + 1]) for c in cells]
            scores = np.concatenate(
                [self.leading[s] @ question[:lead] + self.trailing[s] @ question[lead:] for s in spans]
            )
            rows = np.concatenate([np.arange(s.start, s.stop) for s in spans])
            if allowed is not None:
                rows, scores = rows[allowed[rows]], scores[allowed[rows]]
            best = np.argpartition(scores, len(scores) - top)[len(scores) - top :] if len(scores) > top else slice(None)
            order = np.argsort(-scores[best], kind="stable")
            found.append((rows[best][order], scores[best][order]))
        return chosen, found

    def _may_reach(
        self,
        asked: Vectors,
        squares: Vectors,
        waiting: NDArray[np.bool_],
        reach: Vectors,
        allowed: NDArray[np.bool_] | None,
    ) -> tuple[Positions, Positions, Vectors]:
        """Questions and rows that the leading coordinates leave in the race, and what these come to."""
        lead = self.leading.shape[1]
        needed = reach[:, None] - asked[:, lead:] @ self.means[:, lead:].T
        needed -= np.float32(self.config.trailing_doubt) * np.sqrt(squares[:, lead:] @ self.variances[:, lead:].T)
        ahead = np.ascontiguousarray(asked[:, :lead])
        by_cell = np.ascontiguousarray(waiting.T)
        owners, rows, reached = [], [], []
        for cell in np.flatnonzero(by_cell.any(axis=1)):
            questions = np.flatnonzero(by_cell[cell])
            scores = ahead[questions] @ self.leading[self.start[cell] : self.start[cell + 1]].T
            hopes = scores >= needed[questions, cell][:, None]
            if allowed is not None:
                hopes &= allowed[self.start[cell] : self.start[cell + 1]]
            hit = np.flatnonzero(hopes)
            if len(hit):
                owner, row = np.divmod(hit, scores.shape[1])
                owners.append(questions[owner])
                rows.append(row + self.start[cell])
                reached.append(scores.ravel()[hit])
        if not owners:
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)
        return np.concatenate(owners), np.concatenate(rows), np.concatenate(reached)

    def _best(
        self,
        asked: Vectors,
        found: list[tuple[Positions, Vectors]],
        owner: Positions,
        row: Positions,
        scores: Vectors,
        top: int,
    ) -> tuple[Positions, Vectors]:
        """Adds what the trailing coordinates come to; the best of these and of the cells seen first."""
        behind = np.ascontiguousarray(asked[:, self.leading.shape[1] :])
        for begin in range(0, len(row), PAIRS):
            some = slice(begin, begin + PAIRS)
            scores[some] += np.einsum("pk,pk->p", self.trailing[row[some]], behind[owner[some]])
        owner = np.concatenate([owner, np.repeat(np.arange(len(found)), [len(rows) for rows, _ in found])])
        row = np.concatenate([row, *(rows for rows, _ in found)])
        scores = np.concatenate([scores, *(values for _, values in found)])
        order = np.lexsort((row, -scores, owner))
        begins = np.searchsorted(owner[order], np.arange(len(asked)))
        best = order[begins[:, None] + np.arange(top)]
        return self.position[row[best]], scores[best]


_ARRAYS = ("position", "start", "leading", "trailing", "means", "variances")


def _cells(coordinates: Vectors, bias: Vectors, count: int) -> Positions:
    """(N,) the cell of each row: Lloyd's algorithm on an even sample of rows, bias included."""
    rows = np.column_stack([coordinates, bias])
    sample = rows[np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE_PER_CELL * count)).astype(np.intp)]
    centres = sample[np.linspace(0, len(sample) - 1, count).astype(np.intp)]
    for _ in range(LLOYD_ROUNDS):
        nearest = _nearest(sample, centres)
        order = np.argsort(nearest, kind="stable")
        start = np.searchsorted(nearest[order], np.arange(count + 1))
        means, _ = _moments(sample[order], start)
        centres = np.where(np.diff(start)[:, None] > 0, means, centres)
    return _nearest(rows, centres)


def _nearest(rows: Vectors, centres: Vectors) -> Positions:
    half = 0.5 * np.einsum("ck,ck->c", centres, centres)
    found = np.empty(len(rows), dtype=np.intp)
    for begin in range(0, len(rows), 4096):
        found[begin : begin + 4096] = (rows[begin : begin + 4096] @ centres.T - half).argmax(axis=1)
    return found


def _moments(rows: Vectors, start: Positions) -> tuple[Vectors, Vectors]:
    """Mean and variance (C, d) of consecutive rows, zero for an empty cell."""
    sizes = np.diff(start)
    filled = np.flatnonzero(sizes)
    means = np.zeros((len(sizes), rows.shape[1]), dtype=np.float32)
    variances = np.zeros_like(means)
    means[filled] = np.add.reduceat(rows, start[:-1][filled], axis=0) / sizes[filled, None]
    for cell in filled:
        variances[cell] = rows[start[cell] : start[cell + 1]].var(axis=0)
    return means, variances
