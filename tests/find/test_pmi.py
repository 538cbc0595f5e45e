"""Eq. 9: by hand, batched as written, with any number of pictures, and without the traps of large gammas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from palate.errors import PalateError
from palate.find.kernels import gammas_for
from palate.find.pmi import choose_gamma, distance, fit_mms, fit_pmi
from palate.find.specification import Specifications


def unit(rows: Any) -> Any:
    rows = np.asarray(rows, dtype=np.float64)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def hub(rng: np.random.Generator, counts: list[int], dim: int = 8, *, shared: bool = False) -> Specifications:
    model = np.repeat(np.arange(len(counts)), counts)
    words = rng.standard_normal((len(model), dim))
    if shared:
        words = np.tile(words[: counts[0]], (len(counts), 1))
    pictures = rng.standard_normal((len(model), dim))
    return Specifications.build([f"m{i}" for i in range(len(counts))], model, pictures, prompts=words)


def as_written(known: Specifications, z: Any, q: Any, gamma: float) -> Any:
    rows = [known.model_index == m for m in range(len(known.model_ids))]
    return np.array(
        [
            [
                distance(known.pictures[r].astype(float), known.prompts[r].astype(float), a[None], b[None], gamma)
                for r in rows
            ]
            for a, b in zip(z, q, strict=True)
        ]
    )


def test_one_picture_by_hand() -> None:
    # One specification picture at a right angle (squared distance 2), prompt at 60 degrees from the caption: w = 1/2.
    # w^2 - 2 w k + 1 = 1/4 - exp(-2 gamma) + 1
    known = Specifications.build(["m"], [0], [[1.0, 0.0]], prompts=[[1.0, 0.0]])
    found = fit_pmi(known, gamma=0.3).distances([[0.0, 1.0]], [[0.5, math.sqrt(3) / 2]])
    assert found[0, 0] == pytest.approx(1.25 - math.exp(-0.6), abs=1e-6)


def test_two_pictures_unweighted_by_hand() -> None:
    # z equals the first of two pictures at a right angle: (2 + 2k)/4 - 2 (1 + k)/2 + 1 with k = exp(-2 gamma)
    known = Specifications.build(["m"], [0, 0], [[1.0, 0.0], [0.0, 1.0]])
    k = math.exp(-1.0)
    found = fit_mms(known, gamma=0.5).distances([[1.0, 0.0]])
    assert found[0, 0] == pytest.approx((2 + 2 * k) / 4 - (1 + k) + 1, abs=1e-6)


@pytest.mark.parametrize("shared", [True, False])
def test_batched_equals_the_formula_as_written(shared: bool) -> None:
    rng = np.random.default_rng(1)
    known = hub(rng, [5, 5, 5], shared=shared)
    z, q = unit(rng.standard_normal((4, 8))), unit(rng.standard_normal((4, 8)))
    found = fit_pmi(known, gamma=0.7).distances(z, q)
    assert found == pytest.approx(as_written(known, z, q, 0.7), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(counts=st.lists(st.integers(1, 6), min_size=1, max_size=5), seed=st.integers(0, 1000))
def test_models_may_have_any_number_of_pictures(counts: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = hub(rng, counts)
    z, q = unit(rng.standard_normal((2, 8))), unit(rng.standard_normal((2, 8)))
    found = fit_pmi(known, gamma=1.3).distances(z, q)
    assert found == pytest.approx(as_written(known, z, q, 1.3), abs=1e-6)


def test_scores_of_several_pictures_order_as_the_mean_distance() -> None:
    rng = np.random.default_rng(2)
    known = hub(rng, [4, 4, 4, 4, 4])
    z, q = unit(rng.standard_normal((3, 8))), unit(rng.standard_normal((3, 8)))
    matching = fit_pmi(known, gamma=2.0)
    assert matching.scores(z, q).argsort().tolist() == (-matching.distances(z, q).mean(axis=0)).argsort().tolist()


def test_the_model_that_drew_it_scores_highest() -> None:
    rng = np.random.default_rng(3)
    known = hub(rng, [3, 3, 3], dim=32)
    assert fit_mms(known, gamma=4.0).scores(known.pictures[4][None]).argmax() == 1


@pytest.mark.parametrize("gamma", [20.0, 1_000.0, 100_000.0])
def test_a_large_gamma_does_not_make_all_models_seem_equal(gamma: float) -> None:
    # Pictures at growing angles from the one asked for: nearest first, however small the kernels get.
    angles = np.radians([20.0, 40.0, 60.0, 80.0])
    known = Specifications.build(list("abcd"), [0, 1, 2, 3], np.column_stack([np.cos(angles), np.sin(angles)]))
    scores = fit_mms(known, gamma=gamma).scores([[1.0, 0.0]])
    assert (scores[:-1] >= scores[1:]).all()
    assert scores[0] > scores[1]


def test_a_model_without_a_usable_picture_is_infinitely_far() -> None:
    known = Specifications.build(["a", "b"], [0], [[1.0, 0.0]], prompts=[[1.0, 0.0]])
    assert fit_pmi(known, gamma=1.0).distances([[1.0, 0.0]], [[1.0, 0.0]])[0].tolist() == [
        pytest.approx(0.0, abs=1e-6),
        math.inf,
    ]


def test_pictures_without_a_prompt_are_left_out_of_pmi_only() -> None:
    known = Specifications.build(
        ["a"], [0, 0], [[1.0, 0.0], [0.0, 1.0]], prompts=[[1.0, 0.0], [0.0, 0.0]], has_prompt=[True, False]
    )
    assert fit_pmi(known, gamma=1.0).blocks[0].size == 1
    assert fit_mms(known, gamma=1.0).blocks[0].size == 2


def test_gamma_is_chosen_on_the_scale_of_the_pictures() -> None:
    rng = np.random.default_rng(4)
    style = rng.standard_normal((6, 16))
    words = rng.standard_normal((12, 16))
    pictures = (words[:, None] + style + 0.3 * rng.standard_normal((12, 6, 16))).reshape(-1, 16)
    known = Specifications.build(
        [str(i) for i in range(6)], np.tile(np.arange(6), 12), pictures, prompts=np.repeat(words, 6, axis=0)
    )
    gamma = choose_gamma(known)
    assert gamma in gammas_for(known.pictures)
    found = fit_pmi(known).distances(known.pictures, known.prompts)
    assert np.mean(found.argmin(axis=1) == known.model_index) > 0.5


def test_gamma_of_unnamed_pictures_does_not_find_the_picture_itself() -> None:
    # Two models draw alike: without leaving a picture out, the narrowest kernel would look perfect.
    rng = np.random.default_rng(5)
    pictures = rng.standard_normal((40, 6)) + 2.0
    known = Specifications.build(["a", "b"], np.arange(40) % 2, pictures)
    assert choose_gamma(known, weighted=False) in gammas_for(known.pictures)


def test_captions_of_another_dimension_are_refused() -> None:
    known = Specifications.build(["a"], [0], [[1.0, 0.0]], prompts=[[1.0, 0.0]])
    with pytest.raises(PalateError, match="dimensions"):
        fit_pmi(known, gamma=1.0).scores([[1.0, 0.0, 0.0]], [[1.0, 0.0, 0.0]])


def test_a_caption_is_needed_for_every_picture() -> None:
    known = Specifications.build(["a"], [0], [[1.0, 0.0]], prompts=[[1.0, 0.0]])
    with pytest.raises(PalateError, match="2 pictures need as many captions"):
        fit_pmi(known, gamma=1.0).scores([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0]])
