"""GRPO's equations with numbers worked out by hand; a planted hackable reward is stopped, an honest run is not."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from palate.personalise import adapters
from palate.personalise.curves import draw_curves
from palate.personalise.grpo import GrpoConfig, advantages, clipped, divergence, entropy_of
from palate.personalise.guard import GuardConfig, Look, Watch, best_of, verdict
from palate.personalise.histories import Collection, Window, split_by_time
from palate.personalise.janus import Janus, open_janus
from palate.personalise.plain_look import PlainLook
from palate.personalise.reinforcing import Reinforcement, in_order, pool_of, spread_in_groups, train_grpo
from palate.personalise.rewards import Floats, Reward, RewardConfig, of_text
from palate.personalise.scorers import Space, pixels_of
from palate.personalise.shelf import Shelf
from palate.testing.contracts import EncoderContract
from palate.testing.januses import build_tiny_janus
from palate.testing.likings import painted_collection


def test_advantages_are_z_scores_of_a_group() -> None:
    assert advantages(np.array([1.0, 3.0, 5.0, 5.0]), 2) == pytest.approx([-1, 1, 0, 0], abs=1e-3)
    assert advantages(np.array([1.0, np.nan, 3.0]), 3) == pytest.approx([-1, 0, 1], abs=1e-3)


def test_a_ratio_counts_only_within_the_clip_where_it_would_gain() -> None:
    old = torch.zeros(4, 1)
    new = torch.tensor([[math.log(2.0)], [math.log(2.0)], [math.log(0.5)], [math.log(0.5)]])
    A = torch.tensor([1.0, -1.0, 1.0, -1.0])
    assert clipped(new, old, A, 0.2).flatten().tolist() == pytest.approx([1.2, -2.0, 0.5, -0.8])


def test_the_divergence_is_nothing_where_nothing_changed_and_never_below() -> None:
    new, reference = torch.tensor([[0.0, -1.0]]), torch.tensor([[0.0, -2.0]])
    assert divergence(new, reference)[0].tolist() == pytest.approx([0.0, math.exp(-1) + 1 - 1])


def test_equal_chances_have_the_logarithm_of_their_number_as_entropy() -> None:
    assert float(entropy_of(torch.full((1, 1, 8), 1 / 8).log())) == pytest.approx(math.log(8))


def test_a_curriculum_opens_the_histories_little_by_little() -> None:
    config = GrpoConfig(curriculum=100, histories=2)
    assert [pool_of(100, config, step) for step in (0, 50, 100, 500)] == [20, 60, 100, 100]
    assert pool_of(100, GrpoConfig(), 0) == 100


def test_the_spread_falls_to_nothing_where_a_history_s_pictures_are_worth_the_same() -> None:
    assert spread_in_groups({"a": np.array([1.0, 1.0, 5.0, 5.0])}, 2) == 0.0
    assert spread_in_groups({"a": np.array([1.0, 5.0, 1.0, 5.0])}, 2) == pytest.approx(1.0)


# -- the guard's rule -------------------------------------------------------------------------------------------------


def look(step: int, trained: float, unseen: float, *, diversity: float = 0.5, kl: float = 0.0) -> Look:
    jitter = np.linspace(-0.1, 0.1, 8)
    return Look(step, (trained,) * 8, tuple(unseen + jitter * step / 10), diversity, {}, kl)


def test_it_stops_where_trained_and_unseen_part_twice_in_a_row() -> None:
    rising = [look(0, 0.0, 0.0), look(5, 1.0, 0.5), look(10, 2.0, 0.1)]
    assert verdict(rising, GuardConfig()) is None
    stopped = verdict([*rising, look(15, 3.0, -0.2)], GuardConfig())
    assert stopped is not None
    assert "unseen ones fell" in stopped
    assert best_of(rising).step == 5


def test_it_does_not_stop_where_both_rise_or_both_fall() -> None:
    assert verdict([look(5 * n, n, n) for n in range(8)], GuardConfig()) is None
    assert verdict([look(5 * n, -n, -n) for n in range(8)], GuardConfig()) is None


def test_it_stops_where_pictures_become_alike_or_go_too_far() -> None:
    alike = [look(5 * n, n, n, diversity=0.5 - 0.06 * n) for n in range(5)]
    assert "alike" in str(verdict(alike, GuardConfig()))
    far = [look(5 * n, n, n, kl=0.1 * n) for n in range(5)]
    assert "nats a code" in str(verdict(far, GuardConfig(most_kl=0.2)))


# -- runs -------------------------------------------------------------------------------------------------------------


@dataclass
class Brightness:
    """The planted reward that can be hacked: it never looks at the history."""

    name: str = "cis-history"
    paper: str = "none"
    higher: bool = True
    span: tuple[float, float] = (0.0, 255.0)

    def score(self, drawn: Sequence[Image.Image], windows: Sequence[Window]) -> Floats:
        return np.array([pixels_of(picture).mean() for picture in drawn])


@dataclass
class Near:
    """Minus the mean distance of coarse pixels to the history's: honest, and as fine as `side` says."""

    collection: Collection
    side: int
    name: str

    paper: str = "none"
    higher: bool = True
    span: tuple[float, float] = (-255.0, 0.0)

    def score(self, drawn: Sequence[Image.Image], windows: Sequence[Window]) -> Floats:
        found = []
        for picture, window in zip(drawn, windows, strict=True):
            own = np.mean([pixels_of(self.collection.picture(item), self.side) for item in window.history], axis=0)
            found.append(-np.abs(pixels_of(picture, self.side) - own).mean())
        return np.array(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_janus(tmp_path_factory.mktemp("janus") / "tiny", patches=2, layers=1)


class Tiles(Janus):
    """Decodes code k as a tile of the grey 8 k, so that what a policy can reach is known."""

    def decoded(self, codes: torch.Tensor) -> list[Image.Image]:
        levels = (8 * codes.reshape(-1, 2, 2)).to(torch.uint8).repeat_interleave(8, 1).repeat_interleave(8, 2)
        return [Image.fromarray(each).convert("RGB") for each in levels.numpy()]


def tiled(folder: Path) -> Janus:
    opened = open_janus(str(folder), device="cpu")
    return Tiles(opened.name, opened.network, opened.words, opened.preprocessing, device="cpu")


def dark(collection: Collection) -> Collection:
    """The same world at night: what is brighter is less like anybody's history."""
    for item in range(len(collection.items)):
        collection._decoded[item] = collection.picture(item).point(lambda level: level // 8)
    return collection


def run_of(folder: Path, reward: str, *, steps: int, seed: int = 0, **guard: Any) -> Reinforcement:
    collection = dark(painted_collection(people=16, each=12))
    parts = split_by_time(collection, length=2)
    shelf = Shelf(tiled(folder), collection, "vision")
    trained: list[Reward] = [Brightness() if reward == "brightness" else Near(collection, 4, "cis-history")]
    unseen: list[Reward] = [Near(collection, 8, "unseen-fine"), Near(collection, 1, "unseen-mean")]
    config = GrpoConfig(rate=1e-2, steps=steps, histories=2, group=8, part=2, rank=4, warm=1, kl=0.0, seed=seed)
    watch = Watch(collection, parts.valid[:8], trained, {}, unseen, Space(PlainLook(), collection))
    weights = of_text("cis-history=1")
    return Reinforcement(
        shelf, parts.train, trained, weights, watch, config, GuardConfig(windows=8, least_diversity=0.0, **guard)
    )


def rows_of(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_a_planted_reward_that_can_be_hacked_is_stopped_and_the_best_is_restored(folder: Path, tmp_path: Path) -> None:
    run = run_of(folder, "brightness", steps=60)
    last = train_grpo(run, tmp_path / "hacked")
    looks = [row for row in rows_of(tmp_path / "hacked") if "unseen" in row]
    assert "unseen ones fell" in last["stopped"]
    fell = next(row["step"] for row in looks if row["unseen"] < looks[0]["unseen"] - 0.1)
    assert looks[-1]["step"] - fell <= 50
    assert looks[-1]["trained"] > looks[0]["trained"] + 0.1
    opened, trained = adapters.open_trained(tmp_path / "hacked", device="cpu")
    assert (trained.kind, trained.adapters) == ("grpo", ("grpo",))
    assert last["best_step"] < looks[-1]["step"] + 1
    adapters.merge(run.shelf.janus)
    mine = run.shelf.janus.network.model.language_model.layers[0].mlp.down_proj.weight
    kept = opened.network.model.language_model.layers[0].mlp.down_proj.weight
    assert torch.allclose(mine, kept, atol=1e-5)


@pytest.mark.parametrize("seed", [0, 1])
def test_an_honest_run_goes_to_its_end_and_the_unseen_rise(folder: Path, tmp_path: Path, seed: int) -> None:
    last = train_grpo(run_of(folder, "honest", steps=40, seed=seed), tmp_path / "honest")
    looks = [row for row in rows_of(tmp_path / "honest") if "unseen" in row]
    assert last["stopped"] is None
    assert looks[-1]["trained"] > looks[0]["trained"]
    assert looks[-1]["unseen"] > looks[0]["unseen"]
    assert "<polyline" in (tmp_path / "honest" / "curves.svg").read_text()


@pytest.mark.parametrize("killed", [1, 3, 5])
def test_a_killed_run_goes_on_with_the_same_numbers(folder: Path, tmp_path: Path, killed: int) -> None:
    names = ("objective", "kl", "gradient", "reward/cis-history", "trained", "unseen")
    train_grpo(run_of(folder, "honest", steps=6, every=2), tmp_path / "whole")
    whole = [[row.get(name) for name in names] for row in rows_of(tmp_path / "whole")]

    class KilledError(Exception):
        pass

    def dying(row: dict[str, object]) -> None:
        if row["step"] == killed and "kl" in row:
            raise KilledError

    with pytest.raises(KilledError):
        train_grpo(run_of(folder, "honest", steps=6, every=2), tmp_path / "cut", say=dying)
    train_grpo(run_of(folder, "honest", steps=6, every=2), tmp_path / "cut", resume=True)
    cut = [[row.get(name) for name in names] for row in rows_of(tmp_path / "cut")]
    assert len(cut) == len(whole)
    for mine, theirs in zip(cut, whole, strict=True):
        assert mine == pytest.approx(theirs, abs=1e-6)


def test_the_reference_is_the_network_without_its_adapter(folder: Path, tmp_path: Path) -> None:
    run = run_of(folder, "honest", steps=2)
    train_grpo(run, tmp_path / "run")
    first, *_, last = [row for row in rows_of(tmp_path / "run") if "kl" in row]
    assert first["kl"] == pytest.approx(0.0, abs=1e-6)
    assert last["kl"] > 0


def test_consistent_histories_come_first_in_a_curriculum(folder: Path) -> None:
    run = run_of(folder, "honest", steps=1)
    same, mixed = Window(0, (0, 0), 1, (1,), 0.0), Window(0, (0, 70), 1, (1,), 0.0)
    assert in_order(run.shelf, [mixed, same]) == [same, mixed]


def test_grpo_stands_on_what_was_fine_tuned_and_needs_its_base_alone(folder: Path, tmp_path: Path) -> None:
    from palate.personalise.sft import SftConfig, train_sft

    run = run_of(folder, "honest", steps=1)
    parts = split_by_time(run.shelf.collection, length=2)
    train_sft(run.shelf, parts, tmp_path / "sft", SftConfig(batch=2, rank=2, most=2, watched=0, rate=1e-2, warm=1))
    opened, _ = adapters.open_trained(tmp_path / "sft", device="cpu")
    again = run_of(folder, "honest", steps=1)
    stood = Reinforcement(**{**vars(again), "shelf": Shelf(opened, again.shelf.collection, "vision")})
    train_grpo(stood, tmp_path / "grpo", before=tmp_path / "sft")
    assert adapters.read_trained(tmp_path / "grpo").adapters == ("sft", "grpo")
    (tmp_path / "sft").rename(tmp_path / "elsewhere")
    both, _ = adapters.open_trained(tmp_path / "grpo", device="cpu")
    adapters.merge(opened)
    one, two = (j.network.model.language_model.layers[0].self_attn.v_proj.weight for j in (both, opened))
    assert torch.allclose(one, two, atol=1e-5)


def test_curves_show_every_number_of_the_log(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"step": 0, "loss": 2.0, "a<b": 1.0}, {"step": 1, "loss": 1.0, "note": "x"}]
    svg = draw_curves(rows, tmp_path / "curves.svg").read_text()
    assert svg.count("<polyline") == 2
    assert "a&lt;b" in svg
    assert "1 to 2, now 1" in svg


def test_reward_weights_are_named_in_the_log_of_a_run(folder: Path, tmp_path: Path) -> None:
    train_grpo(run_of(folder, "honest", steps=1), tmp_path / "run")
    asked = json.loads((tmp_path / "run" / "checkpoints" / "step-000001" / "state.json").read_text())["asked"]
    assert asked["reward-cis_history"] == 1.0
    assert asked["reward-normalise"] == RewardConfig().normalise


class TestPlainLook(EncoderContract):
    def build(self) -> PlainLook:
        return PlainLook()
