"""A picture is brought to a network's size exactly as the network's own code does, or squashed whole as GEMRec does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from palate.encoders.preprocessing import Fit, Preprocessing, read_preprocessing
from palate.errors import PalateError


def noise(width: int, height: int) -> Image.Image:
    values = np.random.default_rng(width * height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(values)


def pixels_of(preprocessing: Preprocessing, picture: Image.Image) -> np.ndarray[Any, Any]:
    return preprocessing.normalised(torch.from_numpy(preprocessing.stacked([picture])))[0].numpy()


@pytest.mark.parametrize("size", [(64, 64), (100, 60), (37, 91), (20, 20)])
@pytest.mark.parametrize(("shortest", "crop"), [(32, 32), (40, 32)])
def test_cropping_equals_the_library_s_own(tmp_path: Path, size: tuple[int, int], shortest: int, crop: int) -> None:
    from transformers import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil(size={"shortest_edge": shortest}, crop_size={"height": crop, "width": crop})
    processor.save_pretrained(tmp_path)
    ours = read_preprocessing(tmp_path, {}, "crop", own="squash")
    picture = noise(*size)
    expected = processor(picture, return_tensors="np")["pixel_values"][0]
    assert np.abs(pixels_of(ours, picture) - expected).max() < 1e-5


@pytest.mark.parametrize("size", [(64, 64), (100, 60), (37, 91)])
def test_squashing_equals_siglip_s_own(tmp_path: Path, size: tuple[int, int]) -> None:
    from transformers import SiglipImageProcessorPil

    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    processor.save_pretrained(tmp_path)
    ours = read_preprocessing(tmp_path, {}, None, own="squash")
    assert ours.fit == "squash"
    picture = noise(*size)
    expected = processor(picture, return_tensors="np")["pixel_values"][0]
    assert np.abs(pixels_of(ours, picture) - expected).max() < 1e-5


def test_squashing_keeps_the_edges_that_cropping_loses() -> None:
    wide = Image.new("RGB", (90, 30), (0, 0, 0))
    wide.paste((255, 255, 255), (0, 0, 15, 30))
    squash = Preprocessing(30, 30, "squash", 0, (0.0,) * 3, (1.0,) * 3)
    crop = replace(squash, fit="crop", shortest=30)
    assert pixels_of(squash, wide).mean() == pytest.approx(1 / 6, abs=0.02)
    assert pixels_of(crop, wide).mean() == 0.0


def test_arithmetic_is_the_written_one() -> None:
    ours = Preprocessing(1, 1, "squash", 0, (0.5, 0.0, 0.25), (0.5, 1.0, 0.25))
    assert pixels_of(ours, Image.new("RGB", (1, 1), (255, 51, 0))).ravel() == pytest.approx([1.0, 0.2, -1.0])


@pytest.mark.parametrize(
    ("written", "size", "shortest"),
    [
        ({"size": 224, "crop_size": 224, "do_center_crop": True}, (224, 224), 224),
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}, (224, 224), 256),
        ({"size": {"height": 384, "width": 256}}, (384, 256), 384),
        ({"size": {"shortest_edge": 64}, "do_center_crop": False}, (64, 64), 64),
        ({}, (96, 96), 96),
    ],
)
def test_sizes_are_read_however_they_are_written(
    tmp_path: Path, written: dict[str, Any], size: tuple[int, int], shortest: int
) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(written or {"do_rescale": True}))
    ours = read_preprocessing(tmp_path, {"vision_config": {"image_size": 96}}, "crop", own="squash")
    assert ((ours.height, ours.width), ours.shortest) == (size, shortest)


@pytest.mark.parametrize("fit", ["squash", "crop"])
def test_a_strip_of_pixels_does_no_harm(fit: Fit) -> None:
    ours = Preprocessing(224, 224, fit, 224, (0.0,) * 3, (1.0,) * 3)
    strip = Image.new("RGB", (1, 16_000))
    assert ours.stacked([strip, strip.rotate(90, expand=True), Image.new("L", (1, 1))]).shape == (3, 224, 224, 3)


def test_a_size_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 10**9, "width": 1}}))
    with pytest.raises(PalateError) as caught:
        read_preprocessing(tmp_path, {}, None, own="squash")
    assert caught.value.code == "model_corrupt"
