"""What others may ask of what everybody chose: as it is among few, nothing among more, blurred among many."""

from __future__ import annotations

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.crowds import made, most_chosen
from palate.evaluate.membership import explained, thirds
from palate.evaluate.poisoning import auc
from palate.recommend.asking import BLUR, BY_BLUR, BY_LOOKS, CROWD, Likeness, Looks, learned, learned_whole, ranked
from palate.recommend.blurred import BlurredKNN, blurred_counts
from palate.recommend.itemknn import ItemKNN

LOOK = np.eye(6, dtype=np.float32)
LOOK[3] = [0.8, 0, 0, 0.6, 0, 0]
THINGS = Likeness(tuple("abcdef"), {id: f"by {id}" for id in "abcdef"}, LOOK, None)


def crowd(people: int) -> dict[str, list[str]]:
    """Everybody chose a and b; `me` chose a alone, and d looks like a."""
    return {"me": ["a"], **{f"p{n}": ["a", "b"] for n in range(people - 1)}}


def test_few_know_one_another_and_all_that_they_chose_counts() -> None:
    found = ranked(learned(THINGS, crowd(CROWD - 1), "itemknn"), "me", by="itemknn", hidden=(), top=2)
    assert found.rows[0].id == "b"
    assert found.warnings == ()


def test_among_more_people_others_choices_teach_nothing() -> None:
    scorer = learned(THINGS, crowd(CROWD), "ease")
    found = ranked(scorer, "me", by="ease", hidden=(), top=2)
    assert found.rows[0].id == "d"
    assert found.warnings == (BY_LOOKS,)
    # Whatever anybody else chose, the answer is the same.
    other = crowd(CROWD) | {"p3": ["f", "c", "b"]}
    again = ranked(learned(THINGS, other, "ease"), "me", by="ease", hidden=(), top=6)
    mine = {row.id: row.score for row in ranked(scorer, "me", by="ease", hidden=(), top=6).rows}
    assert {row.id: row.score for row in again.rows} == mine
    with pytest.raises(PalateError, match="nothing is known of you yet"):
        ranked(scorer, "you", by="ease", hidden=(), top=2)


def test_whoever_may_read_everything_is_answered_from_everything() -> None:
    found = ranked(learned_whole(THINGS, crowd(CROWD), "itemknn"), "me", by="itemknn", hidden=(), top=2)
    assert found.rows[0].id == "b"


def test_among_many_people_counts_are_blurred_and_a_clear_one_still_counts() -> None:
    scorer = learned(THINGS, crowd(BLUR), "ease")
    assert isinstance(scorer.recommender, BlurredKNN)
    found = ranked(scorer, "me", by="ease", hidden=(), top=2)
    assert found.rows[0].id == "b", "299 people together are thirty times the noise"
    assert found.warnings == (BY_BLUR,)
    newcomer = ranked(scorer, "you", by="ease", hidden=(), top=1)
    assert newcomer.rows[0].reasons[0].text == "many people chose it", "and not how many"


def test_without_noise_and_cap_the_counts_are_the_counts() -> None:
    histories = [np.array(one) for one in ([0, 1, 2], [0, 1], [2, 3], [1, 2, 3], [0, 3])]
    X = np.array([[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 1, 1, 1], [1, 0, 0, 1]])
    np.testing.assert_array_equal(blurred_counts(histories, 4, 9, 0.0, 0), X.T @ X)
    blurred = BlurredKNN(neighbours=4, shrink=2.0, most=9, noise=0.0).fit(histories, 4)
    plain = ItemKNN(neighbours=4, shrink=2.0).fit(histories, 4)
    np.testing.assert_allclose(blurred.score(histories), plain.score(histories), atol=1e-6)
    again = BlurredKNN().restore(blurred.state())
    np.testing.assert_array_equal(again.score(histories), blurred.score(histories))


def test_looks_by_hand() -> None:
    scores = Looks(LOOK).fit([], 6).score([np.array([0]), np.array([0, 1]), np.array([], dtype=np.int64)])
    assert scores[0] == pytest.approx([1, 0, 0, 0.8, 0, 0])
    assert scores[1] == pytest.approx([0.5, 0.5, 0, 0.4, 0, 0])
    assert not scores[2].any()


def test_members_are_hardly_told_by_blurred_counts_and_well_by_plain_ones() -> None:
    people = most_chosen("made people", made(0, people=900))
    members, others, attackers = thirds(len(people.histories), 0)
    told = {}
    for name, known, shadow in (
        ("plain", ItemKNN(), ItemKNN()),
        ("blurred", BlurredKNN(seed=5), BlurredKNN(seed=1)),
    ):
        for one, part in ((known, members), (shadow, attackers)):
            one.fit([people.histories[at] for at in part], people.items)
        gaps = []
        for part in (members[:100], others[:100]):
            asked = [people.histories[at] for at in part]
            gaps.append(explained(known, asked, people.items) - explained(shadow, asked, people.items))
        told[name] = auc(*gaps)
    assert told["blurred"] < 0.6 < told["plain"]
