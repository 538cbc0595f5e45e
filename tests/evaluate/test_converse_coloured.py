"""Colours as critiques: what a picture's pixels say, what was drawn as it was asked for, and who is meant by "red"."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from palate.evaluate import converse_coloured
from palate.evaluate.converse_banked import answers_of
from palate.evaluate.converse_coloured import GRID, HUES, SEEDS, asked_of, coloured, hue_of

PAINT = {"red": (230, 30, 30), "orange": (250, 150, 20), "yellow": (250, 230, 30), "green": (30, 160, 40)}
PAINT |= {"blue": (30, 110, 230), "purple": (130, 40, 190)}
RNG = np.random.default_rng(0)
WORDS = (*converse_coloured.THINGS, *HUES, "winter")
PARTS = dict(zip(WORDS, np.linalg.qr(RNG.standard_normal((24, 24)))[0], strict=False))


def painted(*parts: tuple[int, int, int], ground: str = "white") -> Image.Image:
    """Stripes of equal width on half of a picture."""
    picture = Image.new("RGB", (64, 64), ground)
    for at, colour in enumerate(parts):
        ImageDraw.Draw(picture).rectangle((16 + 32 * at // len(parts), 16, 47, 47), fill=colour)
    return picture


@pytest.mark.parametrize("colour", PAINT)
def test_a_picture_is_of_the_colour_that_most_of_it_has(colour: str) -> None:
    assert hue_of(np.asarray(painted(PAINT[colour]))) == colour
    assert hue_of(np.asarray(painted(PAINT[colour], PAINT[colour], (0, 0, 0)))) == colour


def test_grey_half_and_hardly_coloured_pictures_are_of_none() -> None:
    assert hue_of(np.asarray(painted((90, 90, 90)))) == ""
    assert hue_of(np.asarray(painted(PAINT["red"], PAINT["blue"]))) == ""
    assert hue_of(np.asarray(painted(PAINT["red"], *[(0, 0, 0)] * 5))) == ""
    assert hue_of(np.asarray(painted())) == ""


def test_what_is_asked_is_said_as_the_prompts_that_ship_say_it() -> None:
    assert asked_of("apple", "red") == "an icon of a red apple"
    assert asked_of("apple", "") == "an icon of an apple"
    assert asked_of("house", "in winter") == "an icon of a house in winter"


class Sums:
    """Words are the sum of what they name; a picture is of the thing that its corner says and of its pixels' colour."""

    id = "sums"

    def encode_words(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([_unit([word for word in WORDS if word in text.split()]) for text in texts], np.float32)

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        rows = [np.asarray(picture) for picture in pictures]
        return np.array([_unit([WORDS[int(row[0, 0, 0])], hue_of(row[1:])]) for row in rows], np.float32)


def _unit(words: Sequence[str]) -> NDArray[np.float64]:
    row = sum((PARTS[word] for word in words if word), np.full(24, 1e-3)) + 0.001 * RNG.standard_normal(24)
    found: NDArray[np.float64] = row / np.linalg.norm(row)
    return found


def test_a_case_means_the_pictures_whose_pixels_are_of_the_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two models: one draws every colour but purple, for which it draws grey; the other draws all of them grey."""
    monkeypatch.setattr(converse_coloured, "COLOURFUL", ("able", "grey"))
    for key in ("able", "grey"):
        rows = []
        for thing, said in GRID:
            able = key == "able" and said in PAINT and said != "purple"
            row = np.asarray(painted(PAINT[said] if able else (90, 90, 90))).copy()
            row[0, 0] = WORDS.index(thing)
            rows += [row] * len(SEEDS)
        np.save(tmp_path / f"{key}.npy", np.stack(rows).reshape(len(GRID), len(SEEDS), 64, 64, 3))
    none = np.zeros((2, 24), np.float32)
    none[:, 0] = 1
    bank = SimpleNamespace(
        models=["able", "grey"], starts=(0, 1), broken=np.zeros(2, bool), vectors=lambda r: none[: len(r)]
    )
    pocket: Any = SimpleNamespace(bank=lambda: bank)
    found = coloured(pocket, Sums(), tmp_path)  # type: ignore[arg-type]
    [told] = found.tables.values()
    assert [row["shown"] for row in told[:6]] == ["50.0%"] * 5 + ["0.0%"]
    answers = answers_of(found.pictures, Sums())  # type: ignore[arg-type]
    assert set(answers.sets) == {"able"}
    assert {case.said for case in answers.cases} == set(PAINT) - {"purple"}
    assert all(case.before != case.said for case in answers.cases)
    assert len(answers.cases) == 12 * (5 + 5 * 4)  # plain to five colours, and each colour to the others
    assert (answers.ranks[True]["as the talk does"] == 1).mean() > 0.9
    assert (answers.ranks[True]["words only"] <= 5).mean() < 0.5
