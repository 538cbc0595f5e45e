"""Identification tasks: their sets and ranks by hand, and the methods on a small made-up hub and on GEMRec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from palate.evaluate.gemrec_find import Hub
from palate.evaluate.gemrec_identify import METHODS, evaluate_identify, picture_sets, true_ranks
from palate.evaluate.splits import family_splits
from palate.find.scores import unit

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "gemrec"


def small_hub(models: int = 6, prompts: int = 24, dim: int = 16) -> Hub:
    rng = np.random.default_rng(0)
    words = rng.standard_normal((prompts, dim))
    style = 0.8 * rng.standard_normal((models, dim))
    pictures = words[:, None] + style + 0.5 * rng.standard_normal((prompts, models, dim))
    zeros = np.zeros((prompts, models))
    return Hub(
        model_ids=tuple(f"m{i}" for i in range(models)),
        prompt_names=tuple(f"p{i}" for i in range(prompts)),
        families=tuple(f"p{i}" for i in range(prompts)),
        tags=("",) * prompts,
        downloads=np.arange(models, dtype=float),
        pictures=unit(pictures).astype(np.float32),
        words=unit(words).astype(np.float32),
        clip=zeros,
        mcos=zeros,
        popularity=np.zeros(models),
    )


def test_one_picture_tasks_ask_every_prompt_once() -> None:
    assert picture_sets(3, 2, 1, np.random.default_rng(0))[:, :, 0].tolist() == [[0, 1, 2], [0, 1, 2]]


def test_a_set_holds_different_prompts() -> None:
    sets = picture_sets(5, 3, 4, np.random.default_rng(0))
    assert sets.shape == (3, 5, 4)
    assert all(len(set(row)) == 4 for row in sets.reshape(-1, 4))


def test_ranks_of_one_picture_by_hand_with_ties_against() -> None:
    # Two prompts, two models. For prompt 0: model 0's picture scores [2, 1] -> rank 1; model 1's [5, 5] -> tie, rank 2.
    scores = np.array([[[2.0, 1.0], [5.0, 5.0]], [[0.0, 1.0], [0.0, 3.0]]])
    tasks = picture_sets(2, 2, 1, np.random.default_rng(0))
    assert true_ranks(scores, tasks).tolist() == [1.0, 2.0, 2.0, 1.0]


def test_pictures_of_a_set_are_averaged() -> None:
    # Model 0's pictures: 3 - 0 for one prompt, 0 - 2 for the other: together 3 against 2.
    scores = np.array([[[3.0, 0.0], [0.0, 1.0]], [[0.0, 2.0], [0.0, 1.0]]])
    tasks = np.array([[[0, 1]], [[0, 1]]])
    assert true_ranks(scores, tasks).tolist() == [1.0, 1.0]


def test_every_method_and_number_of_pictures_has_its_metrics() -> None:
    hub = small_hub()
    part = evaluate_identify(hub, family_splits(hub.families, test=4, splits=2), most_pictures=2)
    for method in METHODS:
        for count in (1, 2):
            for name in ("top1", "top5", "rank"):
                assert f"{method}/{name}@{count}" in part.metrics
    assert part.cases == 2 * 2 * 6 * 4
    assert part.metrics["popularity/top1@1"].value == pytest.approx(1 / 6)
    assert part.metrics["style/top1@2"].value > 0.5
    difference = part.metrics["style/top1@1"].value - part.metrics["pmi/top1@1"].value
    assert part.metrics["style-pmi/top1@1"].value == pytest.approx(difference)


@pytest.mark.long
@pytest.mark.skipif(not DATA.exists(), reason="GEMRec's features are not on this machine")
def test_style_is_surely_better_than_pmi_on_gemrec() -> None:
    from palate.evaluate.gemrec_find import hub_of
    from palate.importers.gemrec import read_gemrec

    hub = hub_of(read_gemrec(DATA))
    metrics = evaluate_identify(hub, family_splits(hub.families, test=14)).metrics
    assert metrics["pmi/top1@1"].value >= 0.14
    assert metrics["style/top1@1"].value >= 0.27
    assert metrics["style/top1@6"].value >= 0.63
    assert metrics["style-pmi/top1@1"].ci95[0] > 0
    assert metrics["style-pmi/top1@6"].ci95[0] > 0
