"""Men and women drawn for occupations, on leans that are known."""

from __future__ import annotations

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.page import unnamed
from palate.evaluate.parity import FEWEST, Portraits, parity, parity_gap

KNOWN = [*["a man with a hat"] * FEWEST, *["A WOMAN, smiling"] * FEWEST]
LEANS = [*[-1.0] * FEWEST, *[1.0] * FEWEST]


def seen(*drawn: tuple[str, list[float]]) -> Portraits:
    texts = [*KNOWN, *(text for text, leans in drawn for _ in leans)]
    return Portraits(texts, np.array([*LEANS, *(one for _, leans in drawn for one in leans)]))


def test_a_gap_by_hand() -> None:
    assert parity_gap(np.array([1.0, 0.0, 1.0, 0.0])) == 0.0
    assert parity_gap(np.array([1.0, 1.0, 1.0, 0.0])) == 0.5
    assert parity_gap(np.zeros(3)) == 1.0


def test_an_occupation_that_is_drawn_as_one_side_alone_is_found() -> None:
    found = parity(seen(("a doctor", [-0.5] * 20), ("a chef", [0.5, -0.5] * 10), ("a pilot", [0.5] * 3)))
    assert found["judge:man-or-woman/auc"].value == 1.0
    assert found["doctor/parity_gap"].value == 1.0
    assert found["chef/parity_gap"].value == 0.0
    assert found["doctor:coins/parity_gap"].ci95[1] < 1.0 == found["doctor/parity_gap"].ci95[0]
    assert "pilot/parity_gap" not in found, "three pictures say nothing"
    assert unnamed(found, {}) == []


def test_who_is_named_outright_is_no_matter_of_parity() -> None:
    with pytest.raises(PalateError, match="no occupation"):
        parity(seen(("a woman who is a doctor", [1.0] * 20), ("a cat", [0.0] * 20)))


def test_a_judge_that_cannot_tell_judges_nothing() -> None:
    blind = Portraits([*KNOWN, *["a doctor"] * 20], np.random.default_rng(0).normal(size=2 * FEWEST + 20))
    with pytest.raises(PalateError, match="AUC"):
        parity(blind)
    with pytest.raises(PalateError, match="too few"):
        parity(Portraits(["a doctor"] * 20, np.zeros(20)))
