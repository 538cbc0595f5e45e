"""Metrics beside libraries that are kept for this: equal to 1e-6, on numbers that nobody chose."""

from __future__ import annotations

import numpy as np
import pytest

from palate.evaluate.poisoning import auc
from palate.metrics import battles, fairness, picture_sets, pictures, text

CLOSE = 1e-6


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_vendi_is_the_exponential_of_scipys_entropy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rows = rng().normal(size=(12, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    shares = np.linalg.eigvalsh(rows @ rows.T / len(rows)).clip(0)
    assert picture_sets.vendi(rows) == pytest.approx(np.exp(stats.entropy(shares)), abs=CLOSE)


def test_cmmd_is_made_of_scikit_learns_kernel() -> None:
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    a, b = (rng().normal(size=(9, 4)), rng().normal(0.5, 1, size=(9, 4)))
    a, b = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (a, b))
    kernel = [pairwise.rbf_kernel(x, y, gamma=1 / (2 * 10.0**2)) for x, y in ((a, a), (b, b), (a, b))]
    theirs = 1000 * (kernel[0].mean() + kernel[1].mean() - 2 * kernel[2].mean())
    assert picture_sets.cmmd(a, b) == pytest.approx(theirs, abs=CLOSE)


def test_clip_score_is_a_hundred_of_scikit_learns_cosine() -> None:
    pairwise = pytest.importorskip("sklearn.metrics.pairwise")
    a, b = rng().normal(size=(6, 8)), rng().normal(size=(6, 8))
    theirs = 100 * np.diag(pairwise.cosine_similarity(a, b)).clip(0)
    np.testing.assert_allclose(picture_sets.clip_score(a, b), theirs, atol=CLOSE)


def test_frechet_of_moments_is_frechet_of_pictures() -> None:
    parts = rng().normal(size=(4, 30, 6))
    other = rng().normal(0.3, 1.2, size=(4, 30, 6))
    weights = np.array([2, 0, 1, 1])
    a, b = (pictures.Moments.of(pictures.moments_of(one), weights) for one in (parts, other))
    rows = np.repeat(np.arange(4), weights)
    theirs = pictures.frechet_distance(parts[rows].reshape(-1, 6), other[rows].reshape(-1, 6))
    assert pictures.frechet_of_moments(a, b, pictures.symmetric_root(a.covariance)) == pytest.approx(theirs, abs=CLOSE)


def test_perplexity_agrees_with_torchmetrics() -> None:
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.text")
    logits = torch.from_numpy(rng().normal(size=(1, 7, 5)))
    said = torch.from_numpy(rng().integers(0, 5, size=(1, 7)))
    logs = torch.log_softmax(logits, -1)[0, torch.arange(7), said[0]].tolist()
    assert text.perplexity(logs) == pytest.approx(float(functional.perplexity(logits, said)), abs=CLOSE)


def test_rouge_agrees_with_torchmetrics() -> None:
    functional = pytest.importorskip("torchmetrics.functional.text.rouge")
    words = ["a", "red", "cat", "sat", "on", "the", "very", "old", "mat", "in", "the", "sun"]
    for seed in range(5):
        pick = np.random.default_rng(seed)
        said, wanted = ([str(w) for w in pick.choice(words, size)] for size in (8, 11))
        theirs = functional.rouge_score(" ".join(said), " ".join(wanted), rouge_keys=("rouge2", "rougeL"))
        assert text.rouge_l(said, wanted) == pytest.approx(float(theirs["rougeL_fmeasure"]), abs=CLOSE)
        assert text.rouge_n(said, wanted, 2) == pytest.approx(float(theirs["rouge2_fmeasure"]), abs=CLOSE)


def test_kappa_agrees_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    one, other = rng().integers(0, 3, 60), np.random.default_rng(5).integers(0, 3, 60)
    other[:30] = one[:30]
    assert battles.agreement(one, other) == pytest.approx(sklearn.cohen_kappa_score(one, other), abs=CLOSE)


def test_strengths_are_scipys_most_likely_ones() -> None:
    optimise = pytest.importorskip("scipy.optimize")
    wins = rng().integers(1, 9, size=(4, 4)).astype(float)
    np.fill_diagonal(wins, 0)

    def unlikely(free: np.ndarray) -> float:
        strength = np.array([0.0, *free])
        return float((wins * np.logaddexp(0, strength[None, :] - strength[:, None])).sum())

    found = optimise.minimize(unlikely, np.zeros(3), method="BFGS", options={"gtol": 1e-9})
    theirs = np.array([0.0, *found.x])
    np.testing.assert_allclose(battles.strengths(wins, prior=0), theirs - theirs.mean(), atol=CLOSE)


def test_the_attackers_auc_agrees_with_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    high, low = rng().integers(0, 6, 40).astype(float), rng().integers(0, 5, 30).astype(float)
    theirs = sklearn.roc_auc_score([1] * 40 + [0] * 30, [*high, *low])
    assert auc(high, low) == pytest.approx(theirs, abs=CLOSE)


def test_jaccard_agrees_with_scikit_learn_and_spread_with_numpy() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    one, other = [1, 2, 3, 4, 5], [4, 5, 6, 7, 1]
    marks = [[int(item in some) for item in range(9)] for some in (one, other)]
    assert fairness.jaccard_at(one, other, 5) == pytest.approx(sklearn.jaccard_score(*marks), abs=CLOSE)
    means = {"a": 0.2, "b": 0.7, "c": 0.4}
    assert fairness.snsr(means) == pytest.approx(np.ptp(list(means.values())), abs=CLOSE)
    assert fairness.snsv(means) == pytest.approx(np.std(list(means.values())), abs=CLOSE)


def test_gini_is_the_mean_difference_of_scipys_distances() -> None:
    from palate.metrics.recommending import gini

    distance = pytest.importorskip("scipy.spatial.distance")
    lists = rng().integers(0, 8, size=(30, 5))
    counts = np.bincount(lists.ravel(), minlength=8).astype(float)
    theirs = distance.pdist(counts[:, None], "cityblock").sum() / (len(counts) * counts.sum())
    assert gini(lists, 8) == pytest.approx(theirs, abs=CLOSE)
