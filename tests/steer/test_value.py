"""IQL's losses by hand, the value's decomposition, and simulated people whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palate.errors import PalateError
from palate.steer.bank import MadeBank
from palate.steer.simulating import Known, converse, exploring, greedy, kept_first, unranked
from palate.steer.value import (
    Training,
    Transitions,
    Value,
    ValueLearning,
    expectile_loss,
    mixed,
    of_candidates,
    train_value,
    transitions,
)
from palate.taste.simulated import Habits, SimulatedPerson, people
from palate.taste.utilities import Heads
from palate.writers.variants import CATEGORIES

BANK = MadeBank(dim=6, sizes=(5, 4, 3, 3))
KNOWN = Known(Heads(np.eye(6)[:3] * 2, np.zeros(3), np.full(3, 1 / 3)), 0.05 * np.eye(6))


def some_people(count: int, seed: int = 0, habits: Habits | None = None) -> list[SimulatedPerson]:
    return people(KNOWN.heads, KNOWN.within, count, habits or Habits(), np.random.default_rng(seed))


def test_the_expectile_loss_by_hand() -> None:
    """u = 2 costs 0.7 x 4, u = -2 costs 0.3 x 4; the mean is 2."""
    import torch

    assert float(expectile_loss(torch.tensor([2.0, -2.0]), 0.7)) == pytest.approx(2.0)
    assert float(expectile_loss(torch.tensor([2.0]), 0.5)) == pytest.approx(2.0)


def test_an_entry_is_its_slots() -> None:
    for slots in ([0, 0, 0, 0], [5, 4, 3, 3], [1, 0, 2, 0]):
        assert BANK.slots(BANK.entry(slots)) == slots
    assert BANK.words(np.array([BANK.entry([0, 0, 0, 0])])).tolist() == [[0.0] * 6]


def test_the_bank_offers_five_of_each_category_and_repeats_itself() -> None:
    entry = BANK.first(np.random.default_rng(0))
    one, two = (BANK.options(entry, np.random.default_rng(3)) for _ in range(2))
    assert one.entries.tolist() == two.entries.tolist()
    assert [one.categories.count(category) for category in CATEGORIES] == [5] * 5
    assert BANK.pictures(one.entries).shape == (25, 4, 6)
    assert np.array_equal(BANK.pictures(one.entries), BANK.pictures(two.entries))


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


def test_equal_seeds_are_equal_conversations() -> None:
    person = some_people(1)[0]
    one, two = (converse(BANK, person, exploring, KNOWN, 4) for _ in range(2))
    assert [step.worth for step in one.steps] == [step.worth for step in two.steps]
    assert [step.slate for step in one.steps] == [step.slate for step in two.steps]


def test_knowing_taste_beats_chance_and_chance_beats_the_first_prompt() -> None:
    crowd = some_people(60, seed=2)
    ends = {
        policy.__name__: np.mean([converse(BANK, p, policy, KNOWN, n).steps[-1].worth for n, p in enumerate(crowd)])
        for policy in (unranked, greedy)
    }
    first = np.mean([kept_first(BANK, person, n)[-1] for n, person in enumerate(crowd)])
    assert ends["greedy"] > ends["unranked"] > first


def some_transitions(count: int = 30) -> Transitions:
    return transitions([converse(BANK, p, unranked, KNOWN, n) for n, p in enumerate(some_people(count))])


def test_transitions_follow_one_another() -> None:
    data = some_transitions(3)
    assert data.states.shape[0] == 15
    assert data.shown.shape[1] == 4
    assert np.array_equal(data.after[0], data.states[1])
    assert data.last.tolist() == [0, 0, 0, 0, 1] * 3


def number(tensor: Any) -> float:
    return float(tensor.detach())


def test_a_slates_value_is_the_mean_of_its_prompts() -> None:
    data = some_transitions(3)
    value = Value(data.states.shape[1], data.shown.shape[2], ValueLearning(hidden=8))
    step = converse(BANK, some_people(1)[0], unranked, KNOWN, 0).steps[0]
    h = value.scaled(data.states[:1], "state")
    candidates = value.scaled(of_candidates(step.state, step.options)[None, :4], "candidate")
    each = [number(value.q(value.f[0], h, candidates[:, at : at + 1])) for at in range(4)]
    assert number(value.q(value.f[0], h, candidates)) == pytest.approx(np.mean(each), abs=1e-5)


def test_it_learns_where_reward_is_and_repeats_itself() -> None:
    """Reward is the first feature of what is shown: after training, candidates with more of it are worth more."""
    rng = np.random.default_rng(0)
    shown = rng.standard_normal((400, 4, 3))
    states = rng.standard_normal((400, 2))
    data = Transitions(states, shown, 4 * shown[:, :, 0].mean(axis=1), states, np.ones(400))
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
    step = converse(BANK, some_people(1)[0], unranked, KNOWN, 0).steps[0]
    assert Value.load(tmp_path).of(step.state, step.options) == pytest.approx(value.of(step.state, step.options))
    slate = value.policy()(step.state, step.options, np.random.default_rng(0))
    assert len({step.options.categories[at] for at in slate}) == 4


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


def test_recorded_conversations_are_a_quarter_of_a_mixture_at_least() -> None:
    few, many = some_transitions(2), some_transitions(30)
    both = mixed(few, many)
    assert len(both.states) == 150 + 5 * 10
    assert np.array_equal(both.states[:10], few.states)
