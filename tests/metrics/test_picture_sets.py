"""Sets of pictures with answers on paper, and torchmetrics' and scikit-learn's as oracles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from palate.errors import PalateError
from palate.metrics.picture_sets import clip_score, cmmd, copied, kid, nearest_training, neighbours, vendi

RNG = np.random.default_rng(3)


def test_kid_by_hand() -> None:
    """d = 1: a = 0, 1 and b = 1, 2. xx: 2 (0 1 + 1)^3 / 2 = 1; yy: (1 2 + 1)^3 = 27; xy: (1 + 1 + 8 + 27) / 4."""
    assert kid([[0.0], [1.0]], [[1.0], [2.0]]) == pytest.approx(1 + 27 - 2 * (1 + 1 + 8 + 27) / 4)


def test_kid_agrees_with_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    other = pytest.importorskip("torchmetrics.image.kid")
    a, b = RNG.normal(size=(40, 12)), RNG.normal(size=(40, 12)) + 0.5
    expected = float(other.poly_mmd(torch.from_numpy(a), torch.from_numpy(b), degree=3, coef=1.0))
    assert kid(a, b) == pytest.approx(expected, abs=1e-6)


def test_kid_of_one_kind_is_nothing_in_the_mean() -> None:
    found = [kid(RNG.normal(size=(20, 4)), RNG.normal(size=(20, 4))) for _ in range(300)]
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(300)


def test_cmmd_by_hand_and_of_equal_sets() -> None:
    """Two and two unit vectors at right angles: k is 1 within each set, exp(-2 / 200) between."""
    a, b = [[1.0, 0.0], [2.0, 0.0]], [[0.0, 1.0], [0.0, 3.0]]
    assert cmmd(a, b) == pytest.approx(1000 * (2 - 2 * math.exp(-0.01)))
    same = RNG.normal(size=(9, 3))
    assert cmmd(same, same) == pytest.approx(0.0, abs=1e-9)


def test_neighbours_on_a_line() -> None:
    """Real at 0, 1, 2, 3 with radius 1; drawn at 1, 10 and 11: one of three is within."""
    real, drawn = [[0.0], [1.0], [2.0], [3.0]], [[1.0], [10.0], [11.0]]
    found = neighbours(real, drawn, k=1)
    assert found.precision == pytest.approx(1 / 3)
    assert found.recall == 1.0  # the drawn one at 1 has its nearest neighbour 9 away: all real ones are within that
    assert found.density == pytest.approx(3 / 3)  # the reals at 0, 1 and 2 hold the drawn one at 1
    assert found.coverage == pytest.approx(3 / 4)


def test_neighbours_agree_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.neighbors")
    real, drawn, k = RNG.normal(size=(60, 5)), RNG.normal(size=(50, 5)) * 0.7, 4
    radius_of = {}
    for name, rows in (("real", real), ("drawn", drawn)):
        fitted = sklearn.NearestNeighbors(n_neighbors=k + 1).fit(rows)
        radius_of[name] = fitted.kneighbors(rows)[0][:, -1]
    apart = np.linalg.norm(real[:, None] - drawn[None], axis=2)
    expected = (
        (apart <= radius_of["real"][:, None]).any(0).mean(),
        (apart <= radius_of["drawn"][None]).any(1).mean(),
        (apart <= radius_of["real"][:, None]).sum(0).mean() / k,
        (apart.min(1) <= radius_of["real"]).mean(),
    )
    assert neighbours(real, drawn, k) == pytest.approx(expected, abs=1e-6)


def test_vendi_counts_what_differs() -> None:
    assert vendi(np.eye(5)) == pytest.approx(5.0)
    assert vendi(np.ones((7, 3))) == pytest.approx(1.0)
    assert vendi(np.repeat(np.eye(4), 3, axis=0)) == pytest.approx(4.0)
    # Two vectors at 60 degrees: eigenvalues 3/4 and 1/4.
    expected = math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert vendi([[1.0, 0.0], [0.5, math.sqrt(3) / 2]]) == pytest.approx(expected)


def test_a_copy_is_found_and_a_fresh_picture_is_not_always_one() -> None:
    training = RNG.normal(size=(200, 8))
    assert copied(training[:50] + 1e-3, training).all()
    assert 0.3 < copied(RNG.normal(size=(400, 8)), training).mean() < 0.7
    nearest, cosine = nearest_training(training[:3] * 2, training)
    assert nearest.tolist() == [0, 1, 2]
    assert cosine == pytest.approx([1.0, 1.0, 1.0])


def test_clip_score_by_hand() -> None:
    assert clip_score([[1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [-1.0, 0.0]]) == pytest.approx([100 / math.sqrt(2), 0.0])


@pytest.mark.parametrize("metric", [kid, cmmd, neighbours])
def test_sets_that_do_not_compare_are_refused(metric: object) -> None:
    assert callable(metric)
    with pytest.raises(PalateError, match="pictures"):
        metric([[1.0]], [[1.0], [2.0]])
    with pytest.raises(PalateError, match="dimensions"):
        metric([[1.0], [2.0]], [[1.0, 2.0], [2.0, 3.0]])
    with pytest.raises(PalateError, match="finite"):
        metric([[1.0], [float("nan")]], [[1.0], [2.0]])
