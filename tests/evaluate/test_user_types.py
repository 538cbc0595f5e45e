"""The user-types scenario: on worlds whose truth is known, and what it may look at."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from palate.cli import main
from palate.errors import PalateError
from palate.evaluate.film_pairs import Drawing, pairs_of_people
from palate.evaluate.film_types import Design, evaluate_films, split_people
from palate.evaluate.films import Vectors, film_vectors
from palate.evaluate.user_types import evaluate_film_types, evaluate_planted_types
from palate.importers.movielens import Films, read_movielens
from palate.taste.planted import Planting

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "ml-100k"
SMALL = Planting(people=90, types=3, pictures=150, wide=8, tests=30, offset=0.3)


def some_films(people: int = 60, films: int = 50, seed: int = 0) -> Films:
    """Half of the people like the first genre, the others the second; each rates 24 films."""
    rng = np.random.default_rng(seed)
    genres = np.zeros((films, 18))
    genres[np.arange(films), np.arange(films) % 2] = 1
    person, film, rating = [], [], []
    for who in range(people):
        for what in rng.choice(films, 24, replace=False):
            person.append(who)
            film.append(what)
            rating.append(5.0 if what % 2 == who % 2 else float(rng.integers(1, 4)))
    return Films(
        np.array(person), np.array(film), np.array(rating), genres, np.full(films, 1990.0), ("a plot",) * films
    )


DESIGN = Design(
    counts=(1, 2, 8),
    folds=2,
    vectors=Vectors(factors=1, rounds=3),
    drawing=Drawing(asked=30),
    spread_people=20,
    spread_rounds=2,
)


def test_planted_people_are_found_and_nothing_falls(tmp_path: Path) -> None:
    report = evaluate_planted_types(planting=SMALL, worlds=1, out=tmp_path / "run")
    assert report.metrics["em/adjusted_rand@K=3"].value >= 0.9
    assert report.metrics["em/falls@K=3"].value == 0
    assert report.metrics["em/accuracy@K=3"].value > report.metrics["em/accuracy@K=1"].value + 0.04
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["scenario"] == "user-types"


def test_two_kinds_of_people_are_told_apart_by_what_they_rated() -> None:
    metrics, rows, asked = evaluate_films(some_films(), DESIGN)
    assert asked > 500
    assert metrics["em/accuracy@K=8"].value > metrics["em/accuracy@K=1"].value + 0.05
    assert metrics["em-one/accuracy@K=8"].ci95[0] > 0
    assert metrics["online/log_likelihood@K=8"].value > metrics["em/log_likelihood@K=1"].value
    assert [row["K"] for row in rows] == [1, 2, 8]


def test_nobody_is_tested_and_learned_from_at_once() -> None:
    films = some_films()
    apart, folds = split_people(films, DESIGN)
    assert sorted(np.concatenate([apart, *folds])) == list(range(films.people))
    assert len(apart) == 12


def test_no_film_of_a_person_is_in_history_and_in_tests() -> None:
    drawn = pairs_of_people(some_films(), Drawing())
    for person in range(60):
        known, asked = (
            {int(film) for side in (pairs.better, pairs.worse) for film in side[pairs.person == person]}
            for pairs in (drawn.history, drawn.tests)
        )
        assert known
        assert not known & asked


def test_film_vectors_do_not_look_at_other_peoples_ratings() -> None:
    films = some_films()
    training = np.arange(60) < 40
    changed = replace(films, rating=np.where(training[films.person], films.rating, 6 - films.rating))
    made = Vectors(plot=0, factors=2, rounds=2)
    assert np.array_equal(film_vectors(films, training, made), film_vectors(changed, training, made))


def test_ratings_are_read_in_order_of_time(tmp_path: Path) -> None:
    (tmp_path / "u.data").write_text("2\t1\t3\t50\n1\t2\t5\t10\n1\t1\t4\t10\n")
    (tmp_path / "items.csv").write_text("movie_id,title,Action,year,overview\n1,One,1,1999,A tale.\n2,Two,0,,\n")
    films = read_movielens(tmp_path)
    assert films.person.tolist() == [0, 0, 1]
    assert films.film.tolist() == [0, 1, 0]
    assert films.rating.tolist() == [4.0, 5.0, 3.0]
    assert films.genres[:, 0].tolist() == [1.0, 0.0]
    assert films.years.tolist() == [1999.0, 1990.0]
    assert films.plots[0] == "One A tale."


@pytest.mark.parametrize("text", ["", "1,2,3\n", "a\tb\tc\td\n", "0\t1\t3\t5\n", "1\t2\t3\n"])
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "u.data").write_text(text)
    with pytest.raises(PalateError) as caught:
        read_movielens(tmp_path)
    assert caught.value.code == "ratings_unreadable"


def test_it_must_be_said_on_whom(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["palate", "evaluate", "user-types"])
    with pytest.raises(SystemExit) as end:
        main.run()
    assert end.value.code == 1
    assert "--planted, --poisoned, or --data DIR" in capsys.readouterr().err


@pytest.mark.long
def test_on_real_people_types_help_and_their_own_offset_helps_more() -> None:
    if not (DATA / "u.data").is_file():
        pytest.skip("MovieLens 100K is not on this machine")
    metrics = evaluate_film_types(DATA, design=Design(counts=(1, 8))).metrics
    assert metrics["em-one/accuracy@K=8"].ci95[0] > 0
    assert metrics["online-em/accuracy@K=8"].ci95[0] > 0
