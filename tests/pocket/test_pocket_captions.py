"""Words for icons, and the split that keeps held-out pictures held out."""

import random
from typing import Any

from recipes import captions


def row(**changes: Any) -> dict[str, Any]:
    plain = {
        "set": "tabler",
        "icon": "cloud-rain",
        "name": "cloud-rain",
        "variant": "",
        "categories": [],
        "also": [],
        "stroke": 0.0,
        "round": False,
        "tint": False,
        "colours": 0,
        "ink": 0.2,
        "deep": 0.0,
    }
    return plain | changes


def test_a_name_is_read_without_its_look_and_its_number() -> None:
    assert captions.shown(row(name="cloud-rain-2-outline")) == ["cloud", "rain"]
    assert captions.shown(row(name="outline")) == ["outline"]
    assert captions.words_of("cloudRain") == ["cloud", "rain"]


def test_a_concept_is_one_key_however_its_words_are_ordered() -> None:
    assert captions.concept(row(name="arrow-left")) == captions.concept(row(name="left-arrow")) == "arrow left"


def test_the_variant_says_the_look_before_the_drawing_does() -> None:
    assert captions.canonical(row(variant="filled", deep=0.0)) == "filled icon of cloud rain"
    assert captions.canonical(row(deep=0.5)) == "filled icon of cloud rain"
    assert captions.canonical(row(deep=0.01, stroke=0.04, round=True)) == "thin rounded outline icon of cloud rain"
    assert captions.canonical(row(set="pixelarticons")) == "pixel art icon of cloud rain"


def test_the_same_seed_gives_the_same_words() -> None:
    told = [captions.varied(row(also=["shower"], categories=["Weather"]), "Tabler", random.Random(7)) for _ in range(2)]
    assert told[0] == told[1]


def test_no_training_picture_shows_an_unseen_concept_or_a_held_drawing() -> None:
    names = [f"thing {number:03} of {letter}" for number in range(400) for letter in "abc"]
    rows = [row(set=of, name=name, icon=name) for name in names for of in ("ic", "mdi", "tabler")]
    parts = captions.split(rows)
    assert {"train", "held", "unseen"} <= set(parts)
    taught = {captions.concept(r) for r, part in zip(rows, parts, strict=True) if part == "train"}
    drawn = {(captions.family(r), captions.concept(r)) for r, part in zip(rows, parts, strict=True) if part == "train"}
    for r, part in zip(rows, parts, strict=True):
        if part == "unseen":
            assert captions.concept(r) not in taught
        if part == "held":
            assert captions.concept(r) in taught
            assert (captions.family(r), captions.concept(r)) not in drawn


def test_chosen_captions_are_distinct_and_so_are_their_drawings() -> None:
    rows = [row(variant=look, name=name) for look in ("filled", "outline") for name in ("a b", "b-a", "c")]
    chosen = captions.distinct(rows, list(range(6)), 10, seed=0)
    assert len(chosen) == 2
    assert {captions.concept(rows[index]) for index in chosen} == {"a b", "c"}
