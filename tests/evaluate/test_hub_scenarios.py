"""Scenarios that look into a hub: four fakes that differ in their ground, each drawn fifteen times."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from palate.catalogue import models as model_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Model, Prompt
from palate.evaluate import hub_lists
from palate.evaluate.fairness import exposure
from palate.evaluate.identification import Construction, evaluate_identification
from palate.evaluate.picture_sets import evaluate_pictures, of_home, save_pictures
from palate.generators.protocol import Generator
from palate.settings import Settings
from palate.specify import executors
from palate.testing.fakes import FakeEncoder, FakeGenerator

GROUNDS = {"white": "ada", "black": "ada", "yellow": "ben", "blue": "ben"}
KNOWN = tuple(Prompt(f"a {c} {s}") for c in ("red", "green", "purple") for s in ("circle", "square", "cross"))
ASKED = tuple(Prompt(f"one {c} {s}") for c in ("red", "green") for s in ("triangle", "square", "circle"))


def generator(model: Model, _base: Model | None, _device: str) -> Generator:
    return FakeGenerator(model.name, ground=model.name)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home.create(tmp_path / "home")
    with made.write() as connection:
        model_rows.put(
            connection,
            [Model(g, g, "pipeline", f"fake://{g}", downloads=1, maker=maker) for g, maker in GROUNDS.items()],
        )
    monkeypatch.setattr(executors, "generator_for", generator)
    monkeypatch.setattr("palate.importers.models.quick_check", lambda _model: None)
    evaluate_identification(made, Settings(), FakeEncoder, Construction(1, KNOWN, ASKED))
    return made


def test_sets_of_a_hubs_pictures_are_compared_and_some_are_shown(home: Home, tmp_path: Path) -> None:
    drawn = of_home(home, Settings().encoder)
    report = evaluate_pictures(drawn, models=4, out=tmp_path / "run")
    assert report.cases == 4
    # Equal prompts on other grounds: further from the others than two mixed sets are from each other.
    assert report.metrics["models/fid"].value > report.metrics["floor/fid"].value
    assert save_pictures(home, Settings(), drawn, tmp_path / "run") == 4
    files = sorted((tmp_path / "run" / "pictures").glob("*.png"))
    assert sorted(file.stem.partition("-")[2] for file in files) == sorted(GROUNDS)
    with Image.open(files[0]) as picture:
        assert max(picture.size) <= 128


def test_a_hubs_own_lists_and_makers(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_lists, "open_encoder", lambda *_, **__: FakeEncoder())
    shown, makers, find = hub_lists.hub_lists(home.folder, ("a red circle", "a green square"))
    assert makers == GROUNDS
    assert [sorted(one) for one in shown] == [sorted(GROUNDS)] * 2
    assert sorted(find("a blue cross")) == sorted(GROUNDS)
    # All four are shown to everybody, two of each maker: nobody is shown less.
    assert exposure(shown, makers)["makers/exposure_gap"].value == 0.0
