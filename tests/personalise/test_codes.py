"""Codes for pictures of another kind: they come back better than before, and what stands on them opens again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from palate.personalise import adapters
from palate.personalise.codes import CodesConfig, Pictures, grain, move_unused, quantised, random_filters, train_codes
from palate.personalise.histories import Windows, split_by_time
from palate.personalise.janus import open_janus
from palate.personalise.sft import SftConfig, shortened, train_sft
from palate.personalise.shelf import Shelf
from palate.testing.januses import build_tiny_janus
from palate.testing.likings import painted_collection

FEW = CodesConfig(rate=5e-3, steps=6, batch=8, moved=3, until=6, warm=1, every=2, held=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_janus(tmp_path_factory.mktemp("janus") / "pocket")


def shelf_of(folder: Path) -> tuple[Shelf, Windows]:
    collection = painted_collection(people=16, each=12)
    return Shelf(open_janus(str(folder), device="cpu"), collection, "vision"), split_by_time(collection, length=2)


def test_the_nearest_direction_is_the_code_and_gradients_pass_through() -> None:
    codebook = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    vectors = torch.tensor([3.0, 4.0, 5.0, 0.1]).reshape(2, 2, 1, 1).requires_grad_()
    passed, codes, loss = quantised(vectors, codebook)
    assert codes.tolist() == [[1], [0]]
    assert passed[0].flatten().tolist() == pytest.approx([0.0, 1.0])
    # (0.6, 0.8) to (0, 1): 0.36 + 0.04; mean over 4 numbers with the other row's, times 1.25
    unit = torch.tensor([5.0, 0.1]) / torch.tensor([5.0, 0.1]).norm()
    other = float(((unit - torch.tensor([1.0, 0.0])) ** 2).sum())
    assert float(loss.detach()) == pytest.approx(1.25 * (0.4 + other) / 4, abs=1e-6)
    passed.sum().backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None
    assert float(vectors.grad.abs().sum()) > 0


def test_grain_tells_stripes_from_grey_whichever_way_they_are_shifted() -> None:
    filters = random_filters(0)
    assert float(filters.sum((1, 2, 3)).abs().max()) < 1e-5
    stripes = torch.tensor([-1.0, -1.0, 1.0, 1.0]).repeat(8).expand(1, 3, 32, 32)
    flat = grain(torch.zeros(1, 3, 32, 32), filters, 8)
    there, shifted = grain(stripes, filters, 8), grain(stripes.roll(2, -1), filters, 8)
    inner = (..., slice(1, 3), slice(1, 3))
    assert flat.shape == (1, len(filters), 4, 4)
    assert float((there - shifted)[inner].abs().max()) < 1e-4
    assert float((there - flat)[inner].mean()) > 0.3


def test_pictures_to_learn_from_and_to_measure_on_are_different_ones(folder: Path) -> None:
    shelf, parts = shelf_of(folder)
    pictures = Pictures(shelf.collection, parts, 16, 100)
    assert len(pictures.taught) + len(pictures.held) <= len(shelf.collection.items)
    batch = pictures.batch(4, np.random.default_rng(0))
    assert batch.shape == (4, 3, 16, 16)
    assert float(batch.min()) >= -1
    assert float(batch.max()) <= 1


def test_codes_that_nobody_uses_go_to_where_pictures_are(folder: Path) -> None:
    shelf, parts = shelf_of(folder)
    pictures = Pictures(shelf.collection, parts, 16, 8)
    codebook = shelf.janus.network.model.vqmodel.quantize.embedding.weight
    with torch.no_grad():
        codebook[1:] = -codebook[:1]
    moved = move_unused(shelf.janus, pictures, FEW, 0)
    assert moved >= len(codebook) - 2
    assert len(codebook.unique(dim=0)) > 2


def test_codes_learn_and_sft_stands_on_them(folder: Path, tmp_path: Path) -> None:
    shelf, parts = shelf_of(folder)
    config = CodesConfig(rate=5e-3, steps=40, batch=16, moved=10, until=30, warm=1, every=20, held=8)
    last = train_codes(shelf.janus, shelf.collection, parts, tmp_path / "codes", config)
    rows = [json.loads(line) for line in (tmp_path / "codes" / "log.jsonl").read_text().splitlines()]
    assert last["loss"] < 0.8 * rows[0]["loss"]
    opened, trained = adapters.open_trained(tmp_path / "codes", device="cpu")
    assert (trained.kind, trained.base, trained.full) == ("codes", str(folder), True)
    shown = [shelf.collection.picture(item) for item in range(6)]
    assert opened.given_back(shown) == pytest.approx(shelf.janus.given_back(shown), abs=1e-6)
    assert opened.given_back(shown) > open_janus(str(folder), device="cpu").given_back(shown)
    codebook = opened.network.model.vqmodel.quantize.embedding.weight
    assert torch.allclose(codebook.norm(dim=1), torch.ones(len(codebook)), atol=1e-5)
    few = SftConfig(batch=4, rank=2, most=1, watched=0)
    train_sft(Shelf(opened, shelf.collection, "vision"), parts, tmp_path / "sft", few, before=tmp_path / "codes")
    again, trained = adapters.open_trained(tmp_path / "sft", device="cpu")
    assert trained.adapters == ("sft",)
    assert again.given_back(shown) == pytest.approx(opened.given_back(shown), abs=1e-6)


def test_a_killed_training_of_codes_goes_on_with_the_same_losses(folder: Path, tmp_path: Path) -> None:
    shelf, parts = shelf_of(folder)
    train_codes(shelf.janus, shelf.collection, parts, tmp_path / "whole", FEW)
    whole = [json.loads(line)["loss"] for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]

    class KilledError(Exception):
        pass

    def dying(row: dict[str, object]) -> None:
        if row["step"] == 4:
            raise KilledError

    shelf, parts = shelf_of(folder)
    with pytest.raises(KilledError):
        train_codes(shelf.janus, shelf.collection, parts, tmp_path / "cut", FEW, say=dying)
    shelf, parts = shelf_of(folder)
    train_codes(shelf.janus, shelf.collection, parts, tmp_path / "cut", FEW, resume=True)
    rows = [json.loads(line) for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    assert [row["loss"] for row in rows] == pytest.approx(whole, abs=1e-6)


def test_some_windows_are_told_with_their_latest_items_alone(folder: Path) -> None:
    _, parts = shelf_of(folder)
    windows = list(parts.train)
    assert shortened(windows, 0.0, np.random.default_rng(0)) == windows
    lengths = set()
    for seed in range(8):
        every = shortened(windows, 1.0, np.random.default_rng(seed))
        lengths |= {len(window.history) for window in every}
        assert len({len(window.history) for window in every}) == 1
        for short, window in zip(every, windows, strict=True):
            assert short.history == window.history[len(window.history) - len(short.history) :]
            assert short.target == window.target
    assert lengths == {0, 1}
