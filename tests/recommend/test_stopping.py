"""When a training ends, and what an epoch goes through."""

from __future__ import annotations

import numpy as np
import pytest
from recommend_world import checkerboard

from palate.evaluate.recommending import tuned
from palate.importers.interactions import last_two_out
from palate.recommend.autorec import AutoRec
from palate.recommend.dense import Dense
from palate.recommend.methods import Method
from palate.recommend.nextitem import parts_of
from palate.recommend.sasrec import SASRec
from palate.recommend.stopping import PATIENCE, Stopping
from palate.recommend.tiger import Tiger

PEOPLE = [np.array([0, 1]), np.array([2, 3])]


def test_a_training_ends_when_nothing_better_came_and_goes_back_to_its_best() -> None:
    said = iter([0.1, 0.3, 0.2, 0.3, 0.1, 0.2])
    recommender = AutoRec(hidden=4, epochs=20)
    seen = []

    def judge() -> float:
        seen.append(recommender.score([np.array([0])]))
        return next(said)

    recommender.after = stopping = Stopping(recommender, judge)
    recommender.fit(PEOPLE, 4)
    assert (len(seen), stopping.epochs, stopping.best) == (2 + PATIENCE, 2, 0.3)
    assert not np.allclose(recommender.score([np.array([0])]), seen[1])
    stopping.keep_best()
    np.testing.assert_allclose(recommender.score([np.array([0])]), seen[1], rtol=1e-5)


def test_trainings_are_looked_at_often_at_first_and_always_at_their_end() -> None:
    looks: list[int] = []
    recommender = AutoRec(hidden=4, epochs=45)
    stopping = Stopping(recommender, lambda: float(len(looks)))

    def after(done: int) -> bool:
        before, enough = stopping.epochs, stopping(done)
        looks.extend([done] if stopping.epochs != before else [])
        return enough

    recommender.after = after
    recommender.fit(PEOPLE, 4)
    assert looks == [*range(1, 11), *range(12, 45, 2), 45]


def test_long_trainings_end_when_a_tenth_of_all_epochs_was_in_vain() -> None:
    recommender = AutoRec(hidden=4, epochs=100)
    recommender.after = stopping = Stopping(recommender, lambda: 0.5)
    recommender.fit(PEOPLE, 4)
    assert stopping.epochs == 1
    assert [stopping(done) for done in (4, 9, 10, 15)] == [False, False, False, True]


def test_looking_on_the_way_changes_nothing_that_is_learned() -> None:
    text = np.eye(4, dtype=np.float32)
    looked = Dense(text=text, width=2, epochs=4)
    looked.after = lambda _: looked.score(PEOPLE).sum() > np.inf
    alone = Dense(text=text, width=2, epochs=4).fit(PEOPLE, 4)
    np.testing.assert_array_equal(looked.fit(PEOPLE, 4).score(PEOPLE), alone.score(PEOPLE))


def test_tuning_says_how_many_epochs_were_enough() -> None:
    learned, _, _ = checkerboard()
    split = last_two_out("checkerboard", list(learned))
    method = Method("sasrec", SASRec, ({"width": 16, "epochs": 40, "rate": 1e-2, "dropped": 0.0},), sequential=True)
    best = tuned(method, split, {})
    assert best.score == 1.0
    assert best.reached["epochs"] == best.epochs
    assert 0 < (best.epochs or 0) < 40


def test_long_sequences_teach_in_parts_that_tell_of_each_choice_once() -> None:
    parts = [part.tolist() for part in parts_of(np.arange(8), 3, 3)]
    assert parts == [[4, 5, 6, 7], [1, 2, 3, 4], [0, 1]]
    assert [part.tolist() for part in parts_of(np.array([7]), 3, 3)] == [[7]]


def test_windows_overlap_so_that_what_is_told_has_more_before_it() -> None:
    parts = [part.tolist() for part in parts_of(np.arange(8), 3, 2)]
    assert parts == [[4, 5, 6, 7], [2, 3, 4, 5], [0, 1, 2, 3], [0, 1]]
    assert [part.tolist() for part in parts_of(np.arange(3), 3, 2)] == [[0, 1, 2]]


@pytest.mark.parametrize("length", [2, 4, 5, 6, 7, 11, 16])
@pytest.mark.parametrize("fresh", [0.2, 0.5, 1.0])
def test_whatever_the_overlap_each_choice_is_told_of_once(length: int, fresh: float) -> None:
    reader = SASRec(longest=5, fresh=fresh)
    lessons = reader.lessons([np.arange(length)])
    ids = reader.padded(lessons, min(length, 6))
    at = reader.told(ids[:, :-1])
    told = ids[:, 1:][at] - 1
    assert sorted(told.tolist()) == list(range(1, length))
    read = (ids[:, :-1] != 0).cumsum(1)[at]
    assert (read >= told.clamp_max(6 - reader.told_of)).all()


def test_tiger_cuts_each_sequence_several_times_an_epoch() -> None:
    assert len(Tiger(cuts=3).lessons([np.arange(3), np.array([1])])) == 3


def test_a_batch_reads_sequences_that_are_about_as_long_and_an_epoch_reads_each_once() -> None:
    reader, draw = SASRec(batch=4), np.random.default_rng(0)
    lessons = [np.arange(2 + at % 7) for at in range(30)]
    order = reader.order(lessons, draw)
    assert sorted(order.tolist()) == list(range(30))
    sizes = np.array([len(lessons[at]) for at in order[:28]]).reshape(-1, 4)
    assert (sizes.max(1) - sizes.min(1) <= 1).all()
    assert sizes[:, 0].tolist() != sorted(sizes[:, 0].tolist())
