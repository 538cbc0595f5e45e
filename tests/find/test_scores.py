"""Scores worked out by hand, and the real GEMRec features against an independent loop in double precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.find.scores import (
    GEMREC_WEIGHTS,
    Weights,
    clip_score,
    gre_of_pictures,
    gre_score,
    mcos,
    min_max,
    norm_clip,
    norm_mcos,
    norm_pop,
    parse_weights,
)
from palate.importers.gemrec import read_gemrec

REAL = Path(__file__).parents[2].parent / "shared" / "data" / "gemrec"

EAST, NORTH = [1.0, 0.0], [0.0, 2.0]
HALFWAY = [3.0, 3.0]


def test_clip_score_is_a_hundred_cosines() -> None:
    assert clip_score([EAST, NORTH, HALFWAY], EAST) == pytest.approx([100.0, 0.0, 100 / np.sqrt(2)])


def test_mcos_counts_the_picture_itself() -> None:
    # East is like itself, unlike north and 0.7071 like halfway: a third of 1.7071. Halfway: a third of 2.4142.
    assert mcos([EAST, NORTH, HALFWAY]) == pytest.approx([0.569036, 0.569036, 0.804738], abs=1e-6)


def test_the_distinctive_picture_scores_one_and_the_typical_one_zero() -> None:
    assert norm_mcos([0.569, 0.569, 0.805]).tolist() == [1.0, 1.0, 0.0]
    assert norm_clip([20.0, 30.0, 25.0]).tolist() == [0.0, 1.0, 0.5]


def test_popularity_is_the_logarithm_of_downloads() -> None:
    assert norm_pop([0, 9, 99, 999]).tolist() == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0])


def test_nothing_to_tell_apart_is_undecided() -> None:
    assert min_max([[3.0], [7.0]]).tolist() == [[0.5], [0.5]]
    assert min_max([2.0, 2.0, 2.0]).tolist() == [0.5, 0.5, 0.5]
    assert gre_of_pictures([EAST], NORTH, [10.0]).tolist() == pytest.approx([1.0])


def test_gre_is_the_weighted_sum() -> None:
    assert gre_score(0.5, 0.25, 1.0) == pytest.approx(0.5 + 0.2 + 0.2)
    assert gre_score(0.5, 0.25, 1.0, Weights(-1.0, 0.0, 2.0)) == pytest.approx(1.5)


def test_missing_downloads_are_dropped_and_the_other_weights_rescaled() -> None:
    scores = gre_score([0.5, 0.5], [0.25, 0.25], norm_pop([np.nan, 5.0]))
    assert scores[0] == pytest.approx((0.5 + 0.2) * 2.0 / 1.8)
    assert scores[1] == pytest.approx(0.5 + 0.2 + 0.2 * 0.5)
    assert norm_pop([np.nan, 0.0, 99.0, 9.0]).tolist()[1:] == pytest.approx([0.0, 1.0, 0.5])
    assert np.isnan(gre_score(np.nan, np.nan, np.nan))


def test_several_prompts_at_once_are_each_their_own_batch() -> None:
    rng = np.random.default_rng(0)
    pictures, words = rng.normal(size=(4, 6, 5)), rng.normal(size=(4, 5))
    together = gre_of_pictures(pictures, words, np.arange(6))
    apart = [gre_of_pictures(pictures[p], words[p], np.arange(6)) for p in range(4)]
    assert together == pytest.approx(np.array(apart))


@given(
    arrays.arrays(
        np.float64,
        (3, 2),
        elements=st.sampled_from([0.0, 5e-324, 1e-300, 1.0, -2.5, 1e200, float("nan"), float("inf")]),
    )
)
def test_broken_vectors_are_refused_and_the_rest_scores_finite(pictures: NDArray[np.float64]) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt((pictures**2).sum(axis=1))
    if np.isfinite(lengths).all() and (lengths >= 1e-6).all():
        assert np.isfinite(gre_of_pictures(pictures, EAST, [1, 2, 3])).all()
    else:
        with pytest.raises(PalateError, match="zero or not finite") as caught:
            gre_of_pictures(pictures, EAST, [1, 2, 3])
        assert caught.value.code == "embedding_invalid"


def test_spaces_of_different_dimension_do_not_mix() -> None:
    with pytest.raises(PalateError, match="dimensions"):
        clip_score([EAST], [1.0, 0.0, 0.0])
    with pytest.raises(PalateError, match="negative"):
        norm_pop([1.0, -1.0])


def test_weights_are_read_as_people_write_them() -> None:
    assert parse_weights("1,.8,.2") == GEMREC_WEIGHTS
    assert parse_weights((0, -1, 0.5)) == Weights(0.0, -1.0, 0.5)
    for wrong in ("1,2", "a,b,c", "0,0,0", "1,nan,2", (1, None, 2)):
        with pytest.raises(PalateError, match="three numbers"):
            parse_weights(wrong)


@pytest.mark.skipif(not REAL.is_dir(), reason="the GEMRec features are not at hand")
def test_on_the_real_features_they_equal_an_independent_double_precision_loop() -> None:
    data = read_gemrec(REAL)
    assert data.features is not None
    downloads = np.array([data.model(id).downloads for id in data.features.model_ids], dtype=np.float64)
    pictures, words = data.features.pictures, data.features.words
    clip, likeness = clip_score(pictures, words), mcos(pictures)
    gre = gre_of_pictures(pictures, words, downloads)
    logs = [np.log10(count + 1) for count in downloads]
    for prompt in range(0, 90, 7):
        rows = [row.astype(np.float64) / np.linalg.norm(row.astype(np.float64)) for row in pictures[prompt]]
        text = words[prompt].astype(np.float64) / np.linalg.norm(words[prompt].astype(np.float64))
        clips = [100 * float(row @ text) for row in rows]
        cosines = [sum(float(row @ other) for other in rows) / len(rows) for row in rows]
        expected = [
            (clips[m] - min(clips)) / (max(clips) - min(clips))
            + 0.8 * (1 - (cosines[m] - min(cosines)) / (max(cosines) - min(cosines)))
            + 0.2 * (logs[m] - min(logs)) / (max(logs) - min(logs))
            for m in range(len(rows))
        ]
        assert np.abs(clip[prompt] - clips).max() < 1e-6
        assert np.abs(likeness[prompt] - cosines).max() < 1e-6
        assert np.abs(gre[prompt] - expected).max() < 1e-6
