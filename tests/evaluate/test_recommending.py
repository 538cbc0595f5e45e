"""The scenario end to end on a made-up shop, and its numbers on MovieLens 1M."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from palate.errors import PalateError
from palate.evaluate.recommended_content import content_of
from palate.evaluate.recommending import evaluate_recommend, lists_of, train
from palate.importers.interactions import read_interactions
from palate.recommend.ease import Ease
from palate.recommend.histories import Histories
from palate.recommend.keeping import load
from palate.recommend.methods import METHODS, Method, chosen
from palate.recommend.popularity import Popularity

ML100K = Path(__file__).parents[2].parent / "shared" / "data" / "ml-100k"
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
    for name in (
        "auc",
        "serendipity@10",
        "diversity@10",
        "slate-reward@5",
        "train-s",
        "train-wh",
        "parameters",
        "kept-mb",
    ):
        assert f"ease/{name}" in report.metrics
    assert report.metrics["popularity/serendipity@10"].value == 0
    assert report.metrics["ease/parameters"].value == 24 * 24
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
    with pytest.raises(PalateError, match="none of these") as caught:
        evaluate_recommend(tmp_path / "pairs.npz", chosen("sasrec"))
    assert "sasrec reads an order" in str(caught.value.hint)


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


def test_a_run_that_was_stopped_goes_on_without_learning_anything_twice(tmp_path: Path) -> None:
    fits: list[float] = []

    class Counted(Ease):
        def fit(self, histories: Histories, items: int) -> Counted:
            if len(fits) == 1 and self.penalty == 20.0 and not (tmp_path / "goes on").exists():
                raise KeyboardInterrupt
            fits.append(self.penalty)
            super().fit(histories, items)
            return self

    method = Method("ease", Counted, ({"penalty": 10.0}, {"penalty": 20.0}))
    path = shop(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        evaluate_recommend(path, [method], out=tmp_path / "run")
    (tmp_path / "goes on").touch()
    first = evaluate_recommend(path, [method], out=tmp_path / "run")
    # 10 was tried before the stop; it is learned again only where it won.
    assert fits[:2] == [10.0, 20.0]
    assert len(fits) <= 3
    learned = len(fits)
    again = evaluate_recommend(path, [method], out=tmp_path / "run")
    assert len(fits) == learned
    assert again.metrics == first.metrics
    other = evaluate_recommend(path, [method], out=tmp_path / "run", seed=1)
    assert len(fits) > learned
    assert other.metrics["ease/ndcg@10"].value == first.metrics["ease/ndcg@10"].value


def test_vectors_of_a_file_are_read_in_the_order_of_the_choices_own_numbers(tmp_path: Path) -> None:
    lines = [f"{person} {' '.join(map(str, np.roll([70, 10, 40, 20], person)))}" for person in range(8)]
    (tmp_path / "few.txt").write_text("\n".join(lines))
    split = read_interactions(tmp_path / "few.txt")
    text = np.array([[40.0], [10.0], [20.0], [70.0], [99.0]])
    np.savez(tmp_path / "known.npz", ids=np.array([40, 10, 20, 70, 99]), text=text)
    known = content_of(tmp_path / "few.txt", split, tmp_path / "known.npz")
    assert known["text"].ravel().tolist() == [10, 20, 40, 70]
    report = evaluate_recommend(tmp_path / "few.txt", chosen("popularity,vbpr"), content=tmp_path / "known.npz")
    assert "not vbpr, which reads the items' pictures" in next(iter(report.tables))
    np.savez(tmp_path / "less.npz", ids=np.array([40]), text=text[:1])
    with pytest.raises(PalateError, match="item 10 is not in it"):
        content_of(tmp_path / "few.txt", split, tmp_path / "less.npz")


def test_fewer_settings_are_the_first_ones() -> None:
    [method] = chosen("ease", 2)
    assert method.tried == METHODS["ease"].tried[:2]
    assert [one.tried for one in chosen("all")] == [one.tried for one in METHODS.values()]


@pytest.mark.skipif(not ML100K.exists(), reason="needs MovieLens 100K, which is not distributed here")
def test_movielens_texts_are_those_of_its_films() -> None:
    split = read_interactions(ML100K)
    assert split.called is not None
    known = content_of(ML100K, split)
    assert known["text"].shape == (split.items, 64)
    assert known["words"].shape == (split.items, 12)
    place = {int(id): at for at, id in enumerate(split.called)}
    star_wars, empire, clerks = place[50], place[172], place[42]
    text = known["text"]
    assert text[star_wars] @ text[empire] > text[star_wars] @ text[clerks]


@pytest.mark.long
@pytest.mark.skipif(not ML1M.exists(), reason="needs the clean split of MovieLens 1M, which is not distributed here")
def test_the_simple_methods_reach_on_movielens_what_is_documented() -> None:
    method = METHODS["ease"]
    report = evaluate_recommend(ML1M, [type(method)("ease", method.make, ({"penalty": 2000.0},))])
    assert report.cases == 5949
    assert report.metrics["ease/ndcg@10"].value == pytest.approx(0.0907, abs=0.001)
    assert report.metrics["ease/recall@20"].value == pytest.approx(0.1769, abs=0.001)
