"""Ranking by style among many: the same answers as of a hub in memory, whatever changed since the files were made."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palate.catalogue import models, outbox, pictures, vectors
from palate.catalogue.home import CELLS, HERE, Home, Places
from palate.catalogue.records import Credit, Drawing, Model, Picture, Prompt
from palate.catalogue.vectors import Space
from palate.find import asking, many
from palate.find.filters import Filters
from palate.find.many import ManyStyles
from palate.find.requirement import Asked
from palate.ranking import Ranking
from palate.settings import Settings

SPACE = Space("made-up", "made-up", 16, reads_words=False)
MODELS, PROMPTS, EACH = 60, 8, 4
PROMPT = [Prompt(f"prompt {number}") for number in range(PROMPTS)]


def unit(rows: Any) -> Any:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


RNG = np.random.default_rng(0)
STYLE, CONTENT = RNG.standard_normal((MODELS, 16)), 2 * RNG.standard_normal((PROMPTS, 16))


def draw(home: Home, model: str, style: Any, name: str, count: int = EACH) -> None:
    rng = np.random.default_rng([ord(letter) for letter in model + name])
    ids = [f"p-{model}-{name}{number}" for number in range(count)]
    asked = rng.integers(PROMPTS, size=count)
    rows = unit(style + CONTENT[asked] + rng.standard_normal((count, 16)))
    credit = (Credit("", "checkpoint", model_id=model),)
    with home.write() as connection:
        pictures.put(connection, [Picture(id, 64, 64, "PNG", 1) for id in ids])
        drawn = [Drawing(f"d{id}", id, "imported", credit, PROMPT[p]) for id, p in zip(ids, asked, strict=True)]
        pictures.put_drawings(connection, drawn)
        vectors.put(connection, SPACE, "picture", ids, rows)


def model_of(number: int) -> Model:
    tags = ("ink",) if number % 3 == 0 else ("wash", "nude") if number % 7 == 0 else ()
    return Model(
        f"m{number:03d}", f"Model {number}", "listed", f"/m/{number}", base=["SD15", "SDXL"][number % 2], tags=tags
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with closing(Home.create(tmp_path / "home")) as home:
        with home.write() as connection:
            models.put(connection, [model_of(number) for number in range(MODELS)])
            vectors.put_space(connection, SPACE)
            vectors.put(connection, SPACE, "prompt", [prompt.id for prompt in PROMPT], unit(CONTENT))
        for number in range(MODELS):
            draw(home, f"m{number:03d}", STYLE[number], "a")
    return tmp_path / "home"


def asked(home: Home, picture: str, filters: Filters, top: int = 5) -> Ranking:
    def no_encoder() -> Any:
        raise AssertionError("the picture is here")

    question = asking.put(home, Settings(), no_encoder, Asked(pictures=(picture,)), filters, by="style", top=top)
    return asking.identify(question, by="style").top(top)


def both(folder: Path, filters: Filters, pictures: tuple[str, ...] = ("p-m007-a0", "p-m030-a2")) -> list[Ranking]:
    answers = []
    with closing(Home(folder, Places())) as here, closing(Home(folder, Places(index=CELLS))) as wide:
        for picture in pictures:
            exact, quick = asked(here, picture, filters), asked(wide, picture, filters)
            assert [row.id for row in quick] == [row.id for row in exact]
            for one, other in zip(quick, exact, strict=True):
                assert one.score == pytest.approx(other.score, rel=1e-4, abs=1e-4)
                assert [(r.text, r.pictures) for r in one.reasons] == [(r.text, r.pictures) for r in other.reasons]
            answers.append(quick)
    return answers


@pytest.mark.parametrize(
    "filters",
    [Filters(), Filters("SDXL"), Filters(None, ("INK",)), Filters(safe="moderate"), Filters("SD15", ("wash",))],
)
def test_the_answers_are_those_of_the_whole_hub(folder: Path, filters: Filters) -> None:
    assert all(len(answer) for answer in both(folder, filters))


def test_where_nothing_passes_the_filters_nothing_is_answered(folder: Path) -> None:
    with closing(Home(folder, Places(index=CELLS))) as wide:
        assert len(asked(wide, "p-m007-a0", Filters("Pony"))) == 0


def test_models_placed_by_what_half_of_them_taught_are_found_as_surely(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(many, "TEACHING", MODELS // 2)
    with closing(Home(folder, Places(HERE))) as here, closing(Home(folder, Places(index=CELLS))) as wide:
        found = np.zeros(2)
        for number in range(MODELS):
            picture, right = f"p-m{number:03d}-a1", f"m{number:03d}"
            found += [right in [row.id for row in asked(home, picture, Filters())] for home in (here, wide)]
    assert found[0] > 0.75 * MODELS
    assert found[1] > found[0] - 0.1 * MODELS


def test_what_was_drawn_since_is_known_and_kept_apart_until_the_files_are_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Home(folder, Places(index=CELLS))) as home:
        styles = ManyStyles.open(home, SPACE)
        with home.write() as connection:
            models.put(connection, [model_of(100)])
        draw(home, "m100", 3 * STYLE[5], "new")
        styles.refresh()
        query = styles.style.query(unit(3 * STYLE[5][None]))
        assert styles.nearest(query, Filters(), 3)[0] == "m100"
        assert "m100" not in styles.nearest(query, Filters("SDXL"), 50)
        draw(home, "m007", 9 * STYLE[5], "turned", 40)  # it draws otherwise from now on
        styles.refresh()
        assert styles.nearest(query, Filters(), 1) == ["m007"]
        monkeypatch.setattr(many, "LEAST_FRESH", 1)
        monkeypatch.setattr(many, "MOST_FRESH", 0.0)
        assert styles.due
        again = ManyStyles.open(home, SPACE)
        assert len(again) == MODELS + 1
        with home.read() as connection:
            assert outbox.waiting(connection) == 0
    both(folder, Filters())


def test_a_model_whose_pictures_are_gone_is_not_answered(folder: Path) -> None:
    with closing(Home(folder, Places(index=CELLS))) as home:
        assert asked(home, "p-m007-a0", Filters()).rows[0].id == "m007"
        with home.write() as connection:
            connection.exec_driver_sql(
                "DELETE FROM vectors WHERE thing_id LIKE 'p-m007-a%' AND thing_id != 'p-m007-a0'"
            )
            connection.exec_driver_sql("DELETE FROM credits WHERE model_id = 'm007'")
            connection.exec_driver_sql("DELETE FROM vectors WHERE thing_id = 'p-m009-a0'")
        assert "m007" not in [row.id for row in asked(home, "p-m007-a0", Filters(), 40)]


@pytest.mark.parametrize("harm", ["now.json", "ids.npy", "cells"])
def test_damaged_files_are_made_again(folder: Path, harm: str) -> None:
    import shutil

    both(folder, Filters())
    [at] = (folder / "derived").glob("styles-*")
    for path in at.rglob(harm):
        shutil.rmtree(path) if path.is_dir() else path.write_bytes(b"\x00")
    both(folder, Filters())


def test_after_another_index_was_fed_the_files_are_made_again(folder: Path) -> None:
    both(folder, Filters())
    with closing(Home(folder, Places(index="qdrant+memory:"))) as home:
        home.nearest(SPACE)
        with home.read() as connection:
            assert outbox.state(connection) == outbox.FED
    both(folder, Filters())
    with closing(Home(folder)) as home, home.read() as connection:
        assert outbox.state(connection) == outbox.LEFT
