"""Fine-tuning on histories: only the picture's codes count, it learns, and a killed run goes on as it was."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from palate.errors import PalateError
from palate.personalise import adapters
from palate.personalise.course import Course
from palate.personalise.drawing import trained_folder
from palate.personalise.histories import Windows, split_by_time
from palate.personalise.janus import Seen, open_janus, version_of
from palate.personalise.memorising import nearest_share
from palate.personalise.sft import Alike, SftConfig, batch_of, picture_loss, targets_of, train_sft, without_history
from palate.personalise.shelf import Shelf, histories_of
from palate.testing.januses import build_tiny_janus
from palate.testing.likings import painted_collection

FEW = SftConfig(rate=5e-3, batch=4, part=2, rank=4, every=3, held=4, watched=2, warm=1, most=7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_janus(tmp_path_factory.mktemp("janus") / "pocket")


def shelf_of(folder: Path, seen: Seen = "vision") -> tuple[Shelf, Windows]:
    collection = painted_collection(people=16, each=12)
    return Shelf(open_janus(str(folder), device="cpu"), collection, seen), split_by_time(collection, length=2)


def test_a_network_that_knows_nothing_pays_the_logarithm_of_the_codebook(folder: Path) -> None:
    shelf, parts = shelf_of(folder)
    with torch.no_grad():
        shelf.janus.network.model.generation_head.vision_head.weight.zero_()
        shelf.janus.network.model.generation_head.vision_head.bias.zero_()
    told = shelf.told(histories_of(parts.train[:3]))
    loss = picture_loss(shelf.janus, told, shelf.codes_of([window.target for window in parts.train[:3]]))
    assert float(loss.detach()) == pytest.approx(math.log(32), abs=1e-5)


def test_several_targets_of_one_reading_cost_the_mean_of_each_alone(folder: Path) -> None:
    shelf, parts = shelf_of(folder)
    windows = [window for window in parts.train if len(window.future) >= 2][:2]
    asked = [targets_of(window, 3, np.random.default_rng(0)) for window in windows]
    for window, items in zip(windows, asked, strict=True):
        assert set(items) <= set(window.future)
        assert len(items) == 3
    told, codes = shelf.told(histories_of(windows)), shelf.codes_of([item for items in asked for item in items])
    together = picture_loss(shelf.janus, told, codes, group=3)
    alone = [
        picture_loss(shelf.janus, told.rows(at, at + 1), codes[row : row + 1])
        for row, at in enumerate([0, 0, 0, 1, 1, 1])
    ]
    assert float(together.detach()) == pytest.approx(float(torch.stack(alone).mean().detach()), abs=1e-5)
    assert targets_of(windows[0], 1, np.random.default_rng(0)) == [windows[0].target]


def test_a_history_that_is_left_out_is_the_blank_branch(folder: Path) -> None:
    shelf, parts = shelf_of(folder)
    told = shelf.told(histories_of(parts.train[:2]))
    mixed = without_history(told, torch.tensor([True, False]))
    assert torch.equal(mixed.embedded[0], told.blank[0])
    assert torch.equal(mixed.embedded[1], told.embedded[1])


def test_every_window_is_learned_from_once_an_epoch() -> None:
    _, parts = painted_collection(people=16, each=12), split_by_time(painted_collection(people=16, each=12), length=2)
    config = SftConfig(batch=5)
    steps = config.steps(len(parts.train))
    learned = [window for step in range(steps) for window in batch_of(parts.train, config, step)]
    assert sorted(learned, key=repr) == sorted(parts.train, key=repr)


def test_the_reading_half_and_the_codes_never_learn_and_a_fresh_adapter_changes_nothing(folder: Path) -> None:
    shelf, parts = shelf_of(folder)
    told = shelf.told(histories_of(parts.train[:2]))
    codes = shelf.codes_of([window.target for window in parts.train[:2]])
    before = picture_loss(shelf.janus, told, codes).detach()
    adapters.add_adapter(shelf.janus, rank=2, alpha=4.0)
    assert torch.allclose(picture_loss(shelf.janus, told, codes).detach(), before, atol=1e-6)
    assert all("language_model" in name and "lora" in name for name in adapters.learning(shelf.janus))
    shelf, _ = shelf_of(folder)
    adapters.learn_all(shelf.janus)
    assert not any("vision_model" in name or "vqmodel" in name for name in adapters.learning(shelf.janus))


@pytest.mark.parametrize("rank", [4, 0])
def test_training_learns_and_what_was_trained_opens_again(folder: Path, tmp_path: Path, rank: int) -> None:
    shelf, parts = shelf_of(folder)
    config = SftConfig(
        rate=2e-2 if rank else 5e-3, batch=8, rank=rank, every=15, held=8, watched=2, warm=1, epochs=9, most=30
    )
    last = train_sft(shelf, parts, tmp_path / "sft", config)
    rows = [json.loads(line) for line in (tmp_path / "sft" / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["held"] < rows[0]["loss"] - 0.1
    assert 0 <= last["nearest"] <= 1
    assert 0 <= last["memorised"] <= 1
    opened, trained = adapters.open_trained(tmp_path / "sft", device="cpu")
    assert (trained.kind, trained.base, trained.full) == ("sft", str(folder), rank == 0)
    told = shelf.told(histories_of(parts.test[:3]))
    codes = shelf.codes_of([window.target for window in parts.test[:3]])
    again = Shelf(opened, shelf.collection, "vision")
    with torch.no_grad():
        found = picture_loss(opened, again.told(histories_of(parts.test[:3])), codes)
        assert torch.allclose(found, picture_loss(shelf.janus, told, codes), atol=1e-4)


@pytest.mark.parametrize("killed", [1, 4, 6])
def test_a_killed_training_goes_on_with_the_same_losses(
    folder: Path, tmp_path: Path, killed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf, parts = shelf_of(folder)
    train_sft(shelf, parts, tmp_path / "whole", FEW)
    whole = [json.loads(line)["loss"] for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]

    class KilledError(Exception):
        pass

    def dying(row: dict[str, object]) -> None:
        if row["step"] == killed:
            raise KilledError

    shelf, parts = shelf_of(folder)
    with pytest.raises(KilledError):
        train_sft(shelf, parts, tmp_path / "cut", FEW, say=dying)
    shelf, parts = shelf_of(folder)
    train_sft(shelf, parts, tmp_path / "cut", FEW, resume=True)
    rows = [json.loads(line) for line in (tmp_path / "cut" / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == list(range(7))
    assert [row["loss"] for row in rows] == pytest.approx(whole, abs=1e-6)


def test_recomputed_activations_give_the_same_loss(folder: Path, tmp_path: Path) -> None:
    losses = []
    for frugal in (False, True):
        shelf, parts = shelf_of(folder)
        config = SftConfig(rate=5e-3, batch=4, rank=2, warm=1, most=3, watched=0, frugal=frugal)
        losses.append(train_sft(shelf, parts, tmp_path / str(frugal), config)["loss"])
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_half_precision_costs_little_of_the_loss(folder: Path, tmp_path: Path) -> None:
    losses = []
    for half in (False, True):
        shelf, parts = shelf_of(folder)
        config = SftConfig(batch=4, rank=2, warm=1, most=1, watched=0, half=half)
        losses.append(train_sft(shelf, parts, tmp_path / str(half), config)["loss"])
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


def small_course(folder: Path, rate: float = 0.1) -> Course:
    weight = torch.nn.Parameter(torch.zeros(3))
    return Course(folder, {"w": weight}, torch.optim.AdamW([weight], lr=rate), {"rate": rate})


def test_a_damaged_checkpoint_is_passed_over_and_said(tmp_path: Path) -> None:
    course = small_course(tmp_path)
    for step in (1, 2):
        course.keep(step)
    damaged = tmp_path / "checkpoints" / "step-000002" / "weights.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    again = small_course(tmp_path)
    assert again.begin(resume=True) == 1
    assert "step 2 is damaged" in again.warnings[0]


def test_two_newest_checkpoints_and_the_best_stay(tmp_path: Path) -> None:
    course = small_course(tmp_path)
    course.best = 1
    for step in range(1, 6):
        course.keep(step)
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-000001", "step-000004", "step-000005"]


def test_a_training_is_not_begun_over_another_nor_gone_on_with_other_options(tmp_path: Path) -> None:
    course = small_course(tmp_path)
    course.begin(resume=False)
    course.log({"step": 0})
    course.keep(1)
    with pytest.raises(PalateError, match="a training lies here already"):
        small_course(tmp_path).begin(resume=False)
    with pytest.raises(PalateError, match="begun with another rate"):
        small_course(tmp_path, rate=0.2).begin(resume=True)
    shutil.rmtree(tmp_path / "checkpoints")
    assert small_course(tmp_path).begin(resume=True) == 0


def test_a_training_may_go_on_for_longer_than_it_was_begun_for(tmp_path: Path) -> None:
    for steps in (5, 9):
        course = small_course(tmp_path)
        course.asked = {**course.asked, "steps": steps}
        if steps == 5:
            course.keep(5)
        else:
            assert course.begin(resume=True) == 5


def test_a_picture_s_nearest_training_picture_shares_most_codes() -> None:
    known = torch.tensor([[1, 2, 3, 4], [1, 1, 1, 1]])
    assert nearest_share(torch.tensor([[1, 2, 3, 9], [7, 7, 7, 1]]), known).tolist() == [0.75, 0.25]


def test_an_adapter_that_is_not_safetensors_is_not_opened(folder: Path, tmp_path: Path) -> None:
    shelf, parts = shelf_of(folder)
    train_sft(shelf, parts, tmp_path / "sft", SftConfig(batch=2, rank=2, most=1, watched=0))
    (tmp_path / "sft" / "sft" / "adapter_model.safetensors").rename(tmp_path / "sft" / "sft" / "adapter_model.bin")
    with pytest.raises(PalateError, match="an adapter of it is missing"):
        adapters.open_trained(tmp_path / "sft")


def test_what_was_trained_on_other_weights_of_the_same_name_is_not_used(folder: Path, tmp_path: Path) -> None:
    shelf, parts = shelf_of(folder)
    home = tmp_path / "home"
    place = home / "personalise" / "sft"
    train_sft(shelf, parts, place, SftConfig(batch=2, rank=2, most=1, watched=0))
    assert adapters.read_trained(place).version == version_of(folder) == shelf.janus.version
    assert trained_folder(home, str(folder)) == place
    values = json.loads((place / adapters.TRAINED).read_text())
    (place / adapters.TRAINED).write_text(json.dumps({**values, "version": "0123456789ab"}))
    assert trained_folder(home, str(folder)) is None
    with pytest.raises(PalateError, match="it was trained on 0123456789ab"):
        adapters.open_trained(place)


def test_what_ships_trained_with_a_network_is_used_where_the_home_has_nothing(folder: Path, tmp_path: Path) -> None:
    base = shutil.copytree(folder, tmp_path / "base")
    few = SftConfig(batch=2, rank=2, most=1, watched=0)
    shelf, parts = shelf_of(base)
    shipped, own = base / "personalise" / "sft", tmp_path / "home" / "personalise" / "sft"
    assert trained_folder(tmp_path / "home", str(base)) is None
    train_sft(shelf, parts, shipped, few)
    assert trained_folder(None, str(base)) == trained_folder(tmp_path / "home", str(base)) == shipped
    assert trained_folder(None, str(base), "grpo") is None
    shelf, parts = shelf_of(base)
    train_sft(shelf, parts, own, few)
    assert trained_folder(tmp_path / "home", str(base)) == own


def test_made_histories_look_like_the_next_item(folder: Path) -> None:
    shelf, parts = shelf_of(folder)
    made, chance = Alike(shelf, parts.train), np.random.default_rng(0)
    colour = [item.title.split()[0] for item in shelf.collection.items]
    windows = [made.history(window, chance) for window in parts.train[:20]]
    for window in windows:
        assert window.target not in window.history
        assert len(window.history) == 2
    same = [colour[item] == colour[window.target] for window in windows for item in window.history]
    assert sum(same) / len(same) > 0.5
