"""Processes that run `palate` in forks of themselves, and hubs for them to draw."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from palate.studio import Studio
from palate.testing.killing import Warm, fake_home


@pytest.fixture(scope="session")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warm]:
    """Commands with fakes for encoder and generators."""
    warm = Warm(tmp_path_factory.mktemp("fakes") / "log", "--fakes")
    yield warm
    warm.close()


@pytest.fixture
def slow_fakes(tmp_path: Path) -> Iterator[Warm]:
    """The same, a fifth of a second a picture."""
    warm = Warm(tmp_path / "slow.log", "--fakes", FAKE_SECONDS="0.2")
    yield warm
    warm.close()


@pytest.fixture(scope="session")
def _fake_hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    fake_home(folder / "home")
    (folder / "prompts.txt").write_text("a red circle\na blue square\n")
    return folder


@pytest.fixture
def fake_hub(_fake_hub: Path, tmp_path: Path) -> Callable[[str], list[str]]:
    """Copies of a hub by name; answers the command that specifies it."""

    def copy(name: str) -> list[str]:
        shutil.copytree(_fake_hub / "home", tmp_path / name)
        return ["specify", "--hub", str(tmp_path / name), "--prompts", str(_fake_hub / "prompts.txt")]

    return copy


@pytest.fixture(scope="session")
def tiny_hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a real tiny `home` in which nothing is drawn yet."""
    from palate.testing.worlds import build_tiny_world

    folder = tmp_path_factory.mktemp("tiny")
    build_tiny_world(folder / "world", loras=3)
    studio = Studio.create(str(folder / "home"))
    studio.config_set("encoder", str(folder / "world" / "clip"))
    studio.config_set("steps", "2")
    studio.add_models(folder / "world" / "pipeline")
    studio.add_models(folder / "world" / "loras")
    studio.close()
    return folder
