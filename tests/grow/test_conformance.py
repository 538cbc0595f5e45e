"""One suite for both stores: the same operations in the same order get the same answers from SQLite and Postgres."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from palate.catalogue.database import Database
from palate.testing.conformance import CHANGES, LONGEST, QUESTIONS, answers, first_difference

SEQUENCES = {"some": 120, "many": int(os.environ.get("PALATE_SEQUENCES", "3000"))}
"""`make test-release` asks for 100,000."""


def embedded(folder: Path) -> Database:
    made = Database.embedded(folder / "rows.db")
    made.migrate()
    return made


def test_two_stores_of_one_kind_answer_alike(memory: Path, tmp_path: Path) -> None:
    assert first_difference(embedded(memory), embedded(tmp_path), 1, 10) is None


def test_a_store_with_other_rows_is_caught(memory: Path, tmp_path: Path) -> None:
    one, other = embedded(memory), embedded(tmp_path)
    first_difference(one, other, 1, 10)
    with other.write() as connection:
        connection.exec_driver_sql("UPDATE models SET downloads = 3")
    assert first_difference(one, other, 2, 20) is not None


def test_every_operation_is_met_and_most_of_what_is_asked_has_an_answer(memory: Path) -> None:
    given = [(name.split(": ")[1], answer) for name, answer in answers(embedded(memory), 3, 100)]
    assert {name for name, _ in given} == {*QUESTIONS, *CHANGES}
    told = [answer for name, answer in given if name in QUESTIONS]
    assert len(told) > 100 * LONGEST / 5
    assert sum(answer in (None, [], False, 0) for answer in told) < 0.6 * len(told)


@pytest.mark.parametrize("how_many", ["some", pytest.param("many", marks=pytest.mark.long)])
def test_postgres_answers_as_sqlite_does(new_postgres: Callable[..., str], memory: Path, how_many: str) -> None:
    with closing(Database.at(new_postgres())) as shared:
        shared.migrate()
        assert first_difference(embedded(memory), shared, 7, SEQUENCES[how_many]) is None
