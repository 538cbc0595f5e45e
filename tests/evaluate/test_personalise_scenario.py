"""The scenario end to end on the painted world, with what each method must show and what counts as a loss."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from palate.errors import PalateError
from palate.evaluate import personalise_methods as methods
from palate.evaluate.personalise import (
    UNSEEN,
    Limits,
    PersonaliseDesign,
    evaluate_personalise,
    known_measures,
    lost,
    mean_of,
    people_first,
    somebody_elses,
)
from palate.evaluate.personalise_methods import SHOWN, known_drawers, shop_of
from palate.metrics.likeness import sharpness
from palate.personalise.histories import Collection, Window, split_by_time
from palate.personalise.janus import open_janus
from palate.personalise.opening import Networks
from palate.personalise.plain_look import PlainLook
from palate.personalise.scorers import Space, pixels_of
from palate.personalise.sft import SftConfig, train_sft
from palate.personalise.shelf import Shelf
from palate.testing.fakes import FakeEncoder
from palate.testing.januses import build_tiny_janus
from palate.testing.likings import painted_collection, publish
from palate.testing.worlds import build_tiny_clip


@pytest.fixture(scope="module")
def collection() -> Collection:
    return painted_collection(people=40, each=12)


def test_every_method_is_measured_alike_and_leaves_a_run(collection: Collection, tmp_path: Path) -> None:
    data = publish(tmp_path / "data", collection)
    janus = str(build_tiny_janus(tmp_path / "janus"))
    clip = str(build_tiny_clip(tmp_path / "clip"))
    opened = Shelf(open_janus(janus, device="cpu"), collection, "vision")
    parts = split_by_time(collection, length=3)
    train_sft(opened, parts, tmp_path / "home" / "personalise" / "sft", SftConfig(batch=8, most=2, watched=0))
    networks = Networks(clip, str(tmp_path / "nowhere"), "none", device="cpu")
    drawing = known_drawers([*methods.DRAWING, f"elsewhere={tmp_path / 'home' / 'personalise' / 'sft'}"])
    design = PersonaliseDesign(
        10, janus, networks, retrieval=("popularity", "itemknn", "sasrec"), drawing=drawing, of=6, length=3
    )
    report = evaluate_personalise(data, design, home=tmp_path / "home", out=tmp_path / "run")
    shown = {"retrieve-popularity", "retrieve-sasrec", "retrieve-visual", "random", "pixel-mean", "copy-history"}
    for name in (*shown, "untrained", "sft", "ceiling"):
        for measure in (
            "cts-target",
            "cis-target",
            "cis-history",
            "lpips-history",
            "ssim-target",
            "aesthetics",
            UNSEEN,
        ):
            assert f"{name}/{measure}" in report.metrics, (name, measure)
            assert f"{name}/{measure}-best" in report.metrics
    assert report.metrics["copy-history/cis-history"].value > report.metrics["random/cis-history"].value
    assert report.metrics[f"retrieve-itemknn/{UNSEEN}"].value > report.metrics[f"random/{UNSEEN}"].value
    assert report.metrics[f"copy-history-shuffled/{UNSEEN}"].ci95[0] > 0
    for name in ("sft/losses", f"sft/{UNSEEN}-honest", "sft/near-identical", f"sft-untrained/{UNSEEN}"):
        assert name in report.metrics
    for name in ("sft-best-retrieval", "sft-chosen", "sft-chosen-sft", "sft-chosen-best-retrieval", "retrieve-chosen"):
        assert f"{name}/{UNSEEN}" in report.metrics
    assert report.metrics[f"elsewhere-sft/{UNSEEN}"].value == 0.0
    assert report.metrics["elsewhere-chosen/cis-history"] == report.metrics["sft-chosen/cis-history"]
    assert report.metrics["elsewhere/losses"] == report.metrics["sft/losses"]
    said = " ".join(row["why"] for row in report.tables["not measured"])
    assert "dis-target is not measured" in said
    assert "grpo is not measured" in said
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["metrics"][f"sft/{UNSEEN}"]["n"] == 10


def test_without_a_network_the_rest_is_measured_and_it_says_so(collection: Collection, tmp_path: Path) -> None:
    data = publish(tmp_path / "data", collection)
    networks = Networks(str(tmp_path / "no-clip"), str(tmp_path / "no-dino"), "none")
    measures = known_measures(["ssim-history", "cts-target"])
    design = PersonaliseDesign(
        10,
        str(tmp_path / "no-janus"),
        networks,
        unseen=("plain-look", "palate.personalise.plain_look:PlainLook"),
        measures=measures,
        retrieval=("popularity",),
    )
    report = evaluate_personalise(data, design)
    assert {"retrieve-popularity", "random"} <= {name.split("/")[0] for name in report.metrics}
    said = " ".join(row["why"] for row in report.tables["not measured"])
    assert "untrained, sft and grpo are not measured" in said
    assert not any(name.startswith(("sft", "grpo", "untrained")) for name in report.metrics)
    assert "random/ssim-history" in report.metrics
    assert not any(name.endswith("/ssim-target") for name in report.metrics)
    again = f"{UNSEEN}/palate.personalise.plain_look:PlainLook"
    assert report.metrics[f"random/{again}"].value == report.metrics[f"random/{UNSEEN}"].value
    assert report.metrics[f"copy-history-shuffled/{again}"] == report.metrics[f"copy-history-shuffled/{UNSEEN}"]


def test_an_unknown_measure_is_named() -> None:
    assert "cis-history" in known_measures(None)
    with pytest.raises(PalateError, match="no measure 'beauty'"):
        known_measures(["beauty"])


def test_what_draws_is_named_and_folders_from_elsewhere_have_names_of_their_own() -> None:
    assert known_drawers(None) == ("untrained", "sft", "grpo")
    assert known_drawers(["hub2=/a", "sft", "untrained"]) == ("untrained", "sft", "hub2=/a")
    assert known_drawers(["posters=/a=b"]) == ("posters=/a=b",)
    for wrong in ("nobody", "sft=/a", "random=/a", "=/a", "two-words=/a"):
        with pytest.raises(PalateError, match="draws nothing"):
            known_drawers([wrong])


# -- what methods show ------------------------------------------------------------------------------------------------


def test_nobody_is_shown_what_they_have(collection: Collection) -> None:
    windows = split_by_time(collection).test[:4]
    for chosen in (
        methods.random_items(collection, windows, 0),
        methods.alike(Space(PlainLook(), collection), windows),
        methods.retrieved(shop_of(collection, 16), windows, "popularity", np.inf),
    ):
        assert chosen.shape == (4, SHOWN)
        for row, window in zip(chosen, windows, strict=True):
            assert not set(row.tolist()) & set(window.past)


def test_the_visual_recommender_keeps_to_the_colour(collection: Collection) -> None:
    windows = split_by_time(collection).test[:6]
    for row, window in zip(methods.alike(Space(FakeEncoder(), collection), windows), windows, strict=True):
        colours = {collection.items[item].title.split()[0] for item in (*window.history, *row.tolist())}
        assert len(colours) == 1


def test_a_short_history_is_copied_round_and_round() -> None:
    window = Window(0, (7, 8), 9, (9,), 0.0)
    assert methods.copied([window]).tolist() == [[8, 7, 8, 7]]


def test_the_mean_of_a_history_s_pixels_is_the_mean(collection: Collection) -> None:
    [[picture, *_]] = methods.pixel_means(shop_of(collection, 16), [Window(0, (0, 0, 50), 1, (1,), 0.0)])
    shop = shop_of(collection, 16)
    wanted = (2 * np.asarray(shop.picture(0), float) + np.asarray(shop.picture(50), float)) / 3
    assert np.abs(np.asarray(picture, float) - wanted).max() <= 0.5


# -- losses -----------------------------------------------------------------------------------------------------------


def test_copies_and_blurs_are_losses_and_new_pictures_are_not(collection: Collection) -> None:
    space, shop = Space(PlainLook(), shop_of(collection, 64)), shop_of(collection, 64)
    window, known = Window(0, (60, 61), 62, (62,), 0.0), shop.picture(3)
    taught = space.encoder.encode_pictures([known])
    limits = Limits(taught, nearest=0.999, to_history=0.999, sharp=1.0, real_sharpness=3.0, same=0.999)
    chance = np.random.default_rng(0)
    new = Image.fromarray(chance.integers(0, 256, (64, 64, 3)).astype(np.uint8))
    shown = [[known, new, new.filter(ImageFilter.GaussianBlur(30)), shop.picture(61)]]
    sharp = {"sharpness": np.array([[sharpness(pixels_of(picture)) for picture in shown[0]]])}
    losses = lost(space.drawn(shown[0])[None], sharp, [window], limits, space)[0]
    assert losses.tolist() == [1, 0, 1, 1]


def test_limits_are_what_real_pictures_keep_to(collection: Collection) -> None:
    parts = split_by_time(collection)
    space, shop = Space(PlainLook(), collection), shop_of(collection, 16)
    limits = Limits.of(shop, parts, parts.test, space)
    assert 0 < limits.sharp < limits.real_sharpness
    assert limits.nearest <= 1.0 + 1e-6
    assert limits.same > 0.5


def test_one_of_each_person_comes_before_a_second_of_any() -> None:
    windows = [Window(person, (0,), 1, (1,), float(at)) for at, person in enumerate((5, 5, 6, 5, 7))]
    assert [window.person for window in people_first(windows, 4)] == [5, 6, 7, 5]


def test_somebody_else_is_never_oneself() -> None:
    windows = [Window(person, (0,), 1, (1,), 0.0) for person in (0, 0, 0, 1, 2)]
    for own, other in zip(windows, somebody_elses(windows), strict=True):
        assert own.person != other.person


def test_what_is_not_scored_is_not_averaged() -> None:
    found = mean_of(np.array([[1.0, np.nan, 3.0], [np.nan] * 3]))
    assert found[0] == 2.0
    assert np.isnan(found[1])
