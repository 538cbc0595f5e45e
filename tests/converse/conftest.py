"""A home of coloured shapes in which every right answer can be worked out on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from palate.catalogue import models as model_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Model
from palate.studio import Studio
from palate.testing.fakes import FakeEncoder, FakeGenerator

MODELS = (
    Model("m-white", "White", "pipeline", "fake://white", base="SD15", maker="ann", licence="MIT"),
    Model("m-black", "Black", "pipeline", "fake://black", base="SDXL"),
)
SHAPES = ("circle", "square", "triangle")
COLOURS = ("red", "blue", "green", "yellow")


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    grounds = {"White": "white", "Black": "black"}
    monkeypatch.setattr("palate.encoders.opening.open_encoder", lambda *_, **__: FakeEncoder())
    monkeypatch.setattr(
        "palate.specify.executors.generator_for",
        lambda model, *_: FakeGenerator(model.name, ground=grounds[model.name]),
    )
    monkeypatch.setenv("PALATE_HOME", str(tmp_path / "home"))
    home = Home.create(tmp_path / "home")
    with home.write() as connection:
        model_rows.put(connection, list(MODELS))
    home.close()
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(f"a {colour} {shape}" for colour in COLOURS for shape in SHAPES) + "\n")
    opened = Studio.open()
    opened.specify(prompts=prompts, count=1)
    yield opened
    opened.close()
