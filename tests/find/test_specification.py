"""What a specification accepts, refuses, and selects."""

from __future__ import annotations

import numpy as np
import pytest

from palate.errors import PalateError
from palate.find.specification import Specifications

PICTURES = np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0], [5.0, 12.0]])


def two_models() -> Specifications:
    return Specifications.build(
        ["a", "b"],
        [0, 1, 0, 1],
        PICTURES,
        prompts=[[1.0, 0.0], [1.0, 0.0], [9.0, 9.0], [0.0, 3.0]],
        has_prompt=[True, True, False, True],
        downloads=[10, None],
        picture_ids=["w", "x", "y", "z"],
        encoder_id="e",
    )


def test_vectors_are_scaled_to_length_one() -> None:
    known = two_models()
    assert known.pictures[0] == pytest.approx([0.6, 0.8])
    assert known.prompts[3] == pytest.approx([0.0, 1.0])
    assert (known.prompts[2] == 0).all()


def test_prompts_with_equal_vectors_are_the_same_prompt() -> None:
    index = two_models().prompt_index
    assert index[0] == index[1]
    assert index[2] == -1
    assert index[3] not in (index[0], -1)


def test_missing_downloads_are_not_a_number() -> None:
    assert np.isnan(two_models().downloads[1])


def test_taking_rows_keeps_the_models() -> None:
    some = two_models().take(np.array([False, True, False, True]))
    assert some.model_ids == ("a", "b")
    assert some.counts.tolist() == [0, 2]
    assert some.picture_ids == ("x", "z")


def test_taking_models_numbers_them_anew() -> None:
    one = two_models().of_models([1])
    assert one.model_ids == ("b",)
    assert one.model_index.tolist() == [0, 0]
    assert one.picture_ids == ("x", "z")


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf, 1e200])
def test_one_bad_vector_is_refused_by_its_number(poison: float) -> None:
    pictures = PICTURES.copy()
    pictures[2, 0] = poison
    with pytest.raises(PalateError, match="number 2") as refused:
        Specifications.build(["a"], [0, 0, 0, 0], pictures)
    assert refused.value.code == "embedding_invalid"


def test_a_zero_vector_is_refused() -> None:
    with pytest.raises(PalateError, match="number 1"):
        Specifications.build(["a"], [0, 0], [[1.0, 0.0], [0.0, 1e-40]])


def test_prompts_of_another_dimension_are_refused() -> None:
    with pytest.raises(PalateError, match="one encoder"):
        Specifications.build(["a"], [0], [[1.0, 0.0]], prompts=[[1.0, 0.0, 0.0]])


def test_another_encoder_of_the_same_dimension_is_refused() -> None:
    with pytest.raises(PalateError) as refused:
        two_models().require_encoder("f")
    assert refused.value.code == "encoder_mismatch"


def test_a_model_that_is_not_there_is_refused() -> None:
    with pytest.raises(PalateError, match="positions below 1"):
        Specifications.build(["a"], [1], [[1.0, 0.0]])
