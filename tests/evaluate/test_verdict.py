"""Which method the page says to take: the first one, unless another's interval reaches it."""

from __future__ import annotations

import pytest

from palate.evaluate import plots
from palate.evaluate.page import verdict
from palate.evaluate.report import Metric
from palate.evaluate.scenario import shipped


def metric(value: float, half: float) -> Metric:
    return Metric(value, (value - half, value + half), 100)


def test_who_is_first_beyond_doubt_is_to_be_taken() -> None:
    said = verdict({"ease/ndcg@10": metric(0.3, 0.02), "als/ndcg@10": metric(0.2, 0.02)}, {})
    assert said.startswith("By ndcg@10 (")
    assert "ease is first of 2, 0.3" in said
    assert said.endswith("take it.")


def test_whose_interval_reaches_the_first_may_be_as_good() -> None:
    metrics = {
        "ease/ndcg@10": metric(0.3, 0.05),
        "als/ndcg@10": metric(0.26, 0.02),
        "popularity/ndcg@10": metric(0.1, 0.02),
    }
    said = verdict(metrics, {})
    assert "; als may be as good" in said
    assert "popularity" not in said


def test_less_is_better_where_it_is() -> None:
    assert "style is first of 2" in verdict({"style/rank@1": metric(3, 1), "pmi/rank@1": metric(9, 1)}, {})


def test_differences_yardsticks_and_attacks_are_no_methods() -> None:
    metrics = {"a/recall@5": metric(0.2, 0.1), "b/recall@5": metric(0.1, 0.1), "b-a/recall@5": metric(0.9, 0.1)}
    assert "of 2" in verdict({**metrics, "ceiling/recall@5": metric(1.0, 0.0)}, {})
    assert verdict({"gender:jaccard/snsr": metric(0.1, 0.1), "age:jaccard/snsr": metric(0.2, 0.1)}, {}) == ""
    assert verdict({"a/recall@5": metric(0.2, 0.1)}, {}) == ""


def test_numbers_are_written_as_people_read_them() -> None:
    assert [plots.shown(value) for value in (0.04321, 463.2, 1719.6, -2090.0, 0.0)] == [
        "0.0432", "463", "1,720", "-2,090", "0",
    ]  # fmt: skip


def test_what_is_a_hundred_times_larger_hides_nothing() -> None:
    """1, 10 and 1,000 stand at 0, a third and all of the way; their dots are 350 wide apart."""
    drawn = plots.intervals([("a", metric(1, 0)), ("b", metric(10, 0)), ("c", metric(1000, 0))], "ms")
    places = [float(part.partition('"')[0]) for part in drawn.split('cx="')[1:]]
    assert places[1] - places[0] == pytest.approx((places[2] - places[0]) / 3, abs=0.1)


def test_headlines_are_said_in_words() -> None:
    for scenario in shipped():
        for name, said in scenario.headline.items():
            assert "/" in name
            assert len(said) > 2
            assert "/" not in said
