"""Hubs with known habits: which model is right for words that nobody drew can be read off the construction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from palate.find.cells import Cells, tabulate
from palate.find.scores import clip_score, mcos, norm_clip, norm_mcos
from palate.find.specification import Specifications
from palate.find.unseen import Nearness, cell_worths, fit_nearness, held_out, predict
from palate.find.words import WordsHub, supporting_cells, words_scale, words_scores

Vectors = NDArray[np.float64]


def unit(vectors: Vectors) -> Vectors:
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def checkerboard(prompts: int = 24, models: int = 6, seed: int = 0) -> tuple[Specifications, Vectors]:
    """Words lie around two poles; even models draw what is asked around the first, odd ones around the second."""
    rng = np.random.default_rng(seed)
    poles = np.eye(8)[:2]
    words = unit(np.stack([poles[p % 2] + 0.15 * rng.normal(size=8) for p in range(prompts)]))
    aside = np.eye(8)[7]
    pictures = np.zeros((prompts, models, 8))
    for p in range(prompts):
        for m in range(models):
            able = 0.9 if p % 2 == m % 2 else 0.3
            pictures[p, m] = able * words[p] + 0.5 * aside + 0.05 * rng.normal(size=8)
    specifications = Specifications.build(
        [f"m{m}" for m in range(models)],
        np.tile(np.arange(models), prompts),
        pictures.reshape(-1, 8),
        prompts=np.repeat(words, models, axis=0),
        prompt_ids=[f"p{p}" for p in range(prompts) for _ in range(models)],
        downloads=[None, *[10.0**m for m in range(1, models)]],
    )
    return specifications, pictures


def test_the_table_holds_gemrecs_scores() -> None:
    specifications, pictures = checkerboard()
    drawn = tabulate(specifications)
    words = specifications.prompts.reshape(24, 6, 8)[:, 0]
    clip = clip_score(pictures, words)
    assert drawn.clip.reshape(24, 6) == pytest.approx(clip, abs=2e-5)
    assert drawn.norm_clip.reshape(24, 6) == pytest.approx(norm_clip(clip), abs=1e-5)
    assert drawn.norm_mcos.reshape(24, 6) == pytest.approx(norm_mcos(mcos(pictures)), abs=1e-4)
    assert drawn.complete.all()
    assert np.abs(drawn.residual.reshape(24, 6, 8).sum(axis=1)).max() < 1e-5


def test_several_seeds_are_one_cell_and_unknown_prompts_none() -> None:
    specifications = Specifications.build(
        ["a", "b"],
        [0, 0, 1, 1],
        [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.6, 0.8]],
        prompts=[[1.0, 0.0]] * 4,
        has_prompt=[True, True, True, False],
        prompt_ids=["p", "p", "p", None],
    )
    drawn = tabulate(specifications)
    assert (drawn.model.tolist(), drawn.row.tolist()) == ([0, 1], [0, 2])
    assert drawn.clip.tolist() == pytest.approx([50.0, 100.0])
    # Cosines to the prompt's three pictures: 1, 0, 1 and 0, 1, 0 averaged over model a's two; 1, 0, 1 for b's.
    assert drawn.mcos.tolist() == pytest.approx([0.5, 2 / 3])


def test_a_hub_where_nobody_drew_the_same_prompt_still_has_scores() -> None:
    rng = np.random.default_rng(1)
    specifications = Specifications.build(
        [f"m{m}" for m in range(8)], np.arange(40) % 8, rng.normal(size=(40, 6)), prompts=rng.normal(size=(40, 6))
    )
    drawn = tabulate(specifications)
    assert not drawn.complete.any()
    assert ((drawn.norm_clip >= 0) & (drawn.norm_clip <= 1)).all()
    assert drawn.norm_mcos.tolist() == [0.5] * 40
    hub = WordsHub.learn(specifications)
    assert np.isfinite(words_scores(hub, specifications.prompts[0]).gre()).all()
    assert words_scale(hub) == 0.0


def test_new_words_are_answered_by_the_models_that_drew_their_like() -> None:
    specifications, _ = checkerboard()
    hub = WordsHub.learn(specifications)
    poles = np.eye(8, dtype=np.float32)[:2]
    clip = words_scores(hub, poles).clip
    assert set(np.argsort(-clip[0])[:3].tolist()) == {0, 2, 4}
    assert set(np.argsort(-clip[1])[:3].tolist()) == {1, 3, 5}
    assert not words_scores(hub, poles[0]).exact.any()
    assert words_scale(hub) > 0


def test_the_lean_carries_scores_towards_the_new_words() -> None:
    # Both models drew the same words equally well; one leans to the second axis, the other away from it.
    drawn = Cells(
        model_ids=("towards", "away"),
        prompt_ids=("p",),
        words=np.array([[1.0, 0.0]], dtype=np.float32),
        prompt=np.array([0, 0]),
        model=np.array([0, 1]),
        row=np.array([0, 1]),
        clip=np.array([30.0, 30.0]),
        mcos=np.array([0.9, 0.9]),
        norm_clip=np.array([0.5, 0.5]),
        norm_mcos=np.array([0.5, 0.5]),
        residual=np.array([[0.0, 0.2], [0.0, -0.2]], dtype=np.float32),
        drawn_by=np.array([2]),
    )
    asked = np.array([[0.6, 0.8]], dtype=np.float32)
    flat = predict(drawn, drawn.norm_clip, asked, Nearness(doubt=1.0))
    assert flat[0].tolist() == pytest.approx([0.5, 0.5])
    # t - t' = (-0.4, 0.8); times (0, 0.2) is 0.16; times lean 2, over weight 1 + doubt 1: 0.16.
    leaning = predict(drawn, drawn.norm_clip, asked, Nearness(doubt=1.0, lean=2.0))
    assert leaning[0].tolist() == pytest.approx([0.66, 0.34])


def test_a_known_prompt_has_its_exact_scores() -> None:
    specifications, pictures = checkerboard()
    hub = WordsHub.learn(specifications)
    answer = words_scores(hub, specifications.prompts[0], "p0")
    exact = norm_clip(clip_score(pictures[0], specifications.prompts[0]))
    assert answer.exact.all()
    assert answer.clip == pytest.approx(exact, abs=1e-5)


def test_a_model_that_lacks_the_known_prompt_is_predicted_beside_the_exact_ones() -> None:
    specifications, _ = checkerboard()
    partial = specifications.take(np.arange(24 * 6) != 2)
    answer = words_scores(WordsHub.learn(partial), specifications.prompts[0], "p0")
    assert answer.exact.tolist() == [True, True, False, True, True, True]
    assert answer.clip[2] > answer.clip[[1, 3, 5]].max()


def test_a_part_without_which_the_score_is_lower_has_positive_worth() -> None:
    specifications, _ = checkerboard()
    answer = words_scores(WordsHub.learn(specifications), specifications.prompts[0], "p0")
    worths = answer.part_worths()
    without_popularity = (answer.clip + 0.8 * answer.mcos) * 2.0 / 1.8
    assert worths["popularity"][1:] == pytest.approx((answer.gre() - without_popularity)[1:])
    assert np.isnan(worths["popularity"][0])
    assert worths["clip"][np.argmax(answer.clip)] > 0


def test_a_cells_worth_is_what_the_score_loses_without_it() -> None:
    specifications, _ = checkerboard()
    drawn = tabulate(specifications)
    words = np.eye(8, dtype=np.float32)[0]
    how = Nearness(sharpness=6.0, local=0.5, doubt=2.0)
    worths = cell_worths(drawn, drawn.norm_clip, words, how)
    whole = predict(drawn, drawn.norm_clip, words[None], how)[0]
    cell = 8
    # Taking a cell away is giving it the mean of all and no weight: the doubt then fills in for it.
    kept = np.arange(len(drawn.model)) != cell
    less = replace(drawn, prompt=drawn.prompt[kept], model=drawn.model[kept], residual=drawn.residual[kept])
    scores = drawn.norm_clip - drawn.norm_clip.mean()
    rest = predict(less, scores[kept] - scores[kept].mean(), words[None], how)[0, drawn.model[cell]]
    offset = scores[kept].mean()
    weight_share = rest + offset * (1 - _doubt_share(less, words, how, drawn.model[cell])) + drawn.norm_clip.mean()
    assert worths[cell] == pytest.approx(whole[drawn.model[cell]] - weight_share, abs=1e-9)
    best = supporting_cells(WordsHub.learn(specifications), words, model=2)
    assert all(drawn.model[cell] == 2 and worth > 0 for cell, worth in best)
    assert drawn.prompt[best[0][0]] % 2 == 0


def _doubt_share(drawn: Cells, words: NDArray[np.float32], how: Nearness, model: int) -> float:
    """What share of a model's predicted score is the mean of all."""
    near = predict(drawn, np.where(drawn.model == model, 1.0, -1.0), words[None], how)[0, model]
    mean = float(np.where(drawn.model == model, 1.0, -1.0).mean())
    return float((near - 1.0) / (mean - 1.0))


