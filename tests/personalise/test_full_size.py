"""Janus-Pro's own classes, marks and precision at a small size: one step of SFT and one of GRPO by its commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from palate.cli import main
from palate.personalise.histories import split_by_time
from palate.personalise.janus import open_janus
from palate.personalise.sampling import sample
from palate.personalise.sft import SftConfig, train_sft
from palate.personalise.shelf import Shelf
from palate.testing.januses import build_tiny_janus
from palate.testing.likings import painted_collection, publish
from palate.testing.worlds import build_tiny_clip, build_tiny_dino


@pytest.fixture(scope="module")
def pro(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_janus(tmp_path_factory.mktemp("janus") / "pro", like="pro", patches=2, side=16)


def test_one_step_of_sft_and_one_of_grpo_by_the_guide_s_commands(
    pro: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PALATE_HOME", str(tmp_path / "home"))
    data = publish(tmp_path / "data", painted_collection(people=16, each=12))
    clip, dino = build_tiny_clip(tmp_path / "clip"), build_tiny_dino(tmp_path / "dino")

    def run(*argv: object) -> dict[str, object]:
        monkeypatch.setattr("sys.argv", ["palate", *map(str, argv), "--device", "cpu", "--json"])
        with pytest.raises(SystemExit) as end:
            main.run()
        said = capsys.readouterr()
        assert end.value.code in (0, None), said.err
        told: dict[str, object] = json.loads(said.out)
        return told

    sft = ("train", "personalise", "sft", "--data", data, "--janus", pro, "--batch", 4, "--part", 2, "--rate", 1e-4)
    assert run(*sft, "--steps", 1, "--frugal")["step"] == 0
    grpo = ("train", "personalise", "grpo", "--data", data, "--clip", clip, "--dino", dino, "--set", "part=2")
    small = ("--set", "histories=2", "--set", "group=2", "--set", "windows=2", "--set", "every=1")
    told = run(*grpo, *small, "--steps", 1)
    assert told["stopped"] is None
    rows = [json.loads(line) for line in (tmp_path / "home/personalise/grpo/log.jsonl").read_text().splitlines()]
    assert {"reward/cis-history", "reward/dis-history", "reward/aesthetics"} <= set(rows[1])


@pytest.mark.parametrize("rank", [2, 0])
def test_half_precision_as_on_a_gpu_trains_and_draws(pro: Path, tmp_path: Path, rank: int) -> None:
    janus = open_janus(str(pro), device="cpu")
    janus.network.model.language_model.to(torch.bfloat16)
    janus.network.model.vision_model.to(torch.bfloat16)
    for part in ("aligner", "generation_embeddings", "generation_aligner", "generation_head"):
        getattr(janus.network.model, part).to(torch.bfloat16)
    collection = painted_collection(people=16, each=12)
    shelf, parts = Shelf(janus, collection, "vision"), split_by_time(collection, length=2)
    last = train_sft(shelf, parts, tmp_path / "sft", SftConfig(batch=2, part=2, rank=rank, most=2, watched=1, held=2))
    assert torch.isfinite(torch.tensor(last["loss"]))
    drawn = sample(janus, shelf.told([parts.test[0].history]), group=2)
    assert drawn.codes.shape == (2, 4)
    assert janus.network.model.vqmodel.quantize.embedding.weight.dtype == torch.float32
