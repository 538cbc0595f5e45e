"""Nearest vectors by inner product from an index that is kept beside the rows: one protocol, whoever keeps it.

An index is derived and may lag; it is fed from the outbox (`catalogue.outbox`), so it never leads. Whose a vector is
stands beside it, and a question names whose it may see: the index looks only at those, it does not leave out others
afterwards. `Exact` is the measure of the others and enough for a hundred thousand; `Graph` is usearch;
`catalogue.nearest_postgres` and `catalogue.nearest_qdrant` are for those who run a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError

Vectors = NDArray[np.float32]
Found = list[tuple[str, float]]

EVERYBODY = ""
"""The owner of what is everybody's."""


class Nearest(Protocol):
    """Vectors of one space, by the id of what they are of."""

    def put(self, ids: Sequence[str], vectors: Vectors, owners: Sequence[Sequence[str]]) -> None:
        """(n, d) vectors, each with whose it is; a known id is replaced. When this answers, it is kept."""

    def remove(self, ids: Sequence[str]) -> None:
        """Ids that are not there are no error: what feeds an index may do so twice."""

    def search(self, query: Vectors, top: int, *, owners: Sequence[str] | None = None) -> Found:
        """(d,) -> the `top` ids with the highest inner products among those of these owners (None: all), best first."""

    def __len__(self) -> int: ...


def sound(vectors: Vectors) -> Vectors:
    """Refuses what is not finite: one NaN would silently spoil a graph (THREATS T23)."""
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if not np.isfinite(rows).all():
        raise PalateError("embedding_invalid", "a vector is not finite; none of these was indexed")
    return rows


class Exact:
    """Every vector looked at; in memory, built anew by whoever starts."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Vectors, frozenset[str]]] = {}

    def put(self, ids: Sequence[str], vectors: Vectors, owners: Sequence[Sequence[str]]) -> None:
        for id, row, mine in zip(ids, sound(vectors), owners, strict=True):
            self._rows[id] = (row, frozenset(mine))

    def remove(self, ids: Sequence[str]) -> None:
        for id in ids:
            self._rows.pop(id, None)

    def search(self, query: Vectors, top: int, *, owners: Sequence[str] | None = None) -> Found:
        seen = [id for id, (_, mine) in self._rows.items() if owners is None or mine & set(owners)]
        if not seen:
            return []
        scores = np.stack([self._rows[id][0] for id in seen]) @ sound(query)
        order = sorted(range(len(seen)), key=lambda row: (-scores[row], seen[row]))[:top]
        return [(seen[row], float(scores[row])) for row in order]

    def __len__(self) -> int:
        return len(self._rows)


class Graph:
    """usearch in this process: answers without looking at all. Where few are seen, it looks at those one by one."""

    FEW = 20_000
    """So many of one owner are looked at exactly: quicker than a graph that must pass by all the others."""

    def __init__(self, dim: int, *, dtype: str = "f32", expansion: int = 256) -> None:
        from usearch.index import Index

        self._index: Any = Index(ndim=dim, metric="ip", dtype=dtype, expansion_add=128, expansion_search=expansion)
        self._key: dict[str, int] = {}
        self._id: list[str] = []
        self._own: dict[str, set[int]] = {}

    def put(self, ids: Sequence[str], vectors: Vectors, owners: Sequence[Sequence[str]]) -> None:
        self.remove(ids)
        keys = np.arange(len(self._id), len(self._id) + len(ids), dtype=np.uint64)
        self._index.add(keys, sound(vectors))
        for id, key, mine in zip(ids, map(int, keys), owners, strict=True):
            self._key[id] = key
            self._id.append(id)
            for owner in mine:
                self._own.setdefault(owner, set()).add(key)

    def remove(self, ids: Sequence[str]) -> None:
        for id in ids:
            key = self._key.pop(id, None)
            if key is not None:
                self._index.remove(key)
                for keys in self._own.values():
                    keys.discard(key)

    def search(self, query: Vectors, top: int, *, owners: Sequence[str] | None = None) -> Found:
        asked = sound(query)
        if not self._key:
            return []
        if owners is None:
            return self._nearest(asked, top)
        seen = set().union(*(self._own.get(owner, set()) for owner in owners))
        if len(seen) <= self.FEW:
            keys = sorted(seen)
            return self._best(keys, self._index.get(np.array(keys, dtype=np.uint64)) @ asked, top) if keys else []
        wanted = top
        while True:  # further out until enough of what may be seen was met
            found = [pair for pair in self._nearest(asked, wanted) if self._key[pair[0]] in seen]
            if len(found) >= top or wanted >= len(self._key):
                return found[:top]
            wanted *= 4

    def _nearest(self, asked: Vectors, top: int) -> Found:
        found = self._index.search(asked, min(top, len(self._key)))
        keys = [int(key) for key in found.keys]
        return self._best(keys, 1.0 - np.asarray(found.distances, dtype=np.float64), top)

    def _best(self, keys: Sequence[int], scores: NDArray[np.floating], top: int) -> Found:
        order = sorted(range(len(keys)), key=lambda row: (-scores[row], self._id[keys[row]]))[:top]
        return [(self._id[keys[row]], float(scores[row])) for row in order]

    def __len__(self) -> int:
        return len(self._key)
