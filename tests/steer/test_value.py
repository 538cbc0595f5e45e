"""IQL's losses by hand, the value's decomposition, and simulated people whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palate.errors import PalateError
from palate.steer.bank import MadeBank
from palate.steer.foreseeing import foreseeing, foreseen, foresight, words_alone
from palate.steer.simulating import TURNS, Known, Policy, Told, converse, exploring, greedy, taught, unranked
from palate.steer.transitions import Transitions, mixed, of_candidates, transitions
from palate.steer.value import Training, Value, ValueLearning, expectile_loss, train_value
from palate.taste.offset import first_belief
from palate.taste.simulated import NOBODY, Crowd, Habits, SimulatedPerson, crowd_of, people
from palate.taste.utilities import Heads
from palate.writers.variants import CATEGORIES

BANK = MadeBank(dim=6, sizes=(5, 4, 3, 3))
SIGHT = words_alone(6)
KNOWN = Known(Heads(np.eye(6)[:3] * 2, np.zeros(3), np.full(3, 1 / 3)), 0.05 * np.eye(6))


def some_people(count: int, seed: int = 0, habits: Habits | None = None) -> list[SimulatedPerson]:
    return people(KNOWN.heads, KNOWN.within, count, habits or Habits(), np.random.default_rng(seed))


def test_the_expectile_loss_by_hand() -> None:
    """u = 2 costs 0.7 x 4, u = -2 costs 0.3 x 4; the mean is 2."""
    import torch

    assert float(expectile_loss(torch.tensor([2.0, -2.0]), 0.7)) == pytest.approx(2.0)
    assert float(expectile_loss(torch.tensor([2.0]), 0.5)) == pytest.approx(2.0)


def a_crowd(count: int, seed: int = 0, habits: Habits | None = None) -> Crowd:
    return crowd_of(some_people(count, seed, habits))


def told_by(policy: Policy, count: int, seed: int = 0) -> Told:
    return converse(BANK, a_crowd(count), policy, KNOWN, seed)


def test_an_entry_is_its_slots() -> None:
    slots = np.array([[0, 0, 0, 0], [5, 4, 3, 3], [1, 0, 2, 0]])
    assert BANK.slots(BANK.entries(slots)).tolist() == slots.tolist()
    assert BANK.words(BANK.entries(slots[:1])).tolist() == [[0.0] * 6]


def test_the_bank_offers_five_of_each_category_and_repeats_itself() -> None:
    entries = BANK.first(3, np.random.default_rng(0))
    one, two = (BANK.options(entries, np.random.default_rng(3)) for _ in range(2))
    assert one.entries.tolist() == two.entries.tolist()
    assert [one.categories.count(category) for category in CATEGORIES] == [5] * 5
    assert BANK.pictures(one.entries).shape == (3, 25, 4, 6)
    assert np.array_equal(BANK.pictures(one.entries), BANK.pictures(two.entries))


def test_each_category_says_other_slots_anew() -> None:
    """From a subject alone: another subject, a style, one slot that was not said, light or colour, or two at once."""
    entries = np.full(200, BANK.entries(np.array([[1, 0, 0, 0]]))[0])
    options = BANK.options(entries, np.random.default_rng(0))
    changed = BANK.slots(options.entries) != BANK.slots(entries)[:, None]
    by = {name: changed[:, [own == name for own in options.categories]].reshape(-1, 4) for name in CATEGORIES}
    assert by["subject"].any(axis=0).tolist() == [True, False, False, False]
    assert by["style"].any(axis=0).tolist() == [False, True, False, False]
    assert by["expansion"].any(axis=0).tolist() == [False, True, True, True]
    assert by["expansion"].sum(axis=1).max() == 1
    assert by["rephrase"].any(axis=0).tolist() == [False, False, True, True]
    assert by["creative"].sum(axis=1).max() == 2


def test_without_noise_a_person_takes_what_is_worth_most_to_them() -> None:
    person = SimulatedPerson(0, np.array([1.0, 0.0]), 0.0, -9.0, 0.0, np.zeros(2))
    pictures = np.array([[[0.0, 5.0]], [[1.0, 0.0]]])
    assert person.pick(pictures, np.random.default_rng(0)) == 1
    hard = SimulatedPerson(0, np.array([1.0, 0.0]), 0.0, 2.0, 0.0, np.zeros(2))
    assert hard.pick(pictures, np.random.default_rng(0)) is None


def test_people_are_near_their_type() -> None:
    for person in some_people(30):
        near = np.linalg.norm(KNOWN.heads.weights - person.head, axis=1)
        assert near.argmin() == person.type


def test_places_move_choices_towards_the_first() -> None:
    same = np.zeros((4, 4, 6))
    eager = some_people(40, habits=Habits(places=3.0, demanding=-9.0, impatience=0.0))
    taken = [person.pick(same, np.random.default_rng(n)) for n, person in enumerate(eager)]
    assert taken.count(0) > 20


def test_a_crowd_is_its_people() -> None:
    """Each is worth to each what it is to them alone, and without noise they take the same columns."""
    crowd = some_people(6, habits=Habits(noise=0.0, impatience=0.0, demanding=0.3))
    pictures = np.random.default_rng(1).standard_normal((6, 4, 4, 6))
    together = crowd_of(crowd)
    alone = np.stack([person.worth(pictures[at]) for at, person in enumerate(crowd)])
    assert together.worth(pictures) == pytest.approx(alone)
    taken = [person.pick(pictures[at], np.random.default_rng(0)) for at, person in enumerate(crowd)]
    expected = [NOBODY if one is None else one for one in taken]
    assert together.pick(pictures, np.random.default_rng(0)).tolist() == expected
    assert NOBODY in expected


def test_many_conversations_teach_what_one_teaches() -> None:
    told = told_by(greedy, 8)
    for person in range(8):
        belief = first_belief(KNOWN.heads, KNOWN.within)
        for step in told.steps:
            assert step.state.belief.mean[person] == pytest.approx(belief.mean)
            assert step.state.belief.covariance[person] == pytest.approx(belief.covariance)
            assert step.state.belief.types[person] == pytest.approx(belief.types)
            picked = int(step.picked[person])
            belief = taught(belief, step.columns[person], None if picked == NOBODY else picked)


def test_what_is_held_is_what_was_picked_last() -> None:
    told = told_by(unranked, 40)
    held = told.steps[0].state.held
    for step in told.steps:
        some = step.picked != NOBODY
        held = np.where(some[:, None], step.columns[np.arange(40), np.maximum(step.picked, 0)], held)
        assert step.held == pytest.approx(held)
    assert any((step.picked == NOBODY).any() for step in told.steps)


def test_equal_seeds_are_equal_conversations_however_many_come_after() -> None:
    crowd = a_crowd(9)
    one, two, more = (converse(BANK, crowd.of(np.arange(n)), exploring, KNOWN, 4) for n in (3, 3, 9))
    assert np.array_equal(one.worth, two.worth)
    assert [step.slate.tolist() for step in one.steps] == [step.slate.tolist() for step in two.steps]
    assert one.worth == pytest.approx(more.worth[:3])


def test_knowing_taste_beats_chance_and_chance_beats_the_first_prompt() -> None:
    chance, taste = (converse(BANK, a_crowd(60, seed=2), policy, KNOWN, 0) for policy in (unranked, greedy))
    assert taste.worth[:, -1].mean() > chance.worth[:, -1].mean() > chance.begun.mean()
    assert np.array_equal(taste.begun, chance.begun)


def some_transitions(count: int = 30) -> Transitions:
    return transitions([told_by(unranked, count)], SIGHT)


def test_transitions_follow_one_another() -> None:
    """Three conversations side by side: turn after turn, and two parts one behind the other."""
    data = transitions([told_by(unranked, 3), told_by(greedy, 3)], SIGHT)
    assert data.states.shape[0] == 30
    assert data.shown.shape[1] == 4
    one = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, -1, -1, -1]
    assert data.follows.tolist() == one + [row + 15 if row >= 0 else row for row in one]


def test_only_where_one_ends_may_be_what_counts() -> None:
    whole, last = (transitions([told_by(unranked, 3)], SIGHT, earlier=each).rewards for each in (1.0, 0.0))
    assert last.tolist() == [0.0] * 12 + whole[12:].tolist()


def number(tensor: Any) -> float:
    return float(tensor.detach())


def test_a_slates_value_is_the_mean_of_its_prompts() -> None:
    data = some_transitions(3)
    value = Value(data.states.shape[1], data.shown.shape[2], data.sight.shape, ValueLearning(hidden=8))
    step = told_by(unranked, 1).steps[0]
    h = value.scaled(data.states[:1], "state")
    candidates = value.scaled(of_candidates(step.state, step.options, SIGHT)[:, :4], "candidate")
    each = [number(value.q(value.f[0], h, candidates[:, at : at + 1])) for at in range(4)]
    assert number(value.q(value.f[0], h, candidates)) == pytest.approx(np.mean(each), abs=1e-5)


def test_it_learns_where_reward_is_and_repeats_itself() -> None:
    """Reward is the first feature of what is shown: after training, candidates with more of it are worth more."""
    rng = np.random.default_rng(0)
    shown = rng.standard_normal((400, 4, 3))
    states = np.hstack([np.tile(np.eye(TURNS)[-1], (400, 1)), rng.standard_normal((400, 2))])
    data = Transitions(states, shown, 4 * shown[:, :, 0].mean(axis=1), np.full(400, -1), words_alone(1))
    learning = ValueLearning(hidden=16, steps=300, rate=3e-3, batch=64)
    one, log = train_value(data, learning)
    two, again = train_value(data, learning)
    assert log == again
    assert log[-1]["q_loss"] < log[0]["q_loss"] / 4
    probe = np.zeros((1, 2, 3))
    probe[0, 0, 0], probe[0, 1, 0] = 2.0, -2.0
    h, p = one.scaled(states[:1], "state"), one.scaled(probe, "candidate")
    assert number(one.q(one.f[0], h, p[:, :1])) > number(one.q(one.f[0], h, p[:, 1:]))
    assert number(two.q(two.f[0], h, p)) == number(one.q(one.f[0], h, p))


def test_what_was_learned_is_kept(tmp_path: Path) -> None:
    value, _ = train_value(some_transitions(4), ValueLearning(hidden=8, steps=5, batch=8))
    value.save(tmp_path)
    step = told_by(unranked, 2).steps[0]
    assert Value.load(tmp_path).of(step.state, step.options) == pytest.approx(value.of(step.state, step.options))
    slates = value.policy()(step.state, step.options, np.random.default_rng(0))
    assert all(len({step.options.categories[at] for at in slate}) == 4 for slate in slates)


def test_a_training_that_was_stopped_ends_where_it_would_have_ended(tmp_path: Path) -> None:
    data, learning = some_transitions(6), ValueLearning(hidden=8, steps=12, batch=8)
    whole = Training(data, learning)
    losses = [whole.step() for _ in range(12)]
    stopped = Training(data, learning)
    for _ in range(5):
        stopped.step()
    stopped.save(tmp_path)
    again = Training(data, learning)
    assert again.restore(tmp_path)
    assert [again.step() for _ in range(7)] == losses[5:]
    with pytest.raises(PalateError, match="other settings"):
        Training(data, ValueLearning(hidden=8, steps=12, batch=8, seed=1)).restore(tmp_path)


def test_recorded_conversations_are_a_tenth_of_a_mixture_at_least() -> None:
    few, many = some_transitions(2), some_transitions(30)
    both = mixed(few, many, least=0.25)
    assert len(both.states) == 150 + 5 * 10
    assert np.array_equal(both.states[:10], few.states)
    assert both.follows[10:20].tolist() == [row + 10 if row >= 0 else -1 for row in few.follows]


def test_pictures_are_foreseen_where_they_go_on_from_what_was_seen() -> None:
    """On this bank a picture has a surprise of its subject and style: what keeps both will have it again."""
    crowd = a_crowd(400)
    told = converse(BANK, crowd, unranked, KNOWN, 1)
    sight = foresight([told], ridge=1.0)
    test = converse(BANK, a_crowd(200, seed=5), unranked, KNOWN, 2)
    off, by_words = [], []
    for step in test.steps[1:]:
        own = [name == "rephrase" for name in step.options.categories]
        pictures = BANK.pictures(step.options.entries[:, own]).mean(axis=2)
        off.append(((foreseen(sight, step.state, step.options)[:, own] - pictures) ** 2).mean())
        by_words.append(((step.options.words[:, own] - pictures) ** 2).mean())
    assert np.mean(off) < 0.8 * np.mean(by_words)


def test_with_words_alone_foreseeing_is_greed() -> None:
    one, two = told_by(greedy, 20), told_by(foreseeing(SIGHT), 20)
    assert np.array_equal(one.worth, two.worth)
