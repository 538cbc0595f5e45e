"""Intervals whose answers can be worked out by hand or from the normal approximation."""

from __future__ import annotations

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap, paired


def test_equal_cases_leave_no_doubt() -> None:
    metric = bootstrap([0.25] * 8)
    assert metric.value == 0.25
    assert metric.ci95 == (0.25, 0.25)
    assert metric.n == 8


def test_the_interval_of_a_mean_is_about_two_standard_errors_wide() -> None:
    values = np.random.default_rng(3).normal(5.0, 2.0, size=400)
    metric = bootstrap(values, draws=4000)
    half = 1.96 * values.std() / np.sqrt(400)
    assert metric.value == pytest.approx(values.mean())
    assert metric.ci95[0] == pytest.approx(metric.value - half, abs=0.03)
    assert metric.ci95[1] == pytest.approx(metric.value + half, abs=0.03)


def test_repeating_every_case_narrows_nothing_when_the_repeats_share_a_cluster() -> None:
    values = np.random.default_rng(5).normal(size=60)
    once = bootstrap(values, draws=4000)
    naive = bootstrap(np.repeat(values, 9), draws=4000)
    clustered = bootstrap(np.repeat(values, 9), clusters=np.repeat(np.arange(60), 9), draws=4000)
    width = once.ci95[1] - once.ci95[0]
    assert clustered.ci95 == pytest.approx(once.ci95)
    assert naive.ci95[1] - naive.ci95[0] == pytest.approx(width / 3, rel=0.1)
    assert clustered.n == 540


def test_clusters_of_unequal_size_weigh_by_their_cases() -> None:
    metric = bootstrap([1.0, 1.0, 1.0, 0.0], clusters=["a", "a", "a", "b"])
    assert metric.value == 0.75
    assert metric.ci95 == (0.0, 1.0)


def test_pairing_removes_what_the_cases_have_in_common() -> None:
    hardness = np.random.default_rng(7).normal(0.0, 10.0, size=50)
    metric = paired(hardness + 0.5, hardness)
    assert metric.value == pytest.approx(0.5)
    assert metric.ci95 == pytest.approx((0.5, 0.5))


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.arange(30.0)
    assert bootstrap(values, seed=4) == bootstrap(values, seed=4)
    assert bootstrap(values, seed=4) != bootstrap(values, seed=5)


def test_many_cases_go_through_in_blocks() -> None:
    assert bootstrap(np.ones(50_000), draws=300).ci95 == (1.0, 1.0)


@pytest.mark.parametrize(
    ("values", "code"), [([], "no_cases"), ([[1.0]], "no_cases"), ([1.0, float("nan")], "not_a_number")]
)
def test_what_is_not_a_list_of_finite_cases_is_refused(values: list[float], code: str) -> None:
    with pytest.raises(PalateError) as caught:
        bootstrap(values)
    assert caught.value.code == code


def test_cases_that_do_not_pair_are_refused() -> None:
    with pytest.raises(PalateError, match="same cases"):
        paired([1.0, 2.0], [1.0])
    with pytest.raises(PalateError, match="cluster names"):
        bootstrap([1.0, 2.0], clusters=["a"])
