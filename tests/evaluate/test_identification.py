"""The CGI benchmark on fakes that differ in their ground only: the true model is known, and the pictures tell it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from palate.catalogue import models as model_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Model, Prompt
from palate.errors import PalateError
from palate.evaluate.identification import Construction, evaluate_identification, picture_sets
from palate.generators.protocol import Generator
from palate.settings import Settings
from palate.specify import executors
from palate.testing.fakes import FakeCaptioner, FakeEncoder, FakeGenerator

GROUNDS = ("white", "black", "yellow", "blue")
KNOWN = tuple(Prompt(f"a {c} {s}") for c in ("red", "green", "purple") for s in ("circle", "square", "cross"))
ASKED = tuple(Prompt(f"one {c} {s}") for c in ("red", "green") for s in ("triangle", "square", "circle"))


def generator(model: Model, _base: Model | None, _device: str) -> Generator:
    return FakeGenerator(model.name, ground=model.name)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    made = Home.create(tmp_path / "home")
    with made.write() as connection:
        rows = [Model(g, g, "pipeline", f"fake://{g}", downloads=n) for n, g in enumerate(GROUNDS)]
        model_rows.put(connection, rows)
    monkeypatch.setattr(executors, "generator_for", generator)
    monkeypatch.setattr("palate.importers.models.quick_check", lambda _model: None)
    return made


@pytest.mark.parametrize("captioner", [None, FakeCaptioner()])
def test_models_that_draw_on_different_grounds_are_all_identified(home: Home, captioner: FakeCaptioner | None) -> None:
    construction = Construction(2, KNOWN, ASKED)
    report = evaluate_identification(home, Settings(), FakeEncoder, construction, captioner=captioner)
    assert report.cases == 4 * 6 * 2
    for method in ("style", "pmi", "mms"):
        assert report.metrics[f"{method}/top1@1"].value == 1.0
        assert report.metrics[f"{method}/rank@6"].value == 1.0
        assert report.metrics[f"{method}/fid@1"].value == pytest.approx(0.0, abs=1e-6)
    assert report.metrics["popularity/top1@1"].value == 0.25
    assert report.metrics["popularity/fid@1"].value > 0.01
    assert report.metrics["style-pmi/top1@1"].ci95 == (0.0, 0.0)
    assert len(report.tables) == 3


def test_the_run_is_a_folder_of_plain_files(home: Home) -> None:
    report = evaluate_identification(home, Settings(), FakeEncoder, Construction(1, KNOWN, ASKED))
    folder = Path(report.run or "")
    assert len((folder / "cases.jsonl").read_text().splitlines()) == report.cases == 24
    assert json.loads((folder / "summary.json").read_text())["metrics"].keys() == report.metrics.keys()
    assert "captions" in json.loads((folder / "specification.json").read_text())


def test_a_prompt_on_both_sides_is_refused(home: Home) -> None:
    with pytest.raises(PalateError, match="1 prompts are both"):
        evaluate_identification(home, Settings(), FakeEncoder, Construction(1, KNOWN, (*ASKED, KNOWN[0])))


def test_several_pictures_are_of_one_model_and_of_different_prompts_first() -> None:
    models, tasks, seeds = 3, 5, 2
    sets = picture_sets((models, tasks, seeds), 4)
    assert sets.shape == (30, 4)
    assert (sets[:, 0] == range(30)).all()
    assert (sets // (tasks * seeds) == (sets[:, :1] // (tasks * seeds))).all()
    prompts = sets % (tasks * seeds) // seeds
    assert all(len(set(row)) == 4 for row in prompts.tolist())
