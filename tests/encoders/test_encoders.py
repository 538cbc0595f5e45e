"""Encoders of every shape keep to the contract; their identity changes with whatever changes a vector."""

from __future__ import annotations

import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from palate.encoders import places, running
from palate.encoders.identity import file_hashes
from palate.encoders.opening import open_encoder
from palate.encoders.protocol import Encoder
from palate.encoders.running import Runner, close, unit_vectors
from palate.errors import PalateError
from palate.testing.contracts import EncoderContract, some_pictures
from palate.testing.shapes import SHAPES, draw_shape
from palate.testing.words import tiny_tokenizer
from palate.testing.worlds import BRIGHT, build_tiny_clip, build_tiny_dino


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("networks")
    build_tiny_clip(root / "clip")
    build_tiny_dino(root / "dino")
    build_tiny_siglip(root / "siglip")
    return root


def build_tiny_siglip(folder: Path) -> None:
    from transformers import SiglipConfig, SiglipImageProcessorPil, SiglipModel

    from palate.testing.worlds import quiet, seeded

    tokenizer = tiny_tokenizer(64)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = {**sizes, "vocab_size": len(tokenizer), "max_position_embeddings": 64}
    with seeded(0), quiet():
        config = SiglipConfig(text_config=text, vision_config={**sizes, "image_size": 32, "patch_size": 8})
        SiglipModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)


class _Tiny(EncoderContract):
    networks: Path

    @pytest.fixture(autouse=True)
    def _networks(self, networks: Path) -> None:
        type(self).networks = networks


class TestClip(_Tiny):
    def build(self) -> Encoder:
        return open_encoder(str(self.networks / "clip"), device="cpu")


class TestSiglip(_Tiny):
    def build(self) -> Encoder:
        return open_encoder(str(self.networks / "siglip"), device="cpu")


class TestDino(_Tiny):
    def build(self) -> Encoder:
        return open_encoder(str(self.networks / "dino"), device="cpu")


