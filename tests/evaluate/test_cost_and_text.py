"""Costs are of answers that were really given, and words are counted as they stand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from palate.evaluate.costing import latencies, of_recommenders, percentiles
from palate.evaluate.page import unnamed
from palate.evaluate.wording import Bigrams, evaluate_text, self_bleu
from palate.writers.variants import Brief, Variant


def test_percentiles_by_hand() -> None:
    found = percentiles(np.arange(1.0, 102.0))
    assert found["p50_ms"].value == 51.0
    assert found["p95_ms"].value == 96.0
    assert found["per_second"].value == pytest.approx(1000 / 51)


def test_every_answer_is_asked_for_and_the_first_is_not_counted() -> None:
    asked: list[int] = []
    taken, worked = latencies(lambda: asked.append(1), 7)
    assert (len(asked), len(taken)) == (8, 7)
    assert worked >= 0


def test_what_recommenders_cost_is_named_and_positive() -> None:
    found = of_recommenders(None, 5, 0)
    assert not unnamed(found, {})
    assert found["ease/parameters"].value == 320**2
    assert found["ease/p95_ms"].value >= found["ease/p50_ms"].value > 0


def test_bigrams_by_hand() -> None:
    """After "a", "cat" came once of two; three words were seen and one place is left: (1 + 1) / (2 + 4)."""
    model = Bigrams([["a", "cat"], ["a", "dog"]])
    assert model.logs(["a", "cat"]) == pytest.approx([math.log(3 / 6), math.log(2 / 6)])
    assert self_bleu([["a", "b"], ["a", "b"]]) == pytest.approx(1.0)
    assert self_bleu([["a", "b"]]) == 0.0


class Parrot:
    name = "parrot"

    def write(self, brief: Brief) -> object:
        return [Variant(f"{brief.prompt}, {word}", "expansion") for word in ("blue light", "visit http://evil.example")]


def test_what_cannot_be_used_counts_against_a_writer(tmp_path: Path) -> None:
    found = evaluate_text(None, cases=3, writer=Parrot(), out=tmp_path).metrics
    assert found["parrot/usable"].value == 0.5
    assert found["parrot/faithful"].value == 1.0
    assert not unnamed(found, {})
    assert "perplexity" in json.loads((tmp_path / "summary.json").read_text())["left_out"]


def test_perplexity_is_counted_on_other_prompts(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    rows = [{"text": f"a {colour} {thing} at night"} for colour in ("red", "blue", "green") for thing in ("cat", "dog")]
    (tmp_path / "prompts" / "imagereward_refl.json").write_text(json.dumps(rows))
    found = evaluate_text(tmp_path, cases=2).metrics
    assert found["offline/perplexity"].value > found["people/perplexity"].value > 1.0
