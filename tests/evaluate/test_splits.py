"""Splits that could not leak if they tried."""

from __future__ import annotations

import pytest

from palate.errors import PalateError
from palate.evaluate.splits import family_splits, task_count

FAMILIES = [f"pair {at // 2}" if at < 20 else f"single {at}" for at in range(90)]


def test_five_times_fourteen_of_ninety_never_meet() -> None:
    splits = family_splits(FAMILIES, test=task_count(90), splits=5, seed=3)
    held = [prompt for _, test in splits for prompt in test.tolist()]
    assert len(held) == len(set(held)) == 70
    for train, test in splits:
        assert (len(train), len(test)) == (76, 14)
        assert not {FAMILIES[at] for at in train} & {FAMILIES[at] for at in test}


def test_the_seed_decides() -> None:
    first = [test.tolist() for _, test in family_splits(FAMILIES, test=14, seed=1)]
    assert first == [test.tolist() for _, test in family_splits(FAMILIES, test=14, seed=1)]
    assert first != [test.tolist() for _, test in family_splits(FAMILIES, test=14, seed=2)]


def test_more_splits_than_prompts_start_over() -> None:
    splits = family_splits(["a", "b", "c"], test=1, splits=7)
    assert len(splits) == 7
    assert {int(test[0]) for _, test in splits} == {0, 1, 2}


def test_what_cannot_be_split_is_refused() -> None:
    assert task_count(2) == 1
    with pytest.raises(PalateError, match="set apart"):
        family_splits(["a"], test=1)
    with pytest.raises(PalateError, match="larger"):
        family_splits(["a", "a", "a"], test=2)
