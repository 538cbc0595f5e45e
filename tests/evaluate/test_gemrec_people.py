"""Made people whose likings are known: what each way must come to can be worked out on paper."""

from __future__ import annotations

import numpy as np
import pytest

from palate.evaluate import gemrec_people
from palate.evaluate.gemrec_people import Grid, densest, evaluate_people, likings, pleased, taken_of


def grid(models: int = 20, prompts: int = 12, seed: int = 0) -> Grid:
    rng = np.random.default_rng(seed)
    pictures = rng.normal(size=(prompts, models, 16)).astype(np.float32)
    pictures /= np.linalg.norm(pictures, axis=-1, keepdims=True)
    return Grid(
        "hub",
        ("animals", "food") * (prompts // 2),
        pictures,
        rng.random((prompts, models)),
        rng.random((prompts, models)),
        rng.random(models),
    )


def test_how_pleased_is_the_share_of_models_liked_less() -> None:
    liked = np.array([[[3.0, 1.0, 2.0, 1.0, 0.0]]])
    assert pleased(liked, np.array([[0]])) == 1.0
    assert pleased(liked, np.array([[4]])) == 0.0
    assert pleased(liked, np.array([[1]])) == pytest.approx((1 + 0.5) / 4), "ties half"


def test_the_best_of_those_looked_at_is_taken() -> None:
    seen = np.array([[[0.1, 0.9, 0.5]], [[0.9, 0.1, 0.5]]])
    order = np.array([[2, 1, 0]])
    assert taken_of(seen, order, 1).tolist() == [[2], [2]]
    assert taken_of(seen, order, 2).tolist() == [[1], [2]]
    assert taken_of(seen, order, 3).tolist() == [[1], [0]]


def test_a_table_is_as_full_as_it_can_be() -> None:
    drawn = np.ones((6, 5), dtype=bool)
    drawn[5, :4] = False
    found = densest(drawn)
    assert found is not None
    assert found[0].tolist() == [0, 1, 2, 3, 4]
    assert found[1].tolist() == [0, 1, 2, 3, 4]
    assert densest(np.zeros((6, 5), dtype=bool)) is None


def test_likings_are_by_words_and_look_and_differ_between_people() -> None:
    made = grid()
    liked = likings(made, 30, 0)
    assert liked.shape == (30, 12, 20)
    assert liked.mean(axis=-1) == pytest.approx(np.zeros((30, 12)), abs=1e-9)
    alike = np.asarray(np.corrcoef(liked.reshape(30, -1)))[np.triu_indices(30, 1)]
    assert alike.max() < 0.999
    assert alike.mean() > 0.05, "all of them like pictures that keep to the words"


def test_chance_is_one_half_and_whoever_sees_all_without_noise_is_wholly_pleased(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gemrec_people, "NOISE", 0.0)
    metrics, tables = evaluate_people(grid(), people=40)
    assert metrics["hub:full/pleased@20"].value == 1.0
    # The best of k by chance is at the mean place k / (k + 1) of 20: E max rank = k (M + 1) / (k + 1).
    for count in (2, 4, 8):
        expected = (count * 21 / (count + 1) - 1) / 19
        assert metrics[f"hub:dice/pleased@{count}"].value == pytest.approx(expected, abs=0.04)
    low, high = metrics["hub:single-stage:popularity/pleased@1"].ci95
    assert low - 0.05 < 0.5 < high + 0.05, "downloads have nothing to do with what these people like"
    assert metrics["hub:two-stage:clip/pleased@8"].value > metrics["hub:dice/pleased@8"].value
    assert len(tables) == 2
    assert {name.rpartition("/")[2].partition("@")[0] for name in metrics} == {"pleased", "carried", "vendi"}


def test_a_model_carries_over_where_its_look_is_the_same_for_every_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gemrec_people, "NOISE", 0.0)
    made = grid()
    steady = np.repeat(made.pictures[:1], 12, axis=0) + 0.001 * made.pictures
    even = np.full_like(made.clip, 0.5)
    same = Grid("hub", made.tags, steady.astype(np.float32), even, made.mcos, made.popularity)
    metrics, _ = evaluate_people(same, people=40)
    assert metrics["hub:full:other-domain/carried@20"].value > 0.95
    assert metrics["hub:full:same-domain/carried@20"].value > 0.95
