"""Pictures begun from pictures: the same weights, how far a strength leaves the first one, and who says they cannot."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.generators import changing, loading
from palate.generators.diffusers_pipeline import DiffusersGenerator
from palate.generators.opening import open_generator
from palate.generators.protocol import Order
from palate.testing.worlds import build_tiny_pipeline


@pytest.fixture
def generator(tmp_path: Path) -> DiffusersGenerator:
    build_tiny_pipeline(tmp_path / "pipeline")
    opened = open_generator(Model("base", "tiny", "pipeline", str(tmp_path / "pipeline"), base="SD15"))
    assert isinstance(opened, DiffusersGenerator)
    return opened


def half_and_half() -> bytes:
    picture = Image.new("RGB", (64, 64), (230, 30, 30))
    picture.paste((20, 40, 220), (0, 0, 32, 64))
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def test_a_picture_is_changed_more_where_more_is_asked(generator: DiffusersGenerator) -> None:
    start = half_and_half()
    orders = [Order("a red circle", 3, steps=10, start=start, strength=far) for far in (0.1, 0.5, 1.0)]
    little, more, wholly = (np.asarray(one, dtype=float) for one in generator.draw(orders))
    again, plain = generator.draw([orders[0], Order("a red circle", 3, steps=10)])
    assert np.asarray(again, dtype=float) == pytest.approx(little)
    assert little.shape == np.asarray(plain).shape

    def away(one: np.ndarray) -> float:
        return float(np.abs(one - little).mean())

    assert 0 < away(more) < away(wholly)
    base = generator._opened()
    assert base.changer.unet is base.pipeline.unet
    loading.forget_bases()


@pytest.mark.parametrize(
    ("size", "side", "fit"), [((300, 100), 64, (112, 32)), ((64, 64), 64, (64, 64)), ((1, 900), 64, (16, 1920))]
)
def test_a_picture_keeps_its_shape_at_the_size_a_model_draws(
    size: tuple[int, int], side: int, fit: tuple[int, int]
) -> None:
    assert changing.fitted(size, side) == fit


def test_what_draws_elsewhere_from_words_alone_says_so() -> None:
    elsewhere = open_generator(Model("far", "Far", "endpoint", "a1111+http://127.0.0.1:1#x"))
    with pytest.raises(PalateError, match="words only") as refused:
        elsewhere.draw([Order("a red circle", 1, start=half_and_half())])
    assert refused.value.code == "cannot_edit"
