"""Made people over rounds: loops close, nothing is free, and tests on traffic keep their promise."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from palate.evaluate.longitudinal import Months, alike, apart, evaluate_longitudinal, moved
from palate.evaluate.page import unnamed
from palate.evaluate.traffic import Trials, trials
from palate.taste.simulated import SimulatedPerson

PERSON = SimulatedPerson(0, np.array([3.0, 4.0]), 1.0, -1.0, 0.0, np.zeros(4))


def test_a_taste_turns_towards_what_was_taken_and_stays_as_strong() -> None:
    turned = moved(PERSON, np.array([10.0, 0.0]), 0.5)
    assert np.linalg.norm(turned.head) == pytest.approx(5.0)
    # (3, 4) + 0.5 * 5 * (1, 0) = (5.5, 4), scaled to length 5.
    assert turned.head == pytest.approx(np.array([5.5, 4.0]) * 5 / np.hypot(5.5, 4.0))
    assert moved(PERSON, np.array([10.0, 0.0]), 0.0).head == pytest.approx(PERSON.head)


def test_likeness_and_distance_by_hand() -> None:
    shown = np.array([[[0, 1]], [[1, 2]], [[0, 1]]])
    assert alike(shown) == pytest.approx([(1 / 3 + 1) / 2, 1 / 3, (1 / 3 + 1) / 2])
    assert apart(np.array([[2.0, 0.0], [0.0, 5.0]])) == pytest.approx([np.sqrt(2), np.sqrt(2)])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("months")
    evaluate_longitudinal(Months(people=12, rounds=50, entries=80, trials=60), out=folder)
    return folder


def test_taste_satisfies_more_and_shows_less_variety_than_chance(run: Path) -> None:
    said = json.loads((run / "summary.json").read_text())
    value = {name: row["value"] for name, row in said["metrics"].items()}
    assert value["taste/satisfaction"] > value["chance/satisfaction"] + 0.3
    assert value["taste/variety"] < value["chance/variety"]
    assert value["popularity/homogenised"] > value["chance/homogenised"]
    assert value["chance/exposure_gini"] < value["popularity/exposure_gini"]
    assert value["ab:taste-taste/false_alarms"] <= 0.1
    assert value["ab:taste-chance/power"] > 0.9
    assert not unnamed(said["metrics"], {})
    assert set(said["left_out"]) == {"people led by a language model", "the service's logs"}


def test_the_run_has_its_curves_and_each_persons_numbers(run: Path) -> None:
    assert (run / "satisfaction.svg").read_text().startswith("<svg")
    rows = [json.loads(line) for line in (run / "scores.jsonl").read_text().splitlines()]
    assert {row["method"] for row in rows} == {"chance", "popularity", "taste", "curiosity"}
    assert all(len(row["satisfaction"]) == 12 for row in rows)


def test_equal_seeds_are_equal_lives() -> None:
    months = Months(people=3, rounds=20, entries=30, trials=5)
    first, second = (evaluate_longitudinal(months) for _ in range(2))
    assert first.metrics == second.metrics


def test_interleaving_finds_a_small_difference_sooner_where_people_differ() -> None:
    rng = np.random.default_rng(0)
    base = 3 * rng.normal(size=(100, 1)) + 0.3 * rng.normal(size=(100, 20))
    found = trials({"taste": base + 0.4, "chance": base}, Trials(100))
    assert found["interleaved:taste-chance/power"].value > found["ab:taste-chance/power"].value
    assert found["interleaved:taste-taste/false_alarms"].value <= 0.08
