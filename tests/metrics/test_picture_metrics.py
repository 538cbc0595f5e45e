"""Fréchet distances with closed forms, and scipy's and torchmetrics' as oracles."""

from __future__ import annotations

import numpy as np
import pytest

from palate.errors import PalateError
from palate.metrics.pictures import frechet_distance


def test_a_set_is_at_no_distance_from_itself() -> None:
    features = np.random.default_rng(0).normal(size=(20, 5))
    assert frechet_distance(features, features) == pytest.approx(0.0, abs=1e-9)


def test_in_one_dimension_it_is_the_means_and_the_deviations() -> None:
    # Means 1 and 4, sample deviations sqrt(2) and 2 sqrt(2): 9 + (sqrt(2) - 2 sqrt(2))^2 = 11.
    assert frechet_distance([[0.0], [2.0]], [[2.0], [6.0]]) == pytest.approx(11.0)


@pytest.mark.parametrize(("n", "m"), [(200, 150), (12, 9), (12, 150)])
def test_it_agrees_with_the_matrix_square_root(n: int, m: int) -> None:
    linalg = pytest.importorskip("scipy.linalg")
    rng = np.random.default_rng(n)
    a, b = rng.normal(size=(n, 16)), rng.normal(size=(m, 16)) @ rng.normal(size=(16, 16)) + 0.3
    cov_a, cov_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = linalg.sqrtm(cov_a + 1e-12 * np.eye(16)) if n > 16 else np.real(linalg.sqrtm(cov_a + 1e-10 * np.eye(16)))
    inner = root @ cov_b @ root
    cross = np.sqrt(np.clip(np.linalg.eigvalsh((inner + inner.T) / 2), 0, None)).sum()
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * cross
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)


def test_it_agrees_with_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    fid = pytest.importorskip("torchmetrics.image.fid")
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(80, 8)), 2 * rng.normal(size=(90, 8)) + 1
    means = [torch.from_numpy(x.mean(0)) for x in (a, b)]
    covariances = [torch.from_numpy(np.cov(x, rowvar=False)) for x in (a, b)]
    expected = float(fid._compute_fid(means[0], covariances[0], means[1], covariances[1]))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-8)


def test_features_that_do_not_compare_are_refused() -> None:
    with pytest.raises(PalateError, match="two pictures"):
        frechet_distance([[1.0, 2.0]], [[1.0, 2.0], [2.0, 3.0]])
    with pytest.raises(PalateError, match="dimensions"):
        frechet_distance([[1.0], [2.0]], [[1.0, 2.0], [2.0, 3.0]])
    with pytest.raises(PalateError, match="finite"):
        frechet_distance([[1.0], [float("nan")]], [[1.0], [2.0]])
