"""An index in Qdrant: a collection a space.

`qdrant://host:6333` is a server; `qdrant+file:///folder` and `qdrant+memory:` are its client's own small store.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from typing import Any

from palate.catalogue.nearest import Found, Vectors, sound
from palate.catalogue.records import digest
from palate.errors import PalateError

POINTS_AT_ONCE = 500
CANDIDATES = 200


def is_qdrant(place: str) -> bool:
    return place.startswith(("qdrant://", "qdrants://", "qdrant+file://", "qdrant+memory:"))


def open_client(place: str) -> Any:
    """`qdrants://` speaks TLS; a key comes from QDRANT_API_KEY."""
    try:
        from qdrant_client import QdrantClient
    except ImportError as error:
        raise PalateError(
            "not_installed", "Qdrant needs the package qdrant-client", hint='pip install "palate[qdrant]"'
        ) from error
    if place.startswith("qdrant+memory:"):
        return QdrantClient(":memory:")
    if place.startswith("qdrant+file://"):
        return QdrantClient(path=place.removeprefix("qdrant+file://"))
    scheme = "https" if place.startswith("qdrants://") else "http"
    return QdrantClient(f"{scheme}://{place.partition('://')[2]}", api_key=os.environ.get("QDRANT_API_KEY"))


class QdrantNearest:
    """The filter is part of the search: Qdrant's graph passes only by points that may be seen."""

    def __init__(self, client: Any, space: str, dim: int) -> None:
        from qdrant_client import models

        self._client, self._models = client, models
        self._name = f"palate-{digest('nearest', space)[:16]}"
        if not client.collection_exists(self._name):
            how = models.VectorParams(size=dim, distance=models.Distance.DOT)
            client.create_collection(self._name, vectors_config=how)
            if not _is_local(client):
                client.create_payload_index(self._name, "owners", models.PayloadSchemaType.KEYWORD)

    def put(self, ids: Sequence[str], vectors: Vectors, owners: Sequence[Sequence[str]]) -> None:
        rows = sound(vectors)
        points = [
            self._models.PointStruct(id=_point(id), vector=row.tolist(), payload={"id": id, "owners": list(mine)})
            for id, row, mine in zip(ids, rows, owners, strict=True)
        ]
        for start in range(0, len(points), POINTS_AT_ONCE):
            self._client.upsert(self._name, points[start : start + POINTS_AT_ONCE], wait=True)

    def remove(self, ids: Sequence[str]) -> None:
        if ids:
            chosen = self._models.PointIdsList(points=[_point(id) for id in ids])
            self._client.delete(self._name, chosen, wait=True)

    def search(self, query: Vectors, top: int, *, owners: Sequence[str] | None = None) -> Found:
        models, seen = self._models, None
        if owners is not None:
            mine = models.FieldCondition(key="owners", match=models.MatchAny(any=list(owners)))
            seen = models.Filter(must=[mine])
        how = None if _is_local(self._client) else models.SearchParams(hnsw_ef=max(CANDIDATES, top))
        asked = sound(query).tolist()
        found = self._client.query_points(self._name, asked, query_filter=seen, limit=top, search_params=how)
        pairs = [(str(point.payload["id"]), float(point.score)) for point in found.points]
        return sorted(pairs, key=lambda pair: (-pair[1], pair[0]))

    def __len__(self) -> int:
        return int(self._client.count(self._name, exact=True).count)


def _point(id: str) -> str:
    """Qdrant names points by UUIDs."""
    return str(uuid.UUID(hex=digest("point", id)))


def _is_local(client: Any) -> bool:
    return type(client._client).__name__ == "QdrantLocal"