def test_the_tiny_clip_knows_its_colours(networks: Path) -> None:
    encoder = open_encoder(str(networks / "clip"), device="cpu")
    words = encoder.encode_words([f"a {colour} {shape}" for colour in BRIGHT for shape in SHAPES[:-1]])
    drawn = [draw_shape(shape, colour, size=32) for colour in BRIGHT for shape in SHAPES[:-1]]
    best = (encoder.encode_pictures(drawn) @ words.T).argmax(1)
    right = [place // 4 == found // 4 for place, found in enumerate(best)]
    assert np.mean(right) >= 0.9


def test_vectors_are_what_transformers_itself_answers(networks: Path) -> None:
    from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    folder = networks / "clip"
    encoder = open_encoder(str(folder), device="cpu", fit="crop")
    clip = CLIPModel.from_pretrained(folder).eval()
    pixels = CLIPImageProcessorPil.from_pretrained(folder)(some_pictures(), return_tensors="pt")
    tokens = CLIPTokenizer.from_pretrained(folder)(["a red circle", "sea"], padding=True, return_tensors="pt")
    with torch.no_grad():
        answer = clip(**pixels, **tokens)
    assert np.abs(encoder.encode_pictures(some_pictures()) - answer.image_embeds.numpy()).max() < 1e-5
    assert np.abs(encoder.encode_words(["a red circle", "sea"]) - answer.text_embeds.numpy()).max() < 1e-5


def test_it_says_where_it_cuts_words(networks: Path) -> None:
    encoder = open_encoder(str(networks / "clip"), device="cpu")
    fits, too_long = " ".join(["red"] * 75), " ".join(["red"] * 76)  # 75 words and the marks of beginning and end
    assert encoder.cut([fits, too_long]) == [False, True]
    assert encoder.cut([]) == []
    a, b = encoder.encode_words([too_long, too_long + " blue"])
    assert np.abs(a - b).max() < 1e-5


# ------------------------------------------------------------------------------------------------------------ identity


def test_identity_follows_weights_fit_and_configuration_and_not_the_place(networks: Path, tmp_path: Path) -> None:
    original = open_encoder(str(networks / "clip"), device="cpu")
    moved = Path(shutil.copytree(networks / "clip", tmp_path / "moved"))
    assert open_encoder(str(moved), device="cpu").id == original.id
    assert open_encoder(str(moved), device="cpu", fit="crop").id != original.id

    means = json.loads((moved / "preprocessor_config.json").read_text())
    (moved / "preprocessor_config.json").write_text(json.dumps({**means, "image_mean": [0.4, 0.5, 0.5]}))
    assert open_encoder(str(moved), device="cpu").id != original.id
    (moved / "preprocessor_config.json").write_text(json.dumps(means))
    assert open_encoder(str(moved), device="cpu").id == original.id

    weights = bytearray((moved / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (moved / "model.safetensors").write_bytes(weights)
    assert open_encoder(str(moved), device="cpu").id != original.id
    assert open_encoder(str(build_tiny_clip(tmp_path / "other", seed=5)), device="cpu").id != original.id


def test_the_hub_s_cache_names_files_by_their_hash(tmp_path: Path) -> None:
    blob = tmp_path / "blobs" / ("ab" * 32)
    blob.parent.mkdir()
    blob.write_bytes(b"not these bytes")
    (tmp_path / "model.safetensors").symlink_to(blob)
    assert file_hashes([tmp_path / "model.safetensors"]) == [f"model.safetensors={'ab' * 32}"]


# ------------------------------------------------------------------------------------------------- what is not opened


def code_of(name: str, **options: Any) -> str:
    with pytest.raises(PalateError) as caught:
        open_encoder(name, **options)
    assert "\n" not in str(caught.value)
    return caught.value.code


def test_what_cannot_be_an_encoder_is_named(networks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_of(str(tmp_path / "nowhere")) == "network_missing"
    assert code_of("no such thing") == "network_missing"
    assert code_of(str(networks / "clip"), fit="stretch") == "unknown_fit"
    assert code_of(str(tmp_path)) == "unknown_network"
    (tmp_path / "config.json").write_text("[]")
    assert code_of(str(tmp_path)) == "model_corrupt"


def test_only_sound_safetensors_without_code_are_opened(networks: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(networks / "clip", tmp_path / "clip"))
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert code_of(str(folder)) == "model_corrupt"
    weights.write_bytes(b"\x80\x04\x95" + b"\x00" * 64)
    assert code_of(str(folder)) == "unsafe_format"
    weights.rename(folder / "pytorch_model.bin")
    assert code_of(str(folder)) == "unsafe_format"
    weights.write_bytes(whole)
    (folder / "config.json").write_text(
        json.dumps({**json.loads((folder / "config.json").read_text()), "auto_map": {"AutoModel": "evil.Model"}})
    )
    assert code_of(str(folder)) == "unsafe_format"


def test_a_network_that_is_not_here_is_named_with_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def no_network(*names: Any, **options: Any) -> str:
        raise ConnectionError("no route to host\nsecond line")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", no_network)
    with pytest.raises(PalateError, match=r"1\.7 GB") as caught:
        open_encoder("openai/clip-vit-large-patch14")
    assert str(caught.value).startswith("openai/clip-vit-large-patch14: ")


def test_pocket_is_the_installed_package_or_a_clear_line(networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "palate_pocket", None)  # as if it were not installed
    assert code_of("pocket") == "network_missing"
    pocket = types.ModuleType("palate_pocket")
    pocket.folder = lambda kind: networks / kind  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "palate_pocket", pocket)
    assert open_encoder("pocket", device="cpu").reads_words
    assert not open_encoder("pocket:dino", device="cpu").reads_words
    assert places.find_folder("pocket", kind="dino") == networks / "dino"

    def not_trained(kind: str) -> Path:
        raise LookupError(f"built without {kind}")

    pocket.folder = not_trained  # type: ignore[attr-defined]
    assert code_of("pocket") == "network_missing"


# ---------------------------------------------------------------------------------------------- at the border, and how


def test_a_vector_that_is_no_vector_is_refused() -> None:
    good = np.array([[3.0, 4.0]], dtype=np.float32)
    assert unit_vectors(good, 2).tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]
    for broken in (np.array([[np.nan, 1.0]]), np.array([[np.inf, 1.0]]), np.zeros((1, 2)), np.ones((1, 3)), np.ones(2)):
        with pytest.raises(PalateError) as caught:
            unit_vectors(broken, 2)
        assert caught.value.code == "embedding_invalid"


@given(arrays(np.float32, st.tuples(st.integers(1, 4), st.just(3)), elements=st.floats(width=32)))
def test_whatever_comes_in_only_unit_vectors_come_out(raw: np.ndarray[Any, Any]) -> None:
    lengths = np.linalg.norm(raw.astype(np.float64), axis=1)
    if np.isfinite(lengths).all() and (lengths >= running.SMALLEST_NORM).all():
        assert np.linalg.norm(unit_vectors(raw, 3), axis=1) == pytest.approx(1.0, abs=1e-5)
    else:
        with pytest.raises(PalateError):
            unit_vectors(raw, 3)


def runner_with(half: Any, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setattr(running, "half_for", lambda device, weights: half)
    return Runner(torch.nn.Linear(8, 8), "cpu")


def test_half_precision_is_kept_only_where_vectors_stay_close(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)))
    runner = runner_with(torch.bfloat16, monkeypatch)
    runner.over(rows, lambda part: runner.network(torch.stack(list(part))), 8)
    assert runner._half is torch.bfloat16
    far = runner_with(torch.bfloat16, monkeypatch)

    def forward(part: Any) -> torch.Tensor:
        found: torch.Tensor = far.network(torch.stack(list(part)))
        return found.roll(1, 1) if found.dtype == torch.bfloat16 else found

    vectors = far.over(rows, forward, 8)
    assert far._half is None
    assert (vectors == far.over(rows, forward, 8, exact=True)).all()


def test_closeness_is_a_cosine() -> None:
    plain = np.array([[1.0, 0.0]], dtype=np.float32)
    assert close(plain, np.array([[5.0, 0.1]], dtype=np.float32))
    assert not close(plain, np.array([[1.0, 0.1]], dtype=np.float32))
    assert not close(plain, np.array([[np.nan, 0.0]], dtype=np.float32))


def test_out_of_memory_halves_the_batch_until_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = runner_with(None, monkeypatch)
    runner.batch = 8
    sizes: list[int] = []

    def forward(part: Any) -> torch.Tensor:
        sizes.append(len(part))
        if len(part) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.stack(list(part))

    rows = list(torch.eye(8)[:5])
    assert (runner.over(rows, forward, 8) == np.eye(8)[:5]).all()
    assert sizes == [5, 4, 2, 2, 1]

    def never(part: Any) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(PalateError) as caught:
        runner.over(rows, never, 8)
    assert caught.value.code == "out_of_memory"
