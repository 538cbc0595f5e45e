"""CGI's survey on fakes that differ in their ground: who asks, what is shown, and who wins is known."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from palate.catalogue.records import Model
from palate.cli.main import app
from palate.errors import PalateError
from palate.evaluate.identification import Benchmark, Place
from palate.evaluate.identification_banked import banked
from palate.evaluate.survey import place_of, places_of, questions, shares, write_survey
from palate.find.specification import Specifications

GROUNDS = ("white", "black", "red", "blue")
TASKS, SEEDS = 6, 2


def show(places: Sequence[Place]) -> list[Image.Image]:
    """A ground a model, a bar whose place is the task's, and whose grey is the seed's."""
    found = []
    for model, task, seed in places:
        picture = Image.new("RGB", (32, 32), GROUNDS[model])
        picture.paste((100 + 40 * seed,) * 3, (4 * task, 8, 4 * task + 3, 24))
        found.append(picture)
    return found


@pytest.fixture
def benchmark() -> Benchmark:
    """Features are the model and the task, so that style and PMI are always right; `white` is downloaded most."""
    eye, rng = np.eye(12), np.random.default_rng(0)
    known = np.array([eye[m] + eye[4 + p % 8] for m in range(4) for p in range(8)]) + rng.normal(0, 0.01, (32, 12))
    tasks = np.array([[[eye[m] + eye[4 + t]] * SEEDS for t in range(TASKS)] for m in range(4)])
    tasks = tasks + rng.normal(0, 0.01, tasks.shape)
    words = np.array([eye[4 + p % 8] for p in range(8)])
    return Benchmark(
        tuple(Model(g, g, "pipeline", f"fake://{g}") for g in GROUNDS),
        Specifications.build(
            list(GROUNDS),
            np.repeat(np.arange(4), 8),
            known,
            prompts=np.tile(words, (4, 1)),
            prompt_ids=[str(p) for p in range(8)] * 4,
            downloads=[9, 3, 2, 1],
            encoder_id="made",
        ),
        (tasks / np.linalg.norm(tasks, axis=-1, keepdims=True)).astype(np.float32),
        np.broadcast_to(words[:TASKS][None, :, None], tasks.shape).astype(np.float32),
        "the true prompts",
        0,
        show,
        tuple(f"task {t}" for t in range(TASKS)),
    )


def test_options_are_of_the_prompt_and_never_the_example_itself(benchmark: Benchmark) -> None:
    rows = questions(benchmark, people=10)
    assert len(rows) == 50
    for row in rows:
        (model, task, seed), *options = places_of(row, benchmark.tasks.shape)
        assert (model, task, seed) == place_of(int(row["task"]), benchmark.tasks.shape)
        assert 2 <= len(options) == len(set(options)), "what several methods name is shown once"
        assert all(one[1:] == (task, 1 - seed) for one in options)
        assert {name for number in range(1, len(options) + 1) for name in row[f"method_{number}"].split("|")} == {
            "popularity", "rkme", "pmi", "style",
        }  # fmt: skip
        assert model != 0, "where the most downloaded model drew it, all methods agree and nobody is asked"


def test_a_program_that_sees_grounds_prefers_who_named_them_and_people_may_say_otherwise(
    benchmark: Benchmark, tmp_path: Path
) -> None:
    found = write_survey(benchmark, tmp_path, people=10)
    assert found["popularity/win_rate"].value == 0.0
    assert found["style/win_rate"].value == pytest.approx(found["pmi/win_rate"].value)
    assert sum(one.value for one in found.values()) == pytest.approx(1.0)
    page = (tmp_path / "survey.html").read_text()
    assert page.count("<fieldset ") == 50
    assert "http" not in page
    for name in {part.partition("'")[0] for part in page.split("src='")[1:]}:
        assert (tmp_path / name).is_file()
    with Image.open(tmp_path / "grid.png") as sheet:
        assert sheet.width > 5 * 96
    assert "<svg" in (tmp_path / "win-rate.svg").read_text()
    with (tmp_path / "survey.csv").open() as file:
        rows = list(csv.DictReader(file))
    place = [next(n for n in "1234" if "popularity" in row[f"method_{n}"].split("|")) for row in rows]
    lines = [f"{row['person']},{row['question']},{at}" for row, at in zip(rows, place, strict=True)]
    (tmp_path / "answers.csv").write_text("\n".join(["person,question,chosen", *lines]) + "\n")
    assert shares(tmp_path, [tmp_path / "answers.csv"])["popularity/win_rate"].value == 1.0


def test_a_judge_answers_first_and_is_compared_with_people(benchmark: Benchmark, tmp_path: Path) -> None:
    def ground(example: Image.Image, options: Sequence[Image.Image]) -> int:
        return next((n for n, one in enumerate(options, 1) if one.getpixel((31, 0)) == example.getpixel((31, 0))), 1)

    found = write_survey(benchmark, tmp_path, people=10, judge=ground)
    assert found["judge/consistent"].value == 1.0
    assert found["style/win_rate"].value == pytest.approx(found["pmi/win_rate"].value)
    again = shares(tmp_path, [tmp_path / "by-judge.csv"])
    assert again == {name: one for name, one in found.items() if name != "judge/consistent"}
    answers = (tmp_path / "by-judge.csv").read_text()
    (tmp_path / "answers.csv").write_text(answers)
    assert shares(tmp_path, [tmp_path / "answers.csv"])["judge/kappa"].value == 1.0


def test_the_command_writes_the_page_and_reads_the_answers(
    benchmark: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("palate.evaluate.identification_banked.banked", lambda **_: benchmark)
    asked = ["evaluate", "survey", str(tmp_path), "--people", "3", "--json"]
    written = CliRunner().invoke(app, asked)
    assert written.exit_code == 0, written.output
    said = json.loads(written.output)["metrics"]
    assert set(said) == {f"{name}/win_rate" for name in ("popularity", "rkme", "pmi", "style")}
    read = CliRunner().invoke(app, ["evaluate", "survey", str(tmp_path), "--answers", str(tmp_path / "by-eye.csv")])
    assert "win rate" in read.output
    assert "program" not in read.output


def test_the_pocket_hubs_bank_is_a_benchmark_whose_tasks_specify_nothing() -> None:
    try:
        found = banked(2, split=1)
    except PalateError as missing:
        pytest.skip(str(missing))
    models, tasks, seeds, wide = found.tasks.shape
    assert (models, tasks, seeds) == (64, 14, 2)
    assert found.known.pictures.shape == (64 * 47, wide)
    words = found.known.prompts[:47]
    assert np.abs(words @ found.captions[0, :, 0].T).max() < 0.9999, "no task prompt is a specification prompt"
    np.testing.assert_allclose(np.linalg.norm(found.tasks, axis=-1), 1.0, atol=1e-5)
