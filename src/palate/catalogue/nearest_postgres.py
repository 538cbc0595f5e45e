"""An index in the home's own Postgres, by the extension pgvector: a table a space, and a graph (HNSW) over it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from palate.catalogue import postgres
from palate.catalogue.database import Database
from palate.catalogue.nearest import Found, Vectors, sound
from palate.catalogue.records import digest
from palate.errors import PalateError

EXTENSION = "vector"
CANDIDATES = 200
"""Rows that the graph weighs for a question (`hnsw.ef_search`); pgvector's own 40 finds too few of the best."""
WIDEST = 2000
"""Coordinates that its graph can index; wider spaces are looked at row by row."""


class PostgresNearest:
    """The filter stands in the query itself; the graph goes on until enough rows pass it (pgvector 0.8)."""

    def __init__(self, database: Database, space: str, dim: int) -> None:
        self._database = database
        self._table = f"nearest_{digest('nearest', space)[:16]}"
        with database.read() as connection:
            there = connection.execute(text("SELECT to_regclass(:name)"), {"name": self._table}).scalar()
        if there is None:
            self._make(dim)

    def _make(self, dim: int) -> None:
        statements = [
            f"CREATE EXTENSION IF NOT EXISTS {EXTENSION}",
            (
                f"CREATE TABLE IF NOT EXISTS {self._table} "
                f'(id text COLLATE "C" PRIMARY KEY, owners text[] NOT NULL, data vector({dim}) NOT NULL)'
            ),
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {self._table} TO {postgres.ROLE}",
        ]
        if dim <= WIDEST:
            statements.append(
                f"CREATE INDEX ON {self._table} USING hnsw (data vector_ip_ops) WITH (ef_construction = 128)"
            )
        try:
            with self._database.write() as connection:
                postgres.as_owner(connection)
                for statement in statements:
                    connection.execute(text(statement))
        except DBAPIError as error:
            raise PalateError(
                "index_unavailable",
                f"this Postgres has no extension `{EXTENSION}`",
                about="index",
                hint="install pgvector",
            ) from error

    def put(self, ids: Sequence[str], vectors: Vectors, owners: Sequence[Sequence[str]]) -> None:
        rows = [
            {"id": id, "owners": list(mine), "data": _written(row)}
            for id, row, mine in zip(ids, sound(vectors), owners, strict=True)
        ]
        put = f"""
            INSERT INTO {self._table} (id, owners, data) VALUES (:id, :owners, CAST(:data AS vector))
            ON CONFLICT (id) DO UPDATE SET owners = excluded.owners, data = excluded.data
        """  # noqa: S608 - a name of ours
        if rows:
            with self._database.write(beside=True) as connection:
                connection.execute(text(put), rows)

    def remove(self, ids: Sequence[str]) -> None:
        remove = text(f"DELETE FROM {self._table} WHERE id = ANY(:ids)")  # noqa: S608
        with self._database.write(beside=True) as connection:
            connection.execute(remove, {"ids": list(ids)})

    def search(self, query: Vectors, top: int, *, owners: Sequence[str] | None = None) -> Found:
        seen = "" if owners is None else "WHERE owners && :owners"
        ask = f"""
            SELECT id, -(data <#> CAST(:query AS vector)) FROM {self._table} {seen}
            ORDER BY data <#> CAST(:query AS vector) LIMIT :top
        """  # noqa: S608
        named = {} if owners is None else {"owners": list(owners)}
        with self._database.read() as connection:
            connection.execute(text(f"SET LOCAL hnsw.ef_search = {min(1000, max(CANDIDATES, top))}"))
            connection.execute(text("SET LOCAL hnsw.iterative_scan = strict_order"))
            rows = connection.execute(text(ask), {"query": _written(sound(query)), "top": top, **named}).all()
        return sorted(((row[0], float(row[1])) for row in rows), key=lambda pair: (-pair[1], pair[0]))

    def __len__(self) -> int:
        with self._database.read() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {self._table}")).scalar_one())  # noqa: S608


def _written(row: Vectors) -> str:
    return "[" + ",".join(f"{value:.9g}" for value in row) + "]"
