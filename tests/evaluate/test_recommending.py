"""The scenario end to end on a made-up shop, and its numbers on MovieLens 1M."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.recommending import evaluate_recommend, lists_of, train
from palate.recommend.keeping import load
from palate.recommend.methods import METHODS, chosen
from palate.recommend.popularity import Popularity

ML1M = Path(__file__).parents[2].parent / "shared" / "data" / "interactions" / "ml1m_diffrec_clean.npz"


def shop(folder: Path) -> Path:
    """Two kinds of customer, each of whom walks along the shelf of one kind."""
    rng = np.random.default_rng(0)
    lines = []
    for person in range(120):
        shelf = np.arange(12) + 12 * (person % 2)
        lines.append(" ".join(map(str, [person, *np.roll(shelf, int(rng.integers(12)))[:8]])))
    (folder / "shop.txt").write_text("\n".join(lines) + "\n")
    return folder / "shop.txt"


def test_methods_are_tuned_compared_and_leave_a_run_of_plain_files(tmp_path: Path) -> None:
    report = evaluate_recommend(shop(tmp_path), chosen("popularity,itemknn,ease"), out=tmp_path / "run")
    assert (report.scenario, report.cases, report.unscored) == ("recommend", 120, 0)
    for name in ("ndcg@10", "recall@20", "precision@10", "hit@10", "mrr@10", "novelty@10", "coverage@10", "gini@10"):
        assert f"ease/{name}" in report.metrics
    assert report.metrics["ease/recall@10"].value > 0.95 > report.metrics["popularity/recall@10"].value
    assert report.metrics["popularity-ease/ndcg@10"].ci95[1] < 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["metrics"]["ease/ndcg@10"]["n"] == 120
    assert json.loads((tmp_path / "run" / "specification.json").read_text())["tuned"]["ease"]["penalty"] > 0


def test_methods_that_go_by_order_are_left_out_where_there_is_none(tmp_path: Path) -> None:
    pairs = np.array([[person, item] for person in range(30) for item in range(4)])
    np.savez(
        tmp_path / "pairs.npz", train=pairs, valid=pairs[:30] + np.array([0, 4]), test=pairs[:30] + np.array([0, 8])
    )
    report = evaluate_recommend(tmp_path / "pairs.npz", chosen("popularity,sasrec"))
    assert not any(name.startswith("sasrec") for name in report.metrics)
    assert "not sasrec" in next(iter(report.tables))
    with pytest.raises(PalateError, match="no order"):
        evaluate_recommend(tmp_path / "pairs.npz", chosen("sasrec"))


def test_a_method_is_trained_and_kept(tmp_path: Path) -> None:
    said = train(shop(tmp_path), "itemknn", tmp_path / "kept")
    kept = load(tmp_path / "kept")
    assert (kept.method, kept.items) == ("itemknn", 24)
    assert said["valid ndcg@10"] == kept.about["valid ndcg@10"] > 0.5
    assert kept.recommender.score([np.array([0])]).shape == (1, 24)


def test_what_a_person_had_already_is_neither_asked_nor_shown() -> None:
    known, wanted = [np.array([0]), np.array([1])], [np.array([0]), np.array([2, 1])]
    lists, hits, sizes = lists_of(Popularity().fit(known, 3), known, known, wanted)
    assert sizes.tolist() == [1]
    assert set(lists[0].tolist()) == {0, 2, -1}
    assert hits.sum() == 1


@pytest.mark.long
@pytest.mark.skipif(not ML1M.exists(), reason="needs the clean split of MovieLens 1M, which is not distributed here")
def test_the_simple_methods_reach_on_movielens_what_is_documented() -> None:
    method = METHODS["ease"]
    report = evaluate_recommend(ML1M, [type(method)("ease", method.make, ({"penalty": 2000.0},))])
    assert report.cases == 5949
    assert report.metrics["ease/ndcg@10"].value == pytest.approx(0.0907, abs=0.001)
    assert report.metrics["ease/recall@20"].value == pytest.approx(0.1769, abs=0.001)
