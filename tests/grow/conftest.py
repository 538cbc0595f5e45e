"""A Postgres server of the tests' own, from a wheel; where there is none, what needs it says so and is skipped."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from palate.errors import PalateError
from palate.testing.postgres import own_postgres


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[Callable[..., str]]:
    """Addresses of empty databases."""
    try:
        with own_postgres() as make:
            yield make
    except PalateError as error:
        if error.code != "not_installed":
            raise
        pytest.skip(str(error))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder on no disk where the system has one: for stores whose durability is not what is tested."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="palate-", dir=shared) as folder:
        yield Path(folder)
