"""One person's weight in what all are shown, with answers on paper."""

from __future__ import annotations

import numpy as np
import pytest

from palate.recommend.influence import capped, guarded, likeness, trusted


def test_a_long_history_counts_for_twice_the_median_and_stays_in_order() -> None:
    histories = [np.arange(2), np.arange(2), np.arange(100)]
    cut = capped(histories)
    assert [len(history) for history in cut] == [2, 2, 4]
    assert (np.diff(cut[2]) > 0).all()
    assert capped(histories)[2].tolist() == cut[2].tolist()
    assert capped([]) == []


def test_likeness_by_hand() -> None:
    """{0, 1} and {0, 1} have cosine 1, {0, 1} and {1, 2} one half, {3} with anybody 0."""
    found = likeness([np.array([0, 1]), np.array([0, 1]), np.array([1, 2]), np.array([3])], 4, nearest=1)
    assert found == pytest.approx([1.0, 1.0, 0.5, 0.0])
    assert likeness([np.array([0])], 2).tolist() == [0.0]


def test_profiles_of_one_campaign_are_not_trusted_and_people_are() -> None:
    rng = np.random.default_rng(0)
    people = [rng.choice(200, 20, replace=False) for _ in range(100)]
    campaign = [np.concatenate([rng.choice(25, 20, replace=False), [199]]) for _ in range(12)]
    kept = trusted([*people, *campaign], 200)
    assert kept[:100].mean() > 0.85
    assert not kept[100:].any()
    assert len(guarded([*people, *campaign], 200)) == kept.sum()
