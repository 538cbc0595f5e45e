"""Composed queries and questions, with answers that can be worked out on paper."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from palate.converse import composing, eliciting
from palate.converse.changes import direction
from palate.converse.composing import unit
from palate.converse.state import Change
from palate.errors import PalateError
from palate.evaluate import converse_composed
from palate.evaluate.converse_composed import cases_of, evaluate_composed
from palate.evaluate.converse_sets import Sets, drawn, part_of
from palate.testing.fakes import FakeCaptioner, FakeEncoder
from palate.testing.shapes import draw_shape

ENCODER = FakeEncoder()


def test_a_change_moves_a_picture_to_what_is_meant() -> None:
    red, blue, square = ENCODER.encode_pictures(
        [draw_shape("circle", "red"), draw_shape("circle", "blue"), draw_shape("square", "red")]
    )
    way = direction(ENCODER.encode_words, "circle", Change("blue", "red"))
    there = unit(red + way)
    assert np.linalg.norm(way) == pytest.approx(1.0)
    assert there @ blue > there @ red > there @ square


def test_arithmetic_by_hand() -> None:
    p, d, w = np.eye(3, dtype=np.float32)[:, None]
    assert composing.arithmetic(p, d, strength=1.0)[0] == pytest.approx([2**-0.5, 2**-0.5, 0])
    assert composing.arithmetic(p, d, w, strength=0.0, share=1.0)[0] == pytest.approx([2**-0.5, 0, 2**-0.5])


def test_the_combiner_learns_what_is_linear(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    p, d, named = (composing.unit(rng.normal(size=(200, 6))) for _ in range(3))
    targets = composing.unit(p + 0.7 * d)
    combiner = composing.fit_combiner(p[:150], d[:150], named[:150], p[:150] + 0.7 * d[:150], penalty=1e-6)
    made = combiner(p[150:], d[150:], named[150:])
    assert (made * targets[150:]).sum(axis=1).min() > 0.9999
    composing.save(combiner, tmp_path / "combiner.safetensors", "space")
    again = composing.load(tmp_path / "combiner.safetensors", "space")
    assert again(p, d, named) == pytest.approx(combiner(p, d, named), abs=1e-5)
    with pytest.raises(PalateError, match="another encoder's space"):
        composing.load(tmp_path / "combiner.safetensors", "other")


def test_a_caption_with_changes() -> None:
    picture = draw_shape("circle", "red")
    words = composing.captioned(FakeCaptioner(), picture, [Change("blue"), Change("in winter", "in summer")])
    assert words == "a blue circle, in winter"


# -- sets and cases


def test_names_tell_thing_and_look() -> None:
    assert drawn("s", "bell-ringing-filled", "") == drawn("s", "bell-ringing", "fill")
    assert drawn("s", "bell", "duotone-thin").look == {"duotone", "thin"}
    assert part_of(("cloud",)) == part_of(("cloud", "rain"))


def sets_of(*names: str) -> Sets:
    rows = tuple(drawn("s", name.split("|")[0], name.partition("|")[2]) for name in names)
    return Sets(rows, np.eye(len(names), dtype=np.float32))


def test_cases_by_hand() -> None:
    sets = sets_of("bell", "bell|fill", "red-heart", "blue-heart", "cloud", "cloud-rain", "cloud-rain|fill")
    look = {(case.begun, case.target, case.said, case.named) for case in cases_of(sets, "look")}
    assert look == {(0, 1, "filled", "filled bell"), (5, 6, "filled", "filled cloud rain")}
    assert {(c.begun, c.target, c.said) for c in cases_of(sets, "colour")} == {(2, 3, "blue"), (3, 2, "red")}
    assert [(c.begun, c.target, c.said) for c in cases_of(sets, "thing")] == [(4, 5, "with rain")]


def test_a_case_with_two_right_answers_is_none() -> None:
    assert cases_of(sets_of("bell", "bell|fill", "bell|filled"), "look") == []


def test_composed_queries_in_a_world_whose_answers_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"circle": "train", "square": "dev", "triangle": "test", "cross": "test"}
    monkeypatch.setattr(converse_composed, "part_of", lambda thing: parts[thing[0]])
    colours = ("red", "blue", "green", "yellow", "purple", "orange")
    names = [f"{shape}-{colour}" for shape in parts for colour in colours]
    pixels = [np.asarray(draw_shape(*name.split("-")), dtype=np.uint8) for name in names]
    np.save(tmp_path / "toy.npy", np.stack(pixels))
    rows = [json.dumps({"name": name, "variant": ""}) for name in names]
    (tmp_path / "toy.jsonl").write_text("\n".join(rows) + "\n")
    report = evaluate_composed(tmp_path, ENCODER, sets=("toy",), out=tmp_path / "run")
    assert report.cases == 12
    assert report.metrics["arithmetic/recall@5"].value == 1.0
    assert report.metrics["combiner/recall@5"].value == 1.0
    assert report.metrics["picture only/recall@5"].value < 1.0
    assert (tmp_path / "run" / "summary.json").is_file()
    again = evaluate_composed(tmp_path, ENCODER, sets=("toy",), cache=tmp_path / "run" / "vectors")
    assert again.metrics == report.metrics
    assert Image.fromarray(pixels[0]).size == (64, 64)


# -- questions


def test_the_question_that_splits_in_halves_tells_a_bit() -> None:
    z = np.array([[9.0, 9.0], [9.0, 9.0], [-9.0, 9.0], [-9.0, 9.0]])
    belief = np.full(4, 0.25)
    told = eliciting.gains(belief, z, slip=0.0, steepness=9.0)
    assert told == pytest.approx([1.0, 0.0], abs=1e-6)
    attributes = eliciting.Attributes((("a", "b"), ("c", "d")), z)
    assert eliciting.best_question(belief, attributes)[0] == 0
    assert eliciting.best_question(belief, attributes, asked=[0])[0] == 1
    assert eliciting.best_question(belief, attributes, asked=[0, 1]) == (-1, 0.0)


def test_bayes_rule_by_hand() -> None:
    belief = eliciting.after(np.array([0.5, 0.5]), np.array([20.0, -20.0]), True, slip=0.1)
    assert belief == pytest.approx([0.9, 0.1])
    assert eliciting.without(belief, [0]) == pytest.approx([0.0, 1.0])
    assert eliciting.first_belief(np.array([0.3, 0.3])) == pytest.approx([0.5, 0.5])


def test_a_slip_bounds_what_an_answer_can_tell() -> None:
    z = np.array([[50.0], [-50.0]])
    full = eliciting.gains(np.array([0.5, 0.5]), z, slip=0.0)[0]
    noisy = eliciting.gains(np.array([0.5, 0.5]), z, slip=0.11)[0]
    assert full == pytest.approx(1.0)
    assert noisy == pytest.approx(0.5, abs=0.01)  # 1 - H(0.11)


def test_attributes_are_read_from_vectors() -> None:
    candidates = ENCODER.encode_pictures([draw_shape("circle", "red"), draw_shape("circle", "blue")])
    attributes = eliciting.Attributes.of(candidates, ENCODER.encode_words, "circle", [("red", "blue")])
    assert attributes.z[:, 0] == pytest.approx([1.0, -1.0])


def test_attributes_are_learned_where_prompts_name_enough_of_both_sides() -> None:
    """By the words alone these two cannot be told apart; by what was drawn for them they can."""
    rng = np.random.default_rng(0)
    examples = composing.unit(rng.normal(size=(60, ENCODER.dim)))
    prompts = ["a filled bell" if row[0] > 0 else "an outline of a bell" for row in examples]
    candidates = composing.unit(np.stack([examples[0] + np.eye(ENCODER.dim)[0], examples[0] - np.eye(ENCODER.dim)[0]]))
    pairs = [("filled", "outline")]
    asked = {"encode": ENCODER.encode_words, "subject": "a bell", "pairs": pairs}
    learned = eliciting.read(candidates, **asked, examples=examples, prompts=prompts)  # type: ignore[arg-type]
    assert learned.z[0, 0] > 0 > learned.z[1, 0]
    few = eliciting.read(candidates, **asked, examples=examples[:10], prompts=prompts[:10])  # type: ignore[arg-type]
    assert few.z[:, 0] == pytest.approx(
        eliciting.Attributes.of(candidates, ENCODER.encode_words, "a bell", pairs).z[:, 0]
    )
