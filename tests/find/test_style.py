"""The style index: worlds whose right answer is known, and hubs as ragged as real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palate.errors import PalateError
from palate.find.content import decompose, fit_words_to_content
from palate.find.shrinkage import held_out_spectrum, pooled_adjacent
from palate.find.specification import Specifications
from palate.find.style import StyleConfig, StyleIndex, fit_style, style_cells

DIM = 24


def world(
    models: int = 8, prompts: int = 30, *, noise: float = 0.3, share: float = 1.0, worded: bool = True, seed: int = 0
) -> tuple[Specifications, Any, Any, Any]:
    """Content and style add up, content is linear in words; `share` of the grid was drawn. And 40 unseen tasks."""
    rng = np.random.default_rng(seed)
    to_content = np.eye(DIM) + 0.3 * rng.standard_normal((DIM, DIM))
    style = 0.7 * rng.standard_normal((models, DIM))
    words = rng.standard_normal((prompts + 40, DIM))
    content = words @ to_content
    pairs = [(p, m) for p in range(prompts) for m in range(models) if rng.random() < share]
    prompt, model = (np.array(column) for column in zip(*pairs, strict=True))
    pictures = content[prompt] + style[model] + noise * rng.standard_normal((len(pairs), DIM))
    known = Specifications.build(
        [f"m{i}" for i in range(models)],
        model,
        pictures,
        prompts=words[prompt] if worded else None,
        prompt_ids=[f"p{p}" for p in prompt] if worded else None,
        encoder_id="e",
    )
    true = np.arange(40) % models
    asked = content[prompts:] + style[true] + noise * rng.standard_normal((40, DIM))
    return known, asked, words[prompts:], true


def accuracy(index: StyleIndex, asked: Any, captions: Any, true: Any) -> float:
    scores = index.scores(index.queries(asked, captions))
    return float((scores.argmax(axis=1) == true).mean())


def test_who_drew_unseen_prompts_is_found() -> None:
    known, asked, captions, true = world()
    index = fit_style(known)
    assert index.vectors.shape == (8, 7 + 2)
    assert accuracy(index, asked, captions, true) > 0.9


def test_without_captions_it_is_found_less_often_but_far_above_chance() -> None:
    known, asked, captions, true = world()
    index = fit_style(known)
    assert 3 / 8 < accuracy(index, asked, None, true) <= accuracy(index, asked, captions, true)


def test_one_vector_for_several_pictures_is_the_sum_of_theirs() -> None:
    known, asked, captions, _ = world()
    index = fit_style(known)
    rows = index.queries(asked[:3], captions[:3])
    assert index.query(asked[:3], captions[:3]) == pytest.approx(rows.sum(axis=0), rel=1e-5)
    assert rows[:, -2:].tolist() == [[1.0, 0.0]] * 3


def test_some_pictures_may_have_captions_and_others_not() -> None:
    known, asked, captions, _ = world()
    index = fit_style(known)
    mixed = index.queries(asked[:2], captions[:2], has_caption=[True, False])
    assert mixed[0] == pytest.approx(index.queries(asked[:1], captions[:1])[0], rel=1e-5)
    assert mixed[1] == pytest.approx(index.queries(asked[1:2])[0], rel=1e-5)


def test_several_pictures_identify_better_than_one() -> None:
    known, asked, captions, true = world(noise=1.2)
    index = fit_style(known)
    rows = index.scores(index.queries(asked, captions))
    five = np.array([rows[np.flatnonzero(true == m)[:5]].sum(axis=0).argmax() == m for m in range(8)])
    assert five.mean() > accuracy(index, asked, captions, true)


def test_a_ragged_hub_where_each_prompt_was_drawn_by_few() -> None:
    known, asked, captions, true = world(prompts=60, share=0.3, seed=1)
    assert accuracy(fit_style(known), asked, captions, true) > 0.7


def test_a_folder_of_outputs_without_any_prompt() -> None:
    known, asked, _, true = world(worded=False)
    index = fit_style(known)
    assert not index.words_to_content.any()
    assert accuracy(index, asked, None, true) > 3 / 8


@pytest.mark.parametrize("models", [1, 2, 3])
@pytest.mark.parametrize("pictures", [1, 2, 3])
def test_few_models_with_few_pictures_still_have_an_index(models: int, pictures: int) -> None:
    rng = np.random.default_rng(0)
    rows = models * pictures
    known = Specifications.build(
        [str(m) for m in range(models)],
        np.repeat(np.arange(models), pictures),
        rng.standard_normal((rows, DIM)),
        prompts=rng.standard_normal((rows, DIM)),
    )
    index = fit_style(known)
    scores = index.scores(index.query(rng.standard_normal((2, DIM)), rng.standard_normal((2, DIM))))
    assert np.isfinite(scores).all()
    assert scores.shape == (models,)


def test_a_model_nobody_has_pictures_of_scores_as_one_without_a_style() -> None:
    known, asked, captions, _ = world()
    wider = Specifications.build(
        [*known.model_ids, "new"], known.model_index, known.pictures, prompts=known.prompts, prompt_ids=known.prompt_ids
    )
    index = fit_style(wider)
    assert index.scores(index.query(asked[:1], captions[:1]))[-1] == 0.0


def test_fitting_twice_gives_the_same_bytes() -> None:
    known, *_ = world()
    first, second = fit_style(known).arrays(), fit_style(known).arrays()
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_the_index_survives_being_kept_as_arrays(tmp_path: Path) -> None:
    known, asked, captions, _ = world()
    index = fit_style(known)
    np.savez(tmp_path / "style.npz", **index.arrays())  # type: ignore[arg-type]
    with np.load(tmp_path / "style.npz", allow_pickle=False) as file:
        again = StyleIndex.from_arrays(dict(file))
    assert again.model_ids == index.model_ids
    assert again.encoder_id == "e"
    assert (again.query(asked, captions) == index.query(asked, captions)).all()


def test_a_damaged_index_is_refused() -> None:
    arrays = fit_style(world()[0]).arrays()
    arrays["vectors"] = np.full_like(arrays["vectors"], np.nan)
    with pytest.raises(PalateError, match="rebuild"):
        StyleIndex.from_arrays(arrays)


def test_pictures_of_another_dimension_are_refused() -> None:
    with pytest.raises(PalateError, match="dimensions"):
        fit_style(world()[0]).query(np.ones((1, DIM + 1)))


def test_a_hub_without_pictures_is_refused() -> None:
    with pytest.raises(PalateError, match="no model here has a picture"):
        fit_style(Specifications.build(["a"], [], np.zeros((0, 3))))


def test_no_more_directions_than_asked_for() -> None:
    assert fit_style(world()[0], StyleConfig(dimensions=3)).vectors.shape == (8, 3 + 2)


def test_words_that_are_content_up_to_a_factor_are_learned_from_few_prompts() -> None:
    # 5 prompts in 24 dimensions: only the identity prior can carry over to a direction never seen.
    words = np.random.default_rng(0).standard_normal((5, DIM))
    regression, _ = fit_words_to_content(words, 0.5 * words)
    unseen = np.random.default_rng(1).standard_normal((1, DIM))
    assert regression.predict(unseen) == pytest.approx(0.5 * unseen, abs=1e-6)


def test_content_and_style_are_told_apart_exactly_where_everybody_drew_everything() -> None:
    # Unit length bends the sum a little; without noise the styles' differences are still those put in.
    known, *_ = world(models=3, noise=0.0)
    parts = decompose(known)
    assert parts.style.sum(axis=0) == pytest.approx(np.zeros(DIM), abs=1e-6)
    by_hand = np.array([known.pictures[known.model_index == m].mean(axis=0) for m in range(3)])
    by_hand -= by_hand.mean(axis=0)
    found = parts.style / np.linalg.norm(parts.style, axis=1, keepdims=True)
    assert (found * by_hand / np.linalg.norm(by_hand, axis=1, keepdims=True)).sum(axis=1) == pytest.approx(
        1.0, abs=0.01
    )


def test_pooling_adjacent_violators_by_hand() -> None:
    assert pooled_adjacent(np.array([1.0, 3.0, 2.0, 2.0, 5.0])).tolist() == pytest.approx([1, 7 / 3, 7 / 3, 7 / 3, 5])


def test_held_out_spectrum_of_noise_is_flatter_than_the_samples() -> None:
    # 60 rows of white noise in 40 dimensions: the sample's eigenvalues run from near 0 to over 3, the truth is 1.
    rows = np.random.default_rng(0).standard_normal((60, 40))
    _, values = held_out_spectrum(rows, np.ones(60), np.arange(60) % 5, 5)
    sample = np.linalg.eigvalsh(rows.T @ rows / 60)
    assert sample.max() > 2.5
    assert values.max() < 1.6
    assert values.min() > 0.5


def test_searching_in_cells_finds_what_scoring_every_model_finds() -> None:
    known, asked, captions, _ = world(models=40)
    index = fit_style(known)
    queries = index.queries(asked, captions)
    found, scores = style_cells(index).search(queries[:, :-2], 1, weights=queries[:, -2])
    assert (found[:, 0] == index.scores(queries).argmax(axis=1)).all()
    assert scores[:, 0] == pytest.approx(index.scores(queries).max(axis=1), rel=1e-3)
