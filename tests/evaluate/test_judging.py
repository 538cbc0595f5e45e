"""Battles and surveys written out and read back, and judges whose faults are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from palate.errors import PalateError
from palate.evaluate.judging import (
    Battle,
    evaluate_people,
    judged,
    of_scores,
    read_battles,
    survey,
    survey_shares,
    tournament,
    write_battles,
)

BATTLES = [
    *[Battle(f"p{n}", "good", "poor", "first" if n % 4 else "tie") for n in range(20)],
    *[Battle(f"p{n}", "poor", "middling", "second") for n in range(20)],
]


def test_win_rates_count_ties_half() -> None:
    found = tournament(BATTLES)
    assert found["good/win_rate"].value == pytest.approx((15 + 5 / 2) / 20)
    assert found["poor/win_rate"].value == pytest.approx((5 / 2) / 40)
    assert found["poor/win_rate"].n == 40
    assert found["good/strength"].value > found["poor/strength"].value
    low, high = found["good/win_rate"].ci95
    assert low < found["good/win_rate"].value < high


def test_battles_come_back_as_they_went(tmp_path: Path) -> None:
    write_battles(tmp_path / "battles.csv", BATTLES)
    assert read_battles(tmp_path / "battles.csv") == BATTLES
    (tmp_path / "bad.csv").write_text("case,first,second,winner\na,b,c,nobody\n")
    with pytest.raises(PalateError, match="winner"):
        read_battles(tmp_path / "bad.csv")
    with pytest.raises(PalateError, match="not there"):
        read_battles(tmp_path / "gone.csv")
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    with pytest.raises(PalateError, match="columns"):
        read_battles(tmp_path / "odd.csv")


def test_a_judge_of_places_is_no_judge_and_one_of_names_is() -> None:
    always_left = judged(lambda case, first, second: "first", BATTLES)
    assert always_left["judge/consistent"].value == 0.0
    assert abs(always_left["judge/kappa"].value) < 1e-9
    order = ("poor", "middling", "good")
    by_name = judged(lambda case, a, b: "first" if order.index(a) > order.index(b) else "second", BATTLES)
    assert by_name["judge/consistent"].value == 1.0
    assert by_name["judge/kappa"].value > 0.7


def test_a_survey_leaves_out_what_all_answer_alike_and_its_options_are_shuffled() -> None:
    answers = {f"t{n}": {"pmi": "a", "rkme": "b", "baseline": "c"} for n in range(6)}
    answers["same"] = {"pmi": "a", "rkme": "a", "baseline": "a"}
    rows = survey(answers, people=40)
    assert len(rows) == 200
    assert "same" not in {row["task"] for row in rows}
    assert {row["method_1"] for row in rows} == {"pmi", "rkme", "baseline"}
    places = {row["person"] + "." + row["question"]: row for row in rows}
    told = []
    for row in places.values():
        place = next(n for n in "123" if row[f"method_{n}"] == ("pmi" if row["question"] != "1" else "rkme"))
        told.append({"person": row["person"], "question": row["question"], "chosen": place})
    shares = survey_shares(rows, told)
    assert shares["pmi/share"].value == pytest.approx(4 / 5)
    assert shares["rkme/share"].value == pytest.approx(1 / 5)
    assert shares["baseline/share"].value == 0.0
    with pytest.raises(PalateError, match="asked"):
        survey_shares(rows, [{"person": "99", "question": "1", "chosen": "1"}])
    with pytest.raises(PalateError, match="too few"):
        survey({"same": answers["same"]}, people=1)


def test_opinions_become_battles(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text(
        "name,prompt,adj1,adj2,style,mos_align\nx_1.jpg,a cat,,,,2.0\ny_1.jpg,a cat,,,,1.0\nz_1.jpg,a cat,,,,1.05\n"
    )
    found = of_scores(tmp_path / "scores.csv", 5)
    assert [(one.first, one.second, one.winner) for one in found] == [
        ("x", "y", "first"), ("x", "z", "first"), ("y", "z", "tie"),
    ]  # fmt: skip
    report = evaluate_people(found, out=tmp_path / "run")
    assert report.cases == 1
    assert (tmp_path / "run" / "battles.csv").is_file()
    assert "a judge that sees" in report.left_out
