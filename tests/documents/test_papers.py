"""What docs/papers.md says of the equations of CGI holds, with answers that can be worked out on paper."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from palate.find.pmi import distance, fit_mms, fit_pmi
from palate.find.rkme import fit_rkme
from palate.find.specification import Specifications

PAGE = (Path(__file__).parents[2] / "docs" / "papers.md").read_text()
GAMMA = 0.5
X, Y, BETWEEN = np.eye(3)[0], np.eye(3)[1], np.array([1.0, 1.0, 0.0]) / math.sqrt(2)


def random_hub(models: int = 4, prompts: int = 5, dim: int = 6) -> Specifications:
    rng = np.random.default_rng(7)
    words = rng.normal(size=(prompts, dim))
    return Specifications.build(
        [f"model {m}" for m in range(models)],
        np.repeat(np.arange(models), prompts),
        rng.normal(size=(models * prompts, dim)),
        prompts=np.tile(words, (models, 1)),
        prompt_ids=[f"prompt {p}" for p in range(prompts)] * models,
        downloads=[1.0] * models,
    )


def test_eq_9_is_nothing_for_the_same_picture_of_the_same_words() -> None:
    assert distance(X[None], X[None], X[None], X[None], GAMMA) == pytest.approx(0.0)


def test_eq_9_of_unlike_pictures_by_hand() -> None:
    """|x - y|^2 = 2, so with w = 1 it is k(y, y) - 2 k(y, x) + k(x, x) = 2 - 2 exp(-2 gamma)."""
    assert distance(Y[None], X[None], X[None], X[None], GAMMA) == pytest.approx(2 - 2 * math.exp(-2 * GAMMA))


def test_eq_9_weighs_pictures_by_their_words() -> None:
    """Words at 45 degrees: w = 1/sqrt(2), so the same picture leaves 1/2 - 2/sqrt(2) + 1."""
    assert distance(X[None], BETWEEN[None], X[None], X[None], GAMMA) == pytest.approx(1.5 - math.sqrt(2))


def test_eq_9_batched_is_eq_9_as_it_is_written() -> None:
    hub = random_hub()
    rng = np.random.default_rng(8)
    z, q = rng.normal(size=(3, 6)), rng.normal(size=(3, 6))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    written = [
        distance(hub.pictures[hub.model_index == m], hub.prompts[hub.model_index == m], z, q, GAMMA) for m in range(4)
    ]
    matching = fit_pmi(hub, gamma=GAMMA)
    assert matching.distances(z, q).mean(axis=0) == pytest.approx(np.array(written), abs=1e-6)
    assert np.argsort(-matching.scores(z, q)).tolist() == np.argsort(written).tolist()


def test_without_weights_it_is_mms() -> None:
    hub = random_hub()
    assert fit_pmi(hub, gamma=GAMMA).distances(hub.pictures[:2]) == pytest.approx(
        fit_mms(hub, gamma=GAMMA).distances(hub.pictures[:2])
    )


def test_rkme_of_one_picture_is_that_picture() -> None:
    """Its point is the picture with weight 1: 2 k(x, t) - 1 is 1 for itself and 2 exp(-2 gamma) - 1 for the other."""
    hub = Specifications.build(["a", "b"], [0, 1], np.stack([X, Y]), downloads=[1.0, 1.0])
    scores = fit_rkme(hub, gamma=GAMMA).picture_scores(X[None])[0]
    assert scores == pytest.approx([1.0, 2 * math.exp(-2 * GAMMA) - 1], abs=1e-6)


def test_every_number_of_ours_stands_within_its_interval() -> None:
    found = re.findall(r"(-?\d+\.\d+)(?: %)? \[(-?\d+\.\d+), (-?\d+\.\d+)\]", PAGE)
    assert len(found) >= 50
    assert all(float(low) <= float(value) <= float(high) for value, low, high in found)
