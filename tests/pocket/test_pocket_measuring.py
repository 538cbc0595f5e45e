"""The judges and what they measure: known answers, and a run over the tiny package that writes into its cards."""

from pathlib import Path

import numpy as np
import pytest
from pocket_world import flags
from recipes import captions, janus, judge, measure, measure_identification, measure_janus, package, ship, vq, work


def test_the_fifty_things_are_fifty_and_known_to_training() -> None:
    assert len(set(judge.EVERYDAY)) == 50
    assert not [name for name in judge.EVERYDAY if captions.share("concept", name) < captions.UNSEEN_CONCEPTS]


def test_a_family_is_judged_as_a_whole_by_a_judge_that_it_did_not_teach() -> None:
    halves = {name: judge.half_of({"set": name}) for name in ("ic", "mdi", "material-symbols", "bx", "bxs")}
    assert halves["ic"] == halves["mdi"] == halves["material-symbols"]
    assert halves["bx"] == halves["bxs"]


def test_things_are_known_by_their_words_in_any_order_and_look() -> None:
    rows = [{"name": "apple-outline"}, {"name": "apple-pie"}, {"name": "wrench"}]
    assert judge.everyday(rows).tolist() == [1, -1, 49]


def test_a_judge_learns_what_is_separable() -> None:
    names = np.arange(100) % 2
    shown = np.full((100, 64, 64, 3), 255, np.uint8)
    shown[names == 0, 24:40, 8:56] = 0
    shown[names == 1, 8:56, 24:40] = 0
    taught = judge.learned(shown, names, np.full(100, 0.01), steps=12, seed=0)
    assert (taught.names(shown) == names).all()


def test_distances_are_means_over_pairs() -> None:
    assert measure.mean_distance(np.array([[1, 0], [0, 2], [3, 0]], np.float32)) == pytest.approx(2 / 3)


def test_a_ratio_has_an_interval_over_models() -> None:
    value, low, high = measure.interval([(0.2, 0.4), (0.3, 0.6)])
    assert (value, low, high) == pytest.approx((0.5, 0.5, 0.5))
    value, low, high = measure.interval([(0.0, 0.5), (0.5, 0.5)])
    assert value == pytest.approx(0.5)
    assert (low, high) == pytest.approx((0.0, 1.0))


def test_the_nearest_icons_are_of_the_nearest_words() -> None:
    words = np.array([[0, 1], [1, 0], [0.6, 0.8]], np.float32)
    found = measure.nearest_icons(np.array([1, 0], np.float32), {"a": 10, "b": 20, "c": 30}, words)
    assert found == [20, 30, 10]


def test_a_name_is_the_end_of_a_text_that_is_padded_on_its_left() -> None:
    import torch

    assert measure_janus.last_places(torch.tensor([1, 3]), 4).tolist() == [[False] * 3 + [True], [False] + [True] * 3]


def test_what_is_measured_goes_into_the_cards_and_drawings_are_kept(pocket_weights: Path) -> None:
    judged = judge.main(["--steps", "5"])
    assert {"accuracy", "families taught"} <= set(judged["half 0"])
    numbers = measure.main(["diffusion", "--most", "2", "--steps", "1"])
    assert len(numbers["models"]) == 2
    assert all(0 <= row["recognised"] <= 1 for row in numbers["models"])
    assert "## Measured with its drawing models" in (pocket_weights / "diffusion" / "README.md").read_text()
    card = (pocket_weights / "adapters" / numbers["models"][0]["model"] / "README.md").read_text()
    assert "Of 50 everyday things" in card
    kept = sorted(work.folder("measure").glob("*.npy"))
    assert [np.load(path).shape for path in kept] == [(50 + 48, 64, 64, 3)] * 2
    stamps = [path.stat().st_mtime_ns for path in kept]
    measure.main(["diffusion", "--most", "2", "--steps", "1"])
    assert [path.stat().st_mtime_ns for path in kept] == stamps


def test_janus_is_asked_for_names_and_for_drawings(pocket_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure_janus, "DRAWN_A_THING", 1)
    vq.main(flags(steps=1, batch=4, codes=16, width=64, tests=4))
    janus.main(flags(steps=1, batch=4, width=64, sight_width=64, layers=1, seeing=1, vocabulary=700, tests=4, shared=1))
    ship.main(["janus"])
    judge.main(["--steps", "5"])
    numbers = measure.main(["janus", "--most", "2"])
    assert numbers["pictures"] <= 2
    assert 0 <= numbers["named"] <= 1
    assert "right name among 50" in (package.WEIGHTS / "janus" / "README.md").read_text()


def test_models_are_alike_where_their_family_has_another() -> None:
    sets = {"a": "bx", "b": "bxs", "c": "tabler", "d": "noto", "e": "ri", "f": "ri"}
    assert measure_identification.alike(sets) == {"a", "b", "e", "f"}


def test_a_difference_is_over_the_chosen_models_alone() -> None:
    ours, theirs = np.array([1.0, 1.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, 1.0])
    found = measure_identification.difference(ours, theirs, ["a", "a", "b", "c"], {"a", "b"})
    assert (found["models"], found["style"], found["pmi"]) == pytest.approx((2, 1.0, 1 / 3))
    assert found["difference"] == pytest.approx(2 / 3)
    assert (found["low"], found["high"]) == pytest.approx((0.5, 1.0))


@pytest.mark.long
def test_the_benchmark_runs_on_the_tiny_hub_with_prompts_about_icons(
    pocket_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PALATE_POCKET_HOME", "restored afterwards")
    numbers = measure.main(["identification", "--seeds", "1"])
    assert {"style/top1@1", "pmi/top1@6"} <= set(numbers["metrics"])
    assert "`palate evaluate identification --hub pocket`" in (pocket_weights / "diffusion" / "README.md").read_text()
