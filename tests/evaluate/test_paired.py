"""Paired tests and corrections, with answers on paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap
from palate.evaluate.paired import Floats, benjamini_hochberg, holm, scores_by_case, sign_flip
from palate.evaluate.report import Report, write_run
from palate.evaluate.runs import compare


def test_flipping_three_equal_gaps_is_one_in_four() -> None:
    """Of 8 ways to sign 1, 1, 1, two have a mean as far from 0 as all alike: 1/4."""
    assert sign_flip([1, 2, 3], [0, 1, 2], flips=40_000) == pytest.approx(0.25, abs=0.01)


def test_equal_cases_tell_nothing_and_unequal_lists_are_refused() -> None:
    assert sign_flip([1.0, 2.0], [1.0, 2.0]) == 1.0
    with pytest.raises(PalateError, match="same cases"):
        sign_flip([1.0], [1.0, 2.0])


def test_it_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=9) + 0.5, rng.normal(size=9)
    exact = stats.permutation_test((a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(a, b, flips=50_000) == pytest.approx(exact.pvalue, abs=0.01)


def test_holm_by_hand() -> None:
    """Sorted 0.01, 0.02, 0.03 times 3, 2, 1 is 0.03, 0.04, 0.03: never falling, 0.03, 0.04, 0.04."""
    assert holm([0.03, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])


def test_benjamini_and_hochberg_by_hand() -> None:
    """Sorted 0.01, 0.02, 0.06 times 3/1, 3/2, 3/3 is 0.03, 0.03, 0.06."""
    assert benjamini_hochberg([0.06, 0.01, 0.02]) == pytest.approx([0.06, 0.03, 0.03])


def test_benjamini_and_hochberg_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    p = np.random.default_rng(1).random(50) ** 3
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p), abs=1e-12)


def test_without_effects_holm_is_hardly_ever_sure_of_any() -> None:
    rng = np.random.default_rng(2)
    wrong = sum(bool((holm(rng.random(20)) <= 0.05).any()) for _ in range(1000))
    assert wrong < 75


def run(folder: Path, values: Floats, people: int = 0) -> Path:
    report = Report("recommend", {"ease/ndcg": bootstrap(values)}, len(values), 0, 0.0)
    scores = scores_by_case([("ease", "ndcg", values)])
    write_run(folder, {"people": people or len(values)}, [{"people": people}], scores, report)
    return folder


def test_the_same_cases_show_what_independent_ones_hide(tmp_path: Path) -> None:
    """People differ far more among each other than the two runs do; case by case the difference is plain."""
    rng = np.random.default_rng(3)
    before = rng.random(300)
    after = before - 0.02 + 0.01 * rng.normal(size=300)
    first = run(tmp_path / "a", before)
    [case_by_case] = compare(first, run(tmp_path / "b", after))
    [other_people] = compare(first, run(tmp_path / "c", after, people=7))
    assert case_by_case.sure
    assert case_by_case.paired
    assert not other_people.sure
    assert not other_people.paired
    [by_share] = compare(first, tmp_path / "b", by="bh")
    assert by_share.adjusted == pytest.approx(case_by_case.p)


def test_a_correction_that_is_not_known_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="no correction"):
        compare(run(tmp_path / "a", np.ones(3)), run(tmp_path / "b", np.ones(3)), by="luck")


def test_twenty_reruns_of_noise_are_no_difference_and_five_percent_worse_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    truth = rng.beta(2, 2, 1000)
    first = run(tmp_path / "first", truth)
    for seed in range(20):
        noisy = np.clip(truth + 0.05 * np.random.default_rng(100 + seed).normal(size=1000), 0, 1)
        assert not compare(first, run(tmp_path / str(seed), noisy))[0].adjusted < 0.001
    [worse] = compare(first, run(tmp_path / "worse", 0.95 * truth))
    assert worse.sure
