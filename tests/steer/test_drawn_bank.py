"""A bank of drawn pictures: what is expected of an entry never comes from its own pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from palate.steer.bank import EACH
from palate.steer.drawn_bank import DrawnBank, alike, drawn_bank, expected
from palate.steer.recording import evidence_of, learned, nothing_known, record
from palate.steer.redrawing import Redrawn
from palate.steer.simulating import retold, unranked
from palate.taste.simulated import Habits, crowd_of, people
from palate.taste.utilities import Heads
from palate.writers.variants import CATEGORIES


class Said(NamedTuple):
    text: str
    kind: str
    seeds: tuple[int, ...]
    slots: dict[str, str]


class FewDrawn:
    """Three models, five things, and two looks of the first two; a task prompt drawn once is no entry."""

    models = ("ink", "wash", "chalk")

    def __init__(self) -> None:
        things = ("cat", "dog", "sun", "cup", "key")
        rows = [Said(f"an icon of {thing}", "specification", (1, 2, 3, 4), {}) for thing in things]
        rows += [
            Said(f"a {look} icon of {thing}", "slots", (1, 2, 3, 4), {"concept": thing, "look": look})
            for thing in ("cat", "dog")
            for look in ("bold", "thin")
        ]
        self.prompts = [*rows, Said("an icon of rain", "task", (1,), {})]
        rng = np.random.default_rng(0)
        self.words = unit(rng.standard_normal((len(self.prompts), 12)))
        own = rng.standard_normal((3, 12)) * 0.5
        self.kept = {}
        for model in range(3):
            for prompt, said in enumerate(self.prompts):
                for seed in range(len(said.seeds)):
                    vector = self.words[prompt] + own[model] + 0.05 * rng.standard_normal(12)
                    self.kept[self.row(model, prompt, seed)] = unit(vector[None])[0]

    def row(self, model: int, prompt: int, seed: int = 0) -> int:
        return (model * 100 + prompt) * 10 + seed

    def vectors(self, rows: Any) -> Any:
        return np.array([self.kept[row] for row in rows], dtype=np.float32)


def unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def bank() -> DrawnBank:
    return drawn_bank(FewDrawn(), wide=6)


def test_entries_are_prompts_by_models_and_leave_out_what_was_drawn_once(bank: DrawnBank) -> None:
    assert len(bank.texts) == 9
    assert "an icon of rain" not in bank.texts
    entry = bank.entry(4, 2)
    assert bank.parts(int(entry)) == (4, 2)
    assert bank.pictures(np.array([[entry]])).shape == (1, 1, 4, 6)


def test_features_vary_by_one_on_average(bank: DrawnBank) -> None:
    flat = bank.drawn.reshape(-1, bank.wide)
    assert float(flat.var(axis=0).sum()) == pytest.approx(bank.wide, rel=0.05)


def test_a_conversation_begins_in_plain_words_of_which_more_can_be_said(bank: DrawnBank) -> None:
    for entry in bank.first(20, np.random.default_rng(0)):
        prompt, _ = bank.parts(entry)
        assert bank.things[prompt] in ("cat", "dog")
        assert bank.plain[prompt]


def test_each_category_changes_what_it_says(bank: DrawnBank) -> None:
    options = bank.options(np.array([bank.entry(3, 2), bank.entry(0, 1)]), np.random.default_rng(0))
    assert [options.categories.count(category) for category in CATEGORIES] == [EACH] * len(CATEGORIES)
    for number, category in zip(options.entries[1], options.categories, strict=True):
        prompt, model = bank.parts(number)
        if category == "rephrase":
            assert (prompt, model != 1) == (0, True)
        if category == "expansion":
            assert (bank.things[prompt], bank.plain[prompt], model) == ("cat", False, 1)
        if category == "subject":
            assert (bank.things[prompt] != "cat", model) == (True, 1)


def test_what_is_expected_of_an_entry_does_not_know_its_own_pictures() -> None:
    rng = np.random.default_rng(1)
    words, middle = rng.standard_normal((10, 3)), rng.standard_normal((10, 4, 3))
    things = [f"thing {number // 2}" for number in range(10)]
    before = expected(words, middle, things)
    changed = middle.copy()
    changed[0] += 100
    after = expected(words, changed, things)
    assert after[:2] == pytest.approx(before[:2])
    assert not np.allclose(after[2:], before[2:])


def test_a_model_is_expected_to_do_again_what_it_does_elsewhere() -> None:
    words = np.eye(6)[:, :2]
    middle = np.zeros((6, 2, 2))
    middle[:, 1] = [3.0, 0.0]
    said = expected(words, middle, list("abcdef"))
    assert said[:, 1] - said[:, 0] == pytest.approx(np.tile([3.0, 0.0], (6, 1)))


def test_the_nearest_models_draw_most_alike() -> None:
    assert alike(np.array([[0.0], [1.0], [5.0]]), 1).tolist() == [[1], [0], [1]]


def test_recorded_choices_teach_who_people_are(bank: DrawnBank) -> None:
    """Two kinds of people who want opposite things: what is learned of them points the two ways."""
    truth = Heads(np.vstack([np.eye(6)[0], -np.eye(6)[0]]) * 3, np.zeros(2), np.full(2, 0.5))
    crowd = crowd_of(people(truth, 0.01 * np.eye(6), 60, Habits(noise=0.1, impatience=0.0), np.random.default_rng(0)))
    told = list(record(bank, crowd, (unranked,), nothing_known(6), first=0, at_once=25))
    known = learned(told, 2)
    towards = known.heads.weights[:, 0] / np.linalg.norm(known.heads.weights, axis=1)
    assert sorted(np.sign(towards)) == [-1.0, 1.0]
    assert np.abs(towards).min() > 0.7
    assert evidence_of(told).people == 60


def test_a_conversation_retold_is_worth_what_its_picks_say(bank: DrawnBank) -> None:
    truth = Heads(np.eye(6)[:1] * 3, np.zeros(1), np.ones(1))
    crowd = crowd_of(people(truth, 0.01 * np.eye(6), 5, Habits(noise=0.1, impatience=0.0), np.random.default_rng(0)))
    [told] = record(bank, crowd, (unranked,), nothing_known(6), first=0)
    again = retold(told, nothing_known(6))
    assert float(np.corrcoef(told.worth.ravel(), again.worth.ravel())[0, 1]) > 0.5
    assert np.array_equal(again.steps[0].slate, told.steps[0].slate)


def test_what_is_drawn_anew_is_drawn_once_and_seen_by_the_banks_own_directions(bank: DrawnBank, tmp_path: Path) -> None:
    asked: list[tuple[str, tuple[tuple[str, int], ...]]] = []

    def draw(model: str, orders: Any) -> Any:
        asked.append((model, tuple(orders)))
        return np.tile(bank.space.picture_mean, (len(orders), 1)).astype(np.float32)

    again = Redrawn(bank, draw, tmp_path)
    entries = np.array([[bank.entry(4, 2), bank.entry(0, 1), bank.entry(4, 2), bank.entry(1, 1)]])
    pictures = again.pictures(entries)
    assert pictures.shape == (1, 4, 4, 6)
    assert np.abs(pictures).max() < 1e-5
    assert [(model, [text for text, _ in orders[::4]]) for model, orders in asked] == [
        ("wash", [bank.texts[0], bank.texts[1]]),
        ("chalk", [bank.texts[4]]),
    ]
    assert len({order for _, orders in asked for order in orders}) == 12
    assert not {seed for _, orders in asked for _, seed in orders} & {1, 2, 3, 4}
    again.pictures(entries)
    assert len(asked) == 2
    assert np.array_equal(again.words(entries), bank.words(entries))
    later = Redrawn(bank, draw, tmp_path)
    assert np.array_equal(later.pictures(entries), pictures)
    assert len(asked) == 2
