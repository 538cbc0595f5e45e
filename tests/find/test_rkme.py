"""Reduced kernel mean embeddings: one point by hand, several points on clusters, and who drew it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from palate.find.rkme import fit_rkme, reduced_set
from palate.find.specification import Specifications


def test_one_point_stands_midway_between_two_pictures() -> None:
    # Two points at distance 2 on a line; b = k(1) = exp(-gamma) at the middle.
    points, weights = reduced_set(np.array([[0.0, 0.0], [2.0, 0.0]]), 1, 0.02)
    assert points[0] == pytest.approx([1.0, 0.0])
    assert weights[0] == pytest.approx(math.exp(-0.02))


def test_two_points_stand_for_two_clusters_by_their_size() -> None:
    z = np.array([[0.0, 0.0]] * 3 + [[10.0, 0.0]])
    points, weights = reduced_set(z, 2, 1.0)
    order = points[:, 0].argsort()
    assert points[order] == pytest.approx(np.array([[0.0, 0.0], [10.0, 0.0]]))
    assert weights[order] == pytest.approx([0.75, 0.25])


def test_weights_are_never_negative() -> None:
    rng = np.random.default_rng(0)
    _, weights = reduced_set(rng.standard_normal((30, 4)), 6, 0.1)
    assert (weights >= 0).all()


def test_more_points_than_pictures_are_not_made_up() -> None:
    known = Specifications.build(["a", "b"], [0, 1, 1], [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]])
    found = fit_rkme(known, size=2, gamma=0.02)
    assert found.weights[0, 1] == 0.0
    assert found.points.shape == (2, 2, 2)


def test_the_model_whose_pictures_are_nearest_scores_highest() -> None:
    known = Specifications.build(["a", "b"], [0, 0, 1, 1], [[1.0, 0.1], [1.0, -0.1], [0.1, 1.0], [-0.1, 1.0]])
    assert fit_rkme(known, gamma=0.05).scores([[1.0, 0.2]]).argmax() == 0
    assert fit_rkme(known, gamma=0.05).scores([[0.2, 1.0]]).argmax() == 1


def test_gamma_comes_from_the_papers_grid() -> None:
    rng = np.random.default_rng(1)
    known = Specifications.build(["a", "b"], np.arange(30) % 2, rng.standard_normal((30, 5)))
    assert 0.005 <= fit_rkme(known).gamma <= 0.05


def test_a_model_without_pictures_is_never_found() -> None:
    known = Specifications.build(["a", "b"], [0], [[1.0, 0.0]])
    assert fit_rkme(known, gamma=0.02).scores([[1.0, 0.0]])[1] == -np.inf