def test_leave_one_out_does_not_see_the_prompt_or_its_near_duplicate() -> None:
    rng = np.random.default_rng(5)
    base = unit(rng.normal(size=(8, 12)))
    words = np.repeat(base, 2, axis=0)
    pictures = rng.normal(size=(16, 5, 12))
    specifications = Specifications.build(
        [f"m{m}" for m in range(5)],
        np.tile(np.arange(5), 16),
        pictures.reshape(-1, 12),
        prompts=np.repeat(words, 5, axis=0),
        prompt_ids=[f"p{p}" for p in range(16) for _ in range(5)],
    )
    drawn = tabulate(specifications)
    asked, predicted = held_out(drawn, drawn.norm_clip, Nearness())
    changed = drawn.norm_clip.copy()
    twins = np.isin(drawn.prompt, [0, 1])
    changed[twins] = changed[twins][::-1]
    _, again = held_out(drawn, changed, Nearness())
    assert asked.tolist() == list(range(16))
    assert again[0] == pytest.approx(predicted[0])
    assert again[4] != pytest.approx(predicted[4])


def test_a_hub_of_one_model_and_an_empty_one_do_not_break() -> None:
    one = Specifications.build(["only"], [0], [[1.0, 0.0]], prompts=[[0.0, 1.0]], prompt_ids=["p"])
    answer = words_scores(WordsHub.learn(one), one.prompts[0], "p")
    assert answer.gre().tolist() == pytest.approx([0.5 * 2.0])
    wordless = Specifications.build(["only"], [0], [[1.0, 0.0]], downloads=[3.0])
    scores = words_scores(WordsHub.learn(wordless), np.array([1.0, 0.0], dtype=np.float32))
    assert np.isnan(scores.clip).all()
    # Only popularity is left, and it carries the whole weight.
    assert scores.gre().tolist() == pytest.approx([1.0])
    assert fit_nearness(tabulate(wordless), np.zeros(0), leans=True) == Nearness()
