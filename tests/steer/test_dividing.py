"""Things to learn from and other things: nothing of the others' pictures is known before they are seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from palate.errors import PalateError
from palate.steer.dividing import by_things
from palate.steer.drawn_bank import DrawnBank, bank_in
from palate.taste.space import taste_space


def a_bank(looks: tuple[str, ...] = ("", "bold ")) -> DrawnBank:
    """Eight things of which four come in looks, drawn by three models."""
    things = [f"thing {number}" for number in range(8)]
    said = [
        (f"a {look}icon of {thing}", thing, not look) for at, thing in enumerate(things) for look in looks[: 1 + at % 2]
    ]
    rng = np.random.default_rng(0)
    words = rng.standard_normal((len(said), 10)).astype(np.float32)
    vectors = words[:, None, None] + rng.standard_normal((len(said), 3, 4, 10)).astype(np.float32)
    space = taste_space(vectors.reshape(-1, 10), words, wide=4)
    texts, about, plain = zip(*said, strict=True)
    return bank_in(space, texts, about, plain, ("ink", "wash", "chalk"), vectors, words)


def test_no_thing_is_on_both_sides_and_both_have_things_in_several_looks() -> None:
    learned, others = by_things(a_bank())
    assert not set(learned.things) & set(others.things)
    assert len(learned.texts) + len(others.texts) == 12
    assert all(sum(not plain for plain in part.plain) == 2 for part in (learned, others))


def test_what_is_expected_never_comes_from_the_others_pictures() -> None:
    bank = a_bank()
    learned, others = by_things(bank)
    theirs = np.array([thing in others.things for thing in bank.things])
    changed = replace(bank, drawn=np.where(theirs[:, None, None, None], bank.drawn + 9, bank.drawn))
    again = by_things(changed)
    assert np.array_equal(again[0].said, learned.said)
    assert np.array_equal(again[1].said, others.said)
    assert not np.array_equal(again[1].drawn, others.drawn)


def test_where_nothing_has_a_look_nothing_is_divided() -> None:
    with pytest.raises(PalateError, match="cannot be divided"):
        by_things(a_bank(looks=("",)))
