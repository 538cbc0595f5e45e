"""EM finds the people that were planted, and never loses likelihood on the way."""

from __future__ import annotations

import numpy as np
import pytest

from palate.errors import PalateError
from palate.metrics.clusters import adjusted_rand
from palate.taste.evidence import Evidence, Pairs, Picks, Scores
from palate.taste.heads import HeadObjective, Prior, Shared
from palate.taste.planted import Planting, plant
from palate.taste.types import (
    Learning,
    fine_tune,
    fit_in_batches,
    fit_types,
    held_out_likelihood,
    members,
    posterior,
)
from palate.taste.utilities import Heads, person_logs, utility

SMALL = Planting(people=60, types=3, pictures=120, wide=6, battles=15, slates=8, ratings=6, offset=0.2)


def ids(*numbers: int) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    return np.array(numbers, dtype=np.intp)


def test_bradley_terry_by_hand() -> None:
    evidence = Evidence(np.array([[1.0], [0.0]]), 1, Pairs(ids(0), ids(0), ids(1)))
    heads = Heads(np.array([[np.log(3.0)], [0.0]]), np.zeros(2), np.array([0.5, 0.5]))
    assert np.exp(person_logs(heads, evidence)) == pytest.approx(np.array([[0.75, 0.5]]))
    gamma, likelihood = posterior(heads, evidence)
    assert gamma == pytest.approx(np.array([[0.6, 0.4]]))  # 0.75 : 0.5
    assert likelihood == pytest.approx(np.log(0.625))


def test_a_choice_by_hand() -> None:
    """Two columns of two pictures, R = mean: 1 and 0; with tau = ln 4 the first is four times as likely."""
    evidence = Evidence(np.array([[2.0], [0.0]]), 1, picks=Picks(ids(0), np.array([[[0, 1], [1, 1]]]), ids(0)))
    heads = Heads(np.array([[1.0]]), np.zeros(1), np.ones(1), temperature=float(np.log(4)))
    assert np.exp(person_logs(heads, evidence)) == pytest.approx(np.array([[0.8]]))


def test_a_score_by_hand() -> None:
    evidence = Evidence(np.array([[1.0]]), 1, scores=Scores(ids(0), ids(0), np.array([5.0])))
    heads = Heads(np.array([[1.0]]), np.array([2.0]), np.ones(1), spread=2.0)
    assert person_logs(heads, evidence) == pytest.approx(-0.5 - np.log(2) - 0.5 * np.log(2 * np.pi))


def test_agg_is_the_mean_or_the_best_of_a_column() -> None:
    s = np.array([[1.0, 3.0]])
    assert utility(s, "mean").tolist() == [2.0]
    assert utility(s, "max").tolist() == [3.0]


@pytest.mark.parametrize("agg", ["mean", "max"])
def test_a_heads_gradient_is_the_objectives(agg: str) -> None:
    planted = plant(SMALL)
    rng = np.random.default_rng(0)
    gamma, wide = rng.random(SMALL.people), SMALL.wide
    prior = Prior(rng.standard_normal(wide + 1), np.full(wide + 1, 0.3))
    objective = HeadObjective(planted.evidence, gamma, Shared(1.3, 0.8, agg), prior)  # type: ignore[arg-type]
    head, step = rng.standard_normal(wide + 1), 1e-6
    slope, curvature = objective.slope(head)
    each = [
        (objective.value(head + step * e) - objective.value(head - step * e)) / (2 * step) for e in np.eye(wide + 1)
    ]
    assert slope == pytest.approx(np.array(each), rel=1e-4, abs=1e-3)
    assert np.linalg.eigvalsh(curvature).min() >= 0
    assert objective.value(objective.step(head)) > objective.value(head)


@pytest.mark.parametrize("agg", ["mean", "max"])
def test_the_objective_never_falls(agg: str) -> None:
    planted = plant(SMALL)
    for count in (1, 2, 5):
        fitted = fit_types(planted.evidence, count, Learning(agg=agg, apart=0.1, seed=count))  # type: ignore[arg-type]
        assert (np.diff(fitted.objective) >= -1e-9 * abs(fitted.objective[-1])).all()
        assert len(fitted.objective) > 1


def test_planted_types_are_found_again() -> None:
    planted = plant(SMALL)
    fitted = fit_types(planted.evidence, 3, Learning(ridge=0.1, apart=0.1, starts=4))
    assert adjusted_rand(members(fitted.gamma), planted.types) >= 0.9
    assert fitted.gamma.sum(axis=1) == pytest.approx(np.ones(SMALL.people))


def test_two_types_say_more_of_later_choices_than_one_and_eight_no_more_than_three() -> None:
    planted = plant(SMALL)
    training, others = np.arange(40), np.arange(40, 60)
    later = Evidence(planted.evidence.features, SMALL.people, planted.tests).of_people(others)
    learning = Learning(ridge=0.1, apart=0.3, starts=3)
    found = {
        count: held_out_likelihood(
            fit_types(planted.evidence.of_people(training), count, learning).heads,
            planted.evidence.of_people(others),
            later,
        ).sum()
        for count in (1, 2, 3)
    }
    assert found[3] > found[2] > found[1]


def test_batches_of_people_climb_as_well() -> None:
    planted = plant(SMALL)
    rng = np.random.default_rng(0)
    start = Heads(rng.standard_normal((3, SMALL.wide)), np.full(3, 5.0), np.full(3, 1 / 3), spread=2.0)
    fitted = fit_in_batches(planted.evidence, start, Learning(ridge=0.1, apart=0.1), batch=20, epochs=8)
    assert fitted.likelihood[-1] > fitted.likelihood[0] > posterior(start, planted.evidence)[1]


def test_the_second_stage_stays_near_the_first_where_it_knows_nothing() -> None:
    planted = plant(SMALL)
    first = fit_types(planted.evidence, 3, Learning(ridge=0.1, apart=0.1, starts=2)).heads
    one = planted.evidence.of_people(np.array([0]))
    tuned = fine_tune(first, one, Learning(apart=1e4)).heads
    assert np.abs(tuned.weights - first.weights).max() < 0.02


def test_a_person_without_events_is_of_the_types_shares() -> None:
    planted = plant(SMALL)
    heads = fit_types(planted.evidence, 3, Learning()).heads
    gamma, _ = posterior(heads, Evidence(planted.evidence.features, 1))
    assert gamma[0] == pytest.approx(heads.shares)


def test_events_about_nothing_are_refused() -> None:
    with pytest.raises(PalateError, match="no features"):
        Evidence(np.zeros((1, 2)), 1, Pairs(ids(0), ids(0), ids(1)))
    with pytest.raises(PalateError, match="finite"):
        Evidence(np.full((1, 2), np.nan), 1)
    with pytest.raises(PalateError, match="beyond"):
        Evidence(np.zeros((2, 2)), 1, Pairs(ids(1), ids(0), ids(1)))
    with pytest.raises(PalateError, match="at least one"):
        fit_types(Evidence(np.zeros((1, 2)), 1), 2)
