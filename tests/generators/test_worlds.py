"""The tiny worlds are small, equal wherever they are built, and what differs in them can be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from palate.catalogue.records import Model
from palate.encoders.opening import open_encoder
from palate.generators.loading import forget_bases
from palate.generators.opening import open_generator
from palate.generators.protocol import Order
from palate.safety.pictures import looks_degenerate
from palate.safety.pipelines import check_pipeline
from palate.testing.words import merges_for, tiny_tokenizer
from palate.testing.worlds import build_tiny_clip, build_tiny_loras, build_tiny_pipeline, build_tiny_world

WORDS = [
    f"a {colour} {shape}" for colour in ("red", "green", "blue", "yellow", "purple") for shape in ("circle", "cross")
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("world")
    build_tiny_world(root, loras=4)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_whole_world_is_small_and_sound(world: Path) -> None:
    assert sum(map(len, contents(world).values())) < 2_500_000
    assert check_pipeline(world / "pipeline").class_name == "StableDiffusionPipeline"
    assert len(list((world / "loras").glob("*.safetensors"))) == 4


def test_it_is_the_same_to_the_byte_whatever_the_threads_and_the_seed_before(world: Path, tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    torch.manual_seed(99)
    before = torch.rand(1)
    torch.manual_seed(99)
    torch.set_num_threads(3)
    build_tiny_loras(tmp_path / "loras", world / "pipeline", 4)
    build_tiny_clip(tmp_path / "clip")
    torch.set_num_threads(threads)
    assert torch.rand(1) == before  # nor did building draw from the caller's random numbers
    for part in ("loras", "clip"):
        assert contents(tmp_path / part) == contents(world / part)
    other = contents(build_tiny_pipeline(tmp_path / "other", seed=1))
    assert (
        other["unet/diffusion_pytorch_model.safetensors"]
        != (contents(world)["pipeline/unet/diffusion_pytorch_model.safetensors"])
    )


def test_its_models_can_be_told_apart_by_their_pictures(world: Path) -> None:
    """Chance is a quarter: the mean of a model's circles must name it for its crosses."""
    encoder = open_encoder(str(world / "clip"), device="cpu")
    base = Model(id="base", name="base", kind="pipeline", location=str(world / "pipeline"))
    drawn = []
    for file in sorted((world / "loras").glob("*.safetensors")):
        generator = open_generator(Model(id=file.stem, name=file.stem, kind="adapter", location=str(file)), base=base)
        pictures = generator.draw([Order(text, seed, steps=4) for seed, text in enumerate(WORDS)])
        assert not any(looks_degenerate(picture) for picture in pictures)
        drawn.append(encoder.encode_pictures(pictures))
        generator.close()
    forget_bases()
    vectors = np.stack(drawn)  # (models, prompts, dim)
    known, asked = vectors[:, ::2].mean(1), vectors[:, 1::2]
    found = np.argmax(asked @ (known / np.linalg.norm(known, axis=1, keepdims=True)).T, axis=2)
    right = float(np.mean(found == np.arange(len(vectors))[:, None]))
    assert right >= 0.4


def test_known_words_are_one_token_and_others_are_spelt() -> None:
    tokenizer = tiny_tokenizer()
    assert merges_for(["red"]) == [("r", "e"), ("re", "d</w>")]
    assert tokenizer.tokenize("A red CIRCLE") == ["a</w>", "red</w>", "circle</w>"]
    assert tokenizer.tokenize("zebra") == ["z", "e", "b", "r", "a</w>"]
    assert tokenizer.decode(tokenizer("a red circle é")["input_ids"], skip_special_tokens=True) == "a red circle é"
