"""Composed queries on a hub's bank, where every drawing is the sum of its thing, its look and who drew it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from palate.evaluate.converse_banked import Pictures, cases_of, differences, evaluate_banked, ranks, read_pictures

THINGS, LOOKS, MODELS, SEEDS = ["a cat", "a sun", "a key", "a car", "a tent", "a bus"], ["bold", "thin"], 3, 2
RNG = np.random.default_rng(0)
PARTS = dict(zip([*THINGS, *LOOKS, "0", "1", "2"], np.linalg.qr(RNG.standard_normal((16, 16)))[0], strict=False))


class Sums:
    """Words are the sum of the things and looks that they name."""

    id = "sums"

    def encode_words(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = [sum((PARTS[word] for word in (*THINGS, *LOOKS) if word in text), np.full(16, 1e-3)) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], np.float32)


class Bank(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.broken)


def bank() -> Bank:
    prompts = [SimpleNamespace(text=f"an icon of {thing}", slots={}) for thing in THINGS]
    prompts += [
        SimpleNamespace(text=f"a {look} icon of {thing}", slots={"concept": thing, "look": look})
        for thing in THINGS
        for look in LOOKS
    ]
    rows = [
        PARTS[str(model)]
        + sum(PARTS[word] for word in (*THINGS, *LOOKS) if word in said.text)
        + 0.01 * RNG.standard_normal(16)
        for model in range(MODELS)
        for said in prompts
        for _ in range(SEEDS)
    ]
    vectors = np.array([row / np.linalg.norm(row) for row in rows], np.float32)
    return Bank(
        prompts=prompts,
        models=("0", "1", "2"),
        starts=tuple(range(0, SEEDS * len(prompts) + 1, SEEDS)),
        broken=np.zeros(len(vectors), dtype=bool),
        vectors=lambda rows: vectors[list(rows)],
    )


def test_the_same_drawer_s_other_look_is_found_and_the_picture_alone_finds_it_seldom(tmp_path: Path) -> None:
    report = evaluate_banked(bank(), Sums(), out=tmp_path)  # type: ignore[arg-type]
    assert report.cases == 3 * len(THINGS) * 4  # plain to two looks, and each look to the other
    assert report.metrics["the hub's differences and words/recall@5"].value == 1
    assert report.metrics["of all/the hub's differences and words/recall@5"].value == 1
    assert report.metrics["of all/words only/recall@5"].value < 0.5
    assert report.metrics["arithmetic and words-picture only/recall@5"].value > 0
    tuned = json.loads((tmp_path / "specification.json").read_text())["tuned"]
    assert [one["asked"] for one in tuned] == ["a cat, a sun", "a key, a car", "a tent, a bus"]


def test_what_differs_is_learned_from_other_things_of_the_same_drawer() -> None:
    pictures = read_pictures(bank())
    [case, *_] = [one for one in cases_of(pictures, ["a cat"], 100) if (one.before, one.said) == ("bold", "thin")]
    found = differences(pictures, [case], ["a key", "a car"])[0]
    wanted = (PARTS["thin"] - PARTS["bold"]) / np.sqrt(3)
    assert found == pytest.approx(wanted, abs=0.03)


def test_broken_pictures_are_no_candidates_and_ties_count_against() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 1, 2]]
    places = {("a cat", ""): (0,), ("a cat", "bold"): (1,)}
    pictures = Pictures(vectors, np.ones(4, dtype=bool), places, ("m",))
    cases = cases_of(pictures, ["a cat"], 10)
    assert ranks(pictures, cases, vectors[[1]], within=True).tolist() == [2]
    sound = Pictures(vectors, np.array([True, True, False, True]), places, ("m",))
    assert ranks(sound, cases, vectors[[1]], within=True).tolist() == [1]
