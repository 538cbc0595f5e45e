"""What every encoder, generator and captioner must keep to. The test of a new one is four lines:

class TestMine(EncoderContract):
    def build(self) -> Encoder:
        return MyEncoder(...)
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import Image

from palate.encoders.protocol import Encoder
from palate.errors import PalateError
from palate.generators.protocol import Generator, Order
from palate.testing.shapes import draw_shape
from palate.writers.protocol import Captioner


def some_pictures(size: int = 48) -> list[Image.Image]:
    things = [("circle", "red"), ("square", "blue"), ("triangle", "green"), ("cross", "yellow"), ("circle", "purple")]
    return [draw_shape(shape, colour, size=size) for shape, colour in things]


class EncoderContract:
    """Override `build`. `near` is the cosine that one picture's vectors keep to, whatever batch it comes in."""

    near: ClassVar[float] = 0.999

    opened: ClassVar[Encoder]

    def build(self) -> Encoder:
        raise NotImplementedError

    @pytest.fixture
    def encoder(self) -> Encoder:
        cls = type(self)
        if "opened" not in cls.__dict__:  # once a class: opening a large one takes long
            cls.opened = self.build()
        return cls.opened

    def test_it_is_an_encoder(self, encoder: Encoder) -> None:
        assert isinstance(encoder, Encoder)
        assert encoder.name
        assert encoder.id
        assert encoder.dim > 0

    def test_pictures_become_finite_unit_vectors(self, encoder: Encoder) -> None:
        vectors = encoder.encode_pictures(some_pictures())
        assert vectors.shape == (5, encoder.dim)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)

    def test_no_pictures_and_no_words_become_no_vectors(self, encoder: Encoder) -> None:
        assert encoder.encode_pictures([]).shape == (0, encoder.dim)
        if encoder.reads_words:
            assert encoder.encode_words([]).shape == (0, encoder.dim)

    def test_a_vector_is_its_pictures_alone_whatever_batch_it_comes_in(self, encoder: Encoder) -> None:
        pictures = some_pictures()
        together = encoder.encode_pictures(pictures)
        alone = np.concatenate([encoder.encode_pictures([picture]) for picture in pictures])
        assert ((together * alone).sum(1) >= self.near).all()
        assert np.abs(encoder.encode_pictures(pictures[::-1])[::-1] - together).max() < 1e-2

    def test_sizes_shapes_and_modes_may_differ_within_a_batch(self, encoder: Encoder) -> None:
        wide = Image.new("RGB", (90, 20), (200, 10, 10))
        vectors = encoder.encode_pictures([wide, wide.convert("L"), wide.convert("RGBA"), wide.resize((7, 5))])
        assert vectors.shape == (4, encoder.dim)
        assert vectors[0] @ vectors[2] == pytest.approx(1.0, abs=1e-4)

    def test_two_openings_are_one_space(self, encoder: Encoder) -> None:
        assert self.build().id == encoder.id

    def test_words_share_the_space_or_are_refused(self, encoder: Encoder) -> None:
        words = ["a red circle", "", "ünïcode ☃ \u202e", "red " * 5000]
        if not encoder.reads_words:
            with pytest.raises(PalateError) as caught:
                encoder.encode_words(words)
            assert caught.value.code == "no_words"
            return
        vectors = encoder.encode_words(words)
        assert vectors.shape == (4, encoder.dim)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
        assert encoder.cut(words) == [False, False, False, True]


class GeneratorContract:
    """Override `build`; `settings` are what makes an order cheap, `exact` is False where pictures need not repeat."""

    settings: ClassVar[dict[str, Any]] = {}
    exact: ClassVar[bool] = True

    opened: ClassVar[Generator]

    def build(self) -> Generator:
        raise NotImplementedError

    @pytest.fixture
    def generator(self) -> Generator:
        cls = type(self)
        if "opened" not in cls.__dict__:  # once a class: opening a large one takes long
            cls.opened = self.build()
        return cls.opened

    def orders(self) -> list[Order]:
        words = ["a red circle", "a blue square", "a red circle", "a green triangle", "a painting of the sea"]
        return [Order(text, seed, **self.settings) for seed, text in enumerate(words)]

    def test_it_is_a_generator(self, generator: Generator) -> None:
        assert isinstance(generator, Generator)
        assert generator.name
        assert generator.batch >= 1

    def test_it_draws_one_picture_an_order(self, generator: Generator) -> None:
        pictures = generator.draw(self.orders())
        assert len(pictures) == 5
        assert {picture.mode for picture in pictures} == {"RGB"}
        assert generator.draw([]) == []

    def test_the_seed_alone_decides_whatever_batch_it_comes_in(self, generator: Generator) -> None:
        if not self.exact:
            pytest.skip("a remote endpoint promises no equal pictures")
        orders = self.orders()
        together = [picture.tobytes() for picture in generator.draw(orders)]
        assert [generator.draw([order])[0].tobytes() for order in orders] == together
        assert [picture.tobytes() for picture in generator.draw(orders[::-1])] == together[::-1]
        assert [picture.tobytes() for picture in generator.draw(orders[1:4])] == together[1:4]

    def test_another_seed_is_another_picture(self, generator: Generator) -> None:
        one, other = generator.draw([Order("a red circle", seed, **self.settings) for seed in (1, 2)])
        assert one.tobytes() != other.tobytes()

    def test_a_freshly_opened_one_draws_the_same(self, generator: Generator) -> None:
        if not self.exact:
            pytest.skip("a remote endpoint promises no equal pictures")
        other = self.build()
        orders = self.orders()[:2]
        assert [p.tobytes() for p in other.draw(orders)] == [p.tobytes() for p in generator.draw(orders)]
        other.close()
        other.close()


class CaptionerContract:
    """Override `build`."""

    opened: ClassVar[Captioner]

    def build(self) -> Captioner:
        raise NotImplementedError

    @pytest.fixture
    def captioner(self) -> Captioner:
        cls = type(self)
        if "opened" not in cls.__dict__:  # once a class: opening a large one takes long
            cls.opened = self.build()
        return cls.opened

    def test_it_is_a_captioner(self, captioner: Captioner) -> None:
        assert isinstance(captioner, Captioner)
        assert captioner.name

    def test_each_picture_gets_one_clean_line(self, captioner: Captioner) -> None:
        captions = captioner.caption(some_pictures())
        assert len(captions) == 5
        for text in captions:
            assert text == " ".join(text.split())
            assert text.isprintable()
        assert captioner.caption([]) == []
