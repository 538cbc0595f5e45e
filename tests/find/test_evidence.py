"""Sources of evidence whose sum, share and scale can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from palate.errors import PalateError
from palate.find.evidence import Source, combine, fit_scale, log_odds


def test_log_odds_against_knowing_nothing() -> None:
    # Three models at odds 2 : 1 : 1, that is 0.5, 0.25, 0.25 against a third each.
    odds = log_odds([np.log(2.0), 0.0, 0.0], 1.0)
    assert odds.tolist() == pytest.approx([np.log(1.5), np.log(0.75), np.log(0.75)])
    assert log_odds([5.0, 5.0], 3.0).tolist() == [0.0, 0.0]


def test_a_source_that_says_nothing_of_a_model_adds_nothing_to_it() -> None:
    odds = log_odds([np.log(3.0), 0.0, np.nan], 1.0)
    assert odds.tolist() == pytest.approx([np.log(1.5), np.log(0.5), 0.0])
    assert log_odds([np.nan, np.nan], 1.0).tolist() == [0.0, 0.0]


def test_two_weak_hints_together_beat_either() -> None:
    words = Source("words", np.array([1.0, 0.9, 0.0]), 2.0)
    picture = Source("pictures", np.array([0.0, 0.9, 1.0]), 2.0)
    assert np.argmax(combine([words]).scores) == 0
    assert np.argmax(combine([picture]).scores) == 2
    assert np.argmax(combine([words, picture]).scores) == 1


def test_a_reason_is_true_without_it_the_score_is_lower() -> None:
    words = Source("words", np.array([1.0, 0.2, 0.0]), 2.0)
    picture = Source("pictures", np.array([0.0, 0.9, np.nan]), 2.0)
    liked = Source("person", np.array([0.5, 0.4, 0.1]), 0.5)
    whole = combine([words, picture, liked])
    for model in range(3):
        for name, worth in whole.worths(model):
            rest = combine([source for source in (words, picture, liked) if source.name != name])
            assert whole.scores[model] - rest.scores[model] == pytest.approx(worth)
            assert rest.scores[model] < whole.scores[model]
    assert [name for name, _ in whole.worths(0)] == ["words", "person"]
    assert whole.silent["pictures"].tolist() == [False, False, True]


def test_the_scale_is_the_maximum_of_the_likelihood() -> None:
    # The better-scored of two models was right in three of four cases and half the added one: 3.5 to 1.5.
    assert fit_scale([[1.0, 0.0]] * 4, [0, 0, 0, 1]) == pytest.approx(np.log(3.5 / 1.5))
    assert fit_scale([[0.5, 0.0]] * 4, [0, 0, 0, 1]) == pytest.approx(2 * np.log(3.5 / 1.5))
    assert fit_scale([[1.0, 0.0]] * 400, [0, 0, 0, 1] * 100) == pytest.approx(np.log(3.0), rel=0.01)


def test_scores_that_mislead_are_not_believed_and_those_that_never_err_only_so_far() -> None:
    assert fit_scale([[1.0, 0.0]] * 3, [1, 1, 0]) == 0.0
    assert fit_scale([[1.0, 1.0]] * 3, [1, 1, 0]) == 0.0
    assert fit_scale([[1.0, 0.0]] * 3, [0, 0, 0]) == pytest.approx(np.log(3.5 / 0.5))
    assert fit_scale([[np.nan, 0.0]], [0]) == 0.0


def test_a_scale_learned_from_simulated_choices_comes_back() -> None:
    rng = np.random.default_rng(8)
    scores = rng.normal(size=(4000, 10))
    chosen = (3.0 * scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    assert fit_scale(scores, chosen) == pytest.approx(3.0, rel=0.06)


@given(arrays.arrays(np.float64, 5, elements=st.one_of(st.floats(-1e6, 1e6), st.just(float("nan")))), st.floats(0, 1e4))
def test_probabilities_add_up_whatever_the_scores(scores: NDArray[np.float64], scale: float) -> None:
    odds = log_odds(scores, scale)
    known = ~np.isnan(scores)
    assert np.isfinite(odds).all()
    if known.any():
        assert np.exp(odds[known]).mean() == pytest.approx(1.0)


def test_what_cannot_be_combined_is_refused() -> None:
    with pytest.raises(PalateError, match="nothing to rank by"):
        combine([])
    with pytest.raises(PalateError, match="same models"):
        combine([Source("a", np.zeros(2), 1.0), Source("b", np.zeros(3), 1.0)])
    with pytest.raises(PalateError, match="one name"):
        combine([Source("a", np.zeros(2), 1.0), Source("a", np.zeros(2), 1.0)])
    with pytest.raises(PalateError, match="finite"):
        log_odds([np.inf, 0.0], 1.0)
    with pytest.raises(PalateError, match="right model"):
        fit_scale(np.zeros((0, 3)), np.zeros(0))
