"""A small library that is served: shapes drawn by three models, and people to ask for them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from serving_world import World, build_home

from palate.catalogue.home import Home, Places
from palate.catalogue.moving import move
from palate.errors import PalateError
from palate.testing.postgres import own_postgres


@pytest.fixture(scope="session")
def built_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "home"
    build_home(folder)
    return folder


@pytest.fixture
def world(built_home: Path, tmp_path: Path) -> Iterator[World]:
    """A library of one's own, served without a socket."""
    shutil.copytree(built_home, tmp_path / "home")
    with World(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def world_in_postgres(built_home: Path, tmp_path: Path) -> Iterator[World]:
    """The same library, whose rows were moved to a server and whose pictures to a store of objects."""
    shutil.copytree(built_home, tmp_path / "home")
    try:
        with own_postgres() as make:
            with closing(Home.open(tmp_path / "home")) as home:
                move(home, Places(make(), f"file://{tmp_path}/objects"))
            with World(tmp_path / "home") as opened:
                yield opened
    except PalateError as error:
        if error.code != "not_installed":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def shared_world(built_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """For tests that change nothing that another one looks at."""
    folder = tmp_path_factory.mktemp("shared") / "home"
    shutil.copytree(built_home, folder)
    with World(folder) as opened:
        yield opened
