"""The stand-ins keep to the contracts, and their cosines and their ranking are the ones worked out on paper."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from palate.encoders.protocol import Encoder
from palate.generators.protocol import Generator, Order
from palate.testing.contracts import CaptionerContract, EncoderContract, GeneratorContract
from palate.testing.fakes import AXES, FakeCaptioner, FakeEncoder, FakeGenerator
from palate.testing.shapes import COLOURS, SHAPES, draw_shape
from palate.writers.protocol import Captioner


class TestFakeEncoder(EncoderContract):
    def build(self) -> Encoder:
        return FakeEncoder()


class TestFakePictureEncoder(EncoderContract):
    def build(self) -> Encoder:
        return FakeEncoder("pictures only", reads_words=False)


class TestFakeGenerator(GeneratorContract):
    def build(self) -> Generator:
        return FakeGenerator()


class TestFakeCaptioner(CaptionerContract):
    def build(self) -> Captioner:
        return FakeCaptioner()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [32, 64, 100])
def test_every_shape_is_seen_for_what_it_is_at_any_place(shape: str, size: int) -> None:
    rng = np.random.default_rng(size)
    for _ in range(20):
        centre, radius = (
            (float(rng.uniform(0.42, 0.58)), float(rng.uniform(0.42, 0.58))),
            float(rng.uniform(0.22, 0.36)),
        )
        picture = draw_shape(shape, "red", size=size, centre=centre, radius=radius)
        row = FakeEncoder().encode_pictures([picture])[0]
        seen = {name: value for name, value in zip(AXES, row, strict=True) if value}
        assert seen == pytest.approx({"red": 1 / 1.5, shape: 1 / 1.5, "on white": 0.5 / 1.5})


def test_cosines_are_the_ones_on_paper() -> None:
    encoder = FakeEncoder()
    words = encoder.encode_words(["a red circle"])[0]
    things = [("circle", "red"), ("bar", "red"), ("circle", "grey"), ("bar", "grey")]
    pictures = encoder.encode_pictures([draw_shape(shape, colour) for shape, colour in things])
    full, half = 2 / (1.5 * math.sqrt(2)), 1 / (1.5 * math.sqrt(2))
    assert pictures @ words == pytest.approx([full, half, half, 0.0], abs=1e-6)


def test_who_knows_more_words_ranks_higher() -> None:
    generators = {
        "both": FakeGenerator("both", ground="yellow"),
        "colour": FakeGenerator("colour", knows={"red"}),
        "shape": FakeGenerator("shape", knows={"circle", "blue"}),
        "neither": FakeGenerator("neither", knows={"green", "square"}),
    }
    encoder, order = FakeEncoder(), Order("a red circle", 7)
    words = encoder.encode_words([order.text])[0]
    scores = {name: float(encoder.encode_pictures(who.draw([order]))[0] @ words) for name, who in generators.items()}
    assert scores["both"] > scores["colour"] == pytest.approx(scores["shape"])
    assert scores["shape"] > scores["neither"] == 0.0


def test_a_flat_picture_has_a_ground_and_nothing_on_it() -> None:
    row = FakeEncoder().encode_pictures([Image.new("RGB", (9, 9), COLOURS["blue"])])[0]
    assert row[AXES.index("on blue")] == 1.0


def test_captions_name_what_is_seen() -> None:
    assert FakeCaptioner().caption([draw_shape("cross", "orange")]) == ["a orange cross"]
