"""The queue that scale is put on paper with, where the answer is known."""

from __future__ import annotations

import numpy as np

from on_paper import cores_for, service_times, waits


def test_one_core_serves_one_after_the_other_and_two_side_by_side() -> None:
    arrivals, taken = np.array([0.0, 0.0, 1.0]), np.array([10.0, 10.0, 10.0])
    assert waits(arrivals, taken, 1).tolist() == [10.0, 20.0, 29.0]
    assert waits(arrivals, taken, 2).tolist() == [10.0, 10.0, 19.0]


def test_times_have_the_percentiles_that_were_asked_for() -> None:
    taken = service_times(15.0, 28.0, 200_000, np.random.default_rng(0))
    assert np.percentile(taken, [50, 99]).round(0).tolist() == [15.0, 28.0]


def test_more_requests_need_more_cores_and_no_fewer_than_their_work() -> None:
    few, many = cores_for(50.0, 15.0, 28.0)[0], cores_for(500.0, 15.0, 28.0)[0]
    assert 1 <= few < many
    assert many >= 500 * 15.0 / 1000
