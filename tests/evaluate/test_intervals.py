"""Intervals whose answers can be worked out by hand or from the normal approximation."""

from __future__ import annotations

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.intervals import bootstrap, paired, tail_of
from palate.evaluate.report import Metric


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


def test_few_cases_are_widened_as_students_t_does() -> None:
    stats = pytest.importorskip("scipy.stats")
    for count in (2, 5, 49):
        expected = stats.norm.cdf(-np.sqrt(count / (count - 1)) * stats.t.ppf(0.975, count - 1))
        assert tail_of(count) == pytest.approx(expected, abs=1e-12)
    assert tail_of(1) == tail_of(50) == tail_of(1000) == 0.025


SKEWED = 2 / 7
"""The mean of a beta distribution of 2 and 5."""


@pytest.mark.parametrize("count", [15, 30, 200])
def test_intervals_hold_the_truth_as_often_as_they_say(count: int) -> None:
    rng = np.random.default_rng(0)
    held = 0
    for number in range(1000):
        low, high = bootstrap(rng.beta(2, 5, count), seed=number, draws=400).ci95
        held += low <= SKEWED <= high
    assert 930 <= held <= 970


def test_so_do_intervals_over_clusters_and_of_paired_differences() -> None:
    """People of six cases each, alike within a person; taken as independent, their intervals would be too narrow."""
    rng = np.random.default_rng(1)
    people, tried = np.repeat(np.arange(40), 6), 2000
    held = {"clusters": 0, "paired": 0, "naive": 0}
    for number in range(tried):
        one = rng.beta(2, 5, 40)[people] + rng.normal(0, 0.05, 240)
        held["clusters"] += _holds(bootstrap(one, clusters=people, seed=number, draws=400), SKEWED)
        held["naive"] += _holds(bootstrap(one, seed=number, draws=100), SKEWED)
        less = one - rng.beta(2, 5, 40)[people]
        held["paired"] += _holds(paired(one, one - less, clusters=people, seed=number, draws=400), 0.0)
    shares = {name: count / tried for name, count in held.items()}
    assert 0.93 <= shares["clusters"] <= 0.97
    assert 0.93 <= shares["paired"] <= 0.97
    assert shares["naive"] < 0.7


def _holds(metric: Metric, truth: float) -> bool:
    return metric.ci95[0] <= truth <= metric.ci95[1]
