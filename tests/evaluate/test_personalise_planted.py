"""Planted tastes on painted shapes: labels, people, the classifier, and a method that answers to taste."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from palate.errors import PalateError
from palate.evaluate.personalise_methods import SHOWN, alike, shop_of
from palate.evaluate.personalise_planted import (
    FOLDS,
    Classifier,
    PlantedDesign,
    accuracies,
    among,
    evaluate_planted,
    others_of,
    shares_of,
    windows_of_length,
)
from palate.personalise.drawing import as_png
from palate.personalise.from_hub import Wish
from palate.personalise.planted import Pool, Taste, ink_colour, planted_people, read_pool
from palate.personalise.reading import read_collection
from palate.personalise.scorers import Space
from palate.testing.fakes import FakeEncoder
from palate.testing.januses import build_tiny_janus
from palate.testing.shapes import draw_shape

COLOURS, SHAPES, GROUNDS = ("red", "green", "blue"), ("circle", "square", "cross"), ("white", "black")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every colour, shape and ground many times, a little apart."""
    place = tmp_path_factory.mktemp("pool")
    chance, rows = np.random.default_rng(0), ["file,title,style,topic,colour"]
    for number in range(540):
        colour, shape = COLOURS[number % 3], SHAPES[number // 3 % 3]
        ground = GROUNDS[number // 9 % 2]
        centre = (0.5 + 0.05 * chance.standard_normal(), 0.5 + 0.05 * chance.standard_normal())
        name = f"{number:03d}.png"
        draw_shape(shape, colour, ground=ground, size=48, centre=centre).save(place / name)
        rows.append(f"{name},{colour} {shape},on {ground},{shape},{colour}")
    (place / "labels.csv").write_text("\n".join(rows) + "\n")
    return place


@pytest.fixture(scope="module")
def pool(folder: Path) -> Pool:
    return read_pool(folder)


def test_everybody_likes_one_value_of_one_kind(pool: Pool) -> None:
    collection, tastes = planted_people(pool, people=24)
    for person, (items, _) in zip(collection.people, collection.sequences(), strict=True):
        taste = tastes[person]
        assert len(set(items.tolist())) == 12
        assert {pool.labels[item][taste.kind] for item in items} == {taste.value}
    assert {taste.kind for taste in tastes.values()} == {"style", "topic", "colour"}


def test_items_kept_from_training_are_no_part_of_what_it_reads(folder: Path, pool: Pool) -> None:
    held = {item.id for item in pool.part(held=True).items}
    taught = {item.id for item in read_collection(folder).items}
    assert not held & taught
    assert len(held) + len(taught) == 540
    assert len(held) == pytest.approx(135, abs=40)


def test_colours_are_measured_where_no_label_says_them() -> None:
    assert ink_colour(draw_shape("square", "blue")) == "blue"
    assert ink_colour(draw_shape("square", "red", ground="black")) == "red"
    assert ink_colour(Image.new("RGB", (8, 8), (200, 200, 200))) == "grey"


def test_a_picture_outside_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("file,topic\n../secret.png,x\n")
    with pytest.raises(PalateError, match="outside of the folder"):
        read_pool(tmp_path)
    (tmp_path / "labels.csv").write_text("name\nx\n")
    with pytest.raises(PalateError, match="columns file"):
        read_pool(tmp_path)


def test_the_classifier_knows_what_it_has_not_seen(pool: Pool) -> None:
    known, new = pool.part(held=False), pool.part(held=True)
    classifier = Classifier.learned(FakeEncoder(), known, shop_of(planted_people(known, people=2)[0], 48))
    found = accuracies(classifier, new, shop_of(planted_people(new, people=2)[0], 48), 0)
    assert {name: round(metric.value, 2) for name, metric in found.items()} == {
        "classifier/accuracy-style": 1.0,
        "classifier/accuracy-topic": 1.0,
        "classifier/accuracy-colour": 1.0,
    }


def test_shares_are_of_one_s_own_taste(pool: Pool) -> None:
    known = pool.part(held=False)
    classifier = Classifier.learned(FakeEncoder(), known, shop_of(planted_people(known, people=2)[0], 48))
    red, blue = draw_shape("circle", "red", size=48), draw_shape("circle", "blue", size=48)
    tastes = [Taste("colour", "red"), Taste("colour", "blue"), Taste("topic", "circle")]
    assert shares_of(classifier, [[red, red, red, blue]] * 3, tastes).tolist() == [0.75, 0.25, 1.0]


def test_whoever_learned_from_a_picture_does_not_judge_it() -> None:
    weights = np.zeros((FOLDS, 3, 2))
    weights[:, 0, 0] = 1.0  # to all but the third, what lies along the first axis is red
    weights[2, 0] = [0.0, 1.0]
    known, new = np.array([[1.0, 0.0]], np.float32), np.array([[2.0, 0.0]], np.float32)
    judge = Classifier(FakeEncoder(), {"colour": ["red", "blue"]}, {"colour": weights}, {known[0].tobytes(): 2})
    assert judge.found(known, "colour", ["red"]).tolist() == [0.0]
    assert judge.found(new, "colour", ["red"]).tolist() == [0.8]


def test_somebody_else_has_another_taste_of_the_same_kind() -> None:
    tastes = [Taste("colour", "red"), Taste("topic", "circle"), Taste("colour", "red"), Taste("colour", "blue")]
    assert others_of(tastes) == [3, 1, 3, 0]


def test_retrieval_follows_the_planted_taste_and_a_network_is_measured_beside_it(pool: Pool, tmp_path: Path) -> None:
    janus = build_tiny_janus(tmp_path / "janus", patches=2, layers=1)
    chooser = "palate.testing.fakes:FakeEncoder"
    design = PlantedDesign(people=24, janus=str(janus), device="cpu", choosers=(chooser,), of=6)
    report = evaluate_planted(pool, design, out=tmp_path / "run")
    assert report.metrics["retrieve-visual/share"].value > report.metrics["random/share"].value
    assert report.metrics["retrieve-visual/share"].value > report.metrics["retrieve-visual-for-another/share"].value
    own, other = (report.metrics[f"untrained{end}/share"].value for end in ("", "-for-another"))
    assert report.metrics["untrained-shuffled/share"].value == pytest.approx(own - other)
    for name in (
        "untrained/share",
        "untrained/share-of-0",
        "untrained-shuffled/share",
        "untrained-best-retrieval/share",
        "untrained-chosen/share",
        "untrained-chosen-shuffled/share",
        "untrained-chosen-untrained/share",
        "retrieve-chosen/share",
        "untrained/pairwise",
        "untrained/near-identical",
    ):
        assert name in report.metrics
    assert report.metrics["untrained/copies"].value < report.metrics["random/copies"].value
    assert (tmp_path / "run" / "summary.json").is_file()


def test_what_a_hub_draws_on_a_hunch_is_of_the_taste_and_stands_beside_what_exists(pool: Pool) -> None:
    """Its models draw what the words say, but for the colour, which they choose themselves."""
    chance, asked = np.random.default_rng(0), list[Wish]()

    def draw(wanted: Sequence[Wish]) -> list[bytes]:
        asked.extend(wanted)
        return [as_png(draw_shape(w.words.split()[1], str(chance.choice(COLOURS)), size=48)) for w in wanted]

    choosers = ("palate.testing.fakes:FakeEncoder",)
    design = PlantedDesign(people=20, device="cpu", choosers=choosers, drawing=(), of=10)
    metrics = evaluate_planted(pool, design, draw=draw).metrics
    assert metrics["hub/share"].value > metrics["random/share"].value + 0.2
    assert metrics["hub/share"].value > metrics["hub-for-another/share"].value + 0.2
    assert {"hub-best-retrieval/share", "hub-shuffled/share", "retrieve-hunch/share", "hub/share-of-0"} <= set(metrics)
    assert len(asked) == 20 * (3 * 10 + SHOWN)


def test_the_judge_does_not_choose_what_it_judges(pool: Pool) -> None:
    with pytest.raises(PalateError, match="may not choose"):
        evaluate_planted(pool, PlantedDesign(choosers=("plain-look",)))


def test_retrieval_finds_from_the_whole_pool_what_one_does_not_have(pool: Pool) -> None:
    new, everything = pool.part(held=True), planted_people(pool, people=2)[0]
    shop = shop_of(planted_people(new, people=8, each=6)[0], 48)
    windows = windows_of_length(shop, range(8), 5)
    for window, there in zip(windows, among(shop, everything, windows), strict=True):
        assert [everything.items[at].id for at in there.history] == [shop.items[at].id for at in window.history]
        assert everything.items[there.target].id == shop.items[window.target].id
    recommended = alike(Space(FakeEncoder(), everything), among(shop, everything, windows))
    kept = {item.id for item in new.items}
    assert any(everything.items[at].id not in kept for at in recommended.ravel())
    for row, there in zip(recommended, among(shop, everything, windows), strict=True):
        assert not set(row.tolist()) & set(there.past)
