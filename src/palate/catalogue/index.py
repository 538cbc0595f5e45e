"""Nearest vectors by inner product: exact up to about a hundred thousand rows, a graph (usearch) above.

A row's score is q . v + w b: its vector, and a bias that the question weighs (a style's penalty counts once for every
example picture; zero where there is none). Distances order rows the same way once each row gets one more coordinate
e with e^2 = C - |v|^2 - 2b, since |(v, e) - (q / w, 0)|^2 = C - 2 (q . v / w + b) + |q / w|^2; so a graph of Euclidean
neighbours finds them. Candidates of the graph are scored again exactly. An index is derived: lose it, build it again.
For a million styles `catalogue.cells` is faster and surer; this one serves vectors whose coordinates all matter alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError

Vectors = NDArray[np.float32]
Positions = NDArray[np.intp]

EXACT_UP_TO = 100_000
BLOCK = 32_768
"""Rows scored at a time: a block's scores stay in the processor's cache while the best are picked."""


@dataclass(frozen=True)
class GraphConfig:
    connectivity: int = 32
    """Neighbours of a row in the graph."""
    expansion_add: int = 128
    """Candidates weighed when a row is added: better graphs, slower building."""
    expansion_search: int = 256
    """Candidates weighed when a question is asked: better recall, slower answers."""
    dtype: str = "f16"
    """How the graph stores coordinates; the last scoring is always in float32."""
    dimensions: int | None = None
    """Only the first so many coordinates guide the graph, where the first matter most; None for all."""
    candidates: int = 40
    """Rows scored again exactly, at least."""


@dataclass(frozen=True, eq=False)
class VectorIndex:
    """Rows with their ids; `build` makes one."""

    ids: tuple[str, ...]
    vectors: Vectors
    """(N, k)"""
    bias: Vectors
    """(N,)"""
    config: GraphConfig
    graph: Any = None
    """The usearch index, None where search is exact."""

    @classmethod
    def build(
        cls,
        ids: Sequence[str],
        vectors: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        exact: bool | None = None,
        config: GraphConfig | None = None,
    ) -> VectorIndex:
        """Refuses what is not finite: one NaN would silently spoil a graph (THREATS T23)."""
        rows = np.ascontiguousarray(vectors, dtype=np.float32)
        biases = np.zeros(len(rows), dtype=np.float32) if bias is None else np.asarray(bias, dtype=np.float32)
        if rows.ndim != 2 or len(ids) != len(rows) or biases.shape != (len(rows),):
            raise PalateError("index_invalid", f"{len(ids)} ids do not go with vectors of shape {rows.shape}")
        bad = np.flatnonzero(~(np.isfinite(rows).all(axis=1) & np.isfinite(biases)))
        if bad.size:
            raise PalateError(
                "embedding_invalid",
                f"{bad.size} of {len(rows)} vectors are not finite, the first is number {bad[0]}",
                about=str(ids[bad[0]]),
            )
        config = config or GraphConfig()
        is_exact = len(rows) <= EXACT_UP_TO if exact is None else exact
        graph = None if is_exact else _graph(rows, biases, config)
        return cls(tuple(ids), rows, biases, config, graph)

    def search(
        self, queries: ArrayLike, top: int, *, weights: ArrayLike | None = None, effort: int | None = None
    ) -> tuple[Positions, Vectors]:
        """(Q, k) -> positions (Q, top) and scores (Q, top), best first. `effort` overrides `expansion_search`."""
        q = np.ascontiguousarray(queries, dtype=np.float32)
        w = np.ones(len(q), dtype=np.float32) if weights is None else np.asarray(weights, dtype=np.float32)
        if q.ndim != 2 or q.shape[1] != self.vectors.shape[1] or not (np.isfinite(q).all() and (w > 0).all()):
            raise PalateError("embedding_invalid", f"a query of shape {q.shape} does not go with this index")
        top = min(top, len(self.vectors))
        if self.graph is None:
            return exact_search(self.vectors, self.bias, q, w, top)
        self.graph.expansion_search = effort or self.config.expansion_search
        dims = self.config.dimensions or q.shape[1]
        asked = np.zeros((len(q), self.graph.ndim), dtype=np.float32)
        asked[:, : min(dims, q.shape[1])] = q[:, :dims] / w[:, None]
        found = self.graph.search(asked, max(top, min(self.config.candidates, len(self.vectors))))
        positions = np.asarray(found.keys).reshape(len(q), -1).astype(np.intp)
        scores = np.matmul(self.vectors[positions], q[:, :, None])[:, :, 0] + w[:, None] * self.bias[positions]
        return _best(positions, scores, top)


def exact_search(
    vectors: Vectors, bias: Vectors, queries: Vectors, weights: Vectors, top: int
) -> tuple[Positions, Vectors]:
    """Every row scored, a block at a time; the best of each block compete. (Q, top) positions and scores."""
    positions = np.empty((len(queries), 0), dtype=np.intp)
    scores = np.empty((len(queries), 0), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        block = queries @ vectors[start : start + BLOCK].T
        block += weights[:, None] * bias[start : start + BLOCK]
        keep = min(top, block.shape[1])
        chosen = np.argpartition(block, block.shape[1] - keep, axis=1)[:, block.shape[1] - keep :]
        positions = np.concatenate([positions, chosen + start], axis=1)
        scores = np.concatenate([scores, np.take_along_axis(block, chosen, axis=1)], axis=1)
        if positions.shape[1] > 8 * top:
            positions, scores = _best(positions, scores, top)
    return _best(positions, scores, top)


def _best(positions: Positions, scores: Vectors, top: int) -> tuple[Positions, Vectors]:
    """The `top` highest of each row, in order; equal scores by position."""
    order = np.lexsort((positions, -scores), axis=1)[:, :top]
    return np.take_along_axis(positions, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _graph(rows: Vectors, bias: Vectors, config: GraphConfig) -> Any:
    from usearch.index import Index

    guide = rows[:, : config.dimensions or rows.shape[1]]
    # e^2 up to its least constant, from all coordinates: the penalty is a whole row's, whatever guides the graph.
    squared = -np.einsum("nk,nk->n", guide, guide) - 2.0 * bias
    extra = squared - squared.min(initial=np.inf)
    if extra.max(initial=0.0) > 1e-4:
        guide = np.column_stack([guide, np.sqrt(extra)])
    graph = Index(
        ndim=guide.shape[1],
        metric="l2sq",
        dtype=config.dtype,
        connectivity=config.connectivity,
        expansion_add=config.expansion_add,
        expansion_search=config.expansion_search,
    )
    graph.add(np.arange(len(guide), dtype=np.uint64), np.ascontiguousarray(guide, dtype=np.float32))
    return graph
