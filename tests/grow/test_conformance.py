"""One suite for both stores: the same operations in the same order get the same answers from SQLite and Postgres."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from palate.catalogue import pictures
from palate.catalogue.database import Database
from palate.testing.conformance import CHANGES, LONGEST, QUESTIONS, answers, first_difference
from same_answers import go_on, summed

SEQUENCES = {"some": 120, "many": int(os.environ.get("PALATE_SEQUENCES", "3000"))}
"""`benchmarks/same_answers.py` compares as many as one has time for, a part at a time."""


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


PLANTED = {
    "a choice is another": "AFTER INSERT ON choices WHEN new.kind = 'like' "
    "BEGIN UPDATE choices SET kind = 'dislike' WHERE sequence = new.sequence; END",
    "a weight is lighter": "AFTER INSERT ON credits WHEN new.weight = 0.5 "
    "BEGIN UPDATE credits SET weight = 0.25 WHERE drawing_id = new.drawing_id AND position = new.position; END",
    "nothing is forgotten": "BEFORE DELETE ON choices BEGIN SELECT RAISE(IGNORE); END",
    "a wide picture is refused": "BEFORE INSERT ON pictures WHEN new.width > 32 BEGIN SELECT RAISE(ABORT, 'no'); END",
    "a task is done again": "AFTER UPDATE ON tasks WHEN new.state = 'done' "
    "BEGIN UPDATE tasks SET state = 'planned' WHERE key = new.key; END",
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED)
def test_a_difference_that_was_planted_is_found(memory: Path, tmp_path: Path, planted: str) -> None:
    one, other = embedded(memory), embedded(tmp_path)
    with other.write() as connection:
        connection.exec_driver_sql(f"CREATE TRIGGER planted {planted}")
    assert first_difference(one, other, 5, 320) is not None  # a task that is done is rare


def test_a_change_that_is_refused_takes_nothing_else_with_it(new_postgres: Callable[..., str], memory: Path) -> None:
    with closing(Database.at(new_postgres())) as shared:
        shared.migrate()
        for store in (embedded(memory), shared):
            given = [answer for _, answer in answers(store, 5, 60)]
            refused = {answer for answer in given if str(answer).startswith("the database refused")}
            assert "the database refused: IntegrityError" in refused
            assert "the database refused: InternalError" not in refused  # all of a transaction, once one step failed
            with store.read() as connection:
                assert pictures.counts(connection)["pictures"] > 0  # of a sequence that was kept


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


def test_parts_that_were_compared_are_not_compared_again(new_postgres: Callable[..., str], tmp_path: Path) -> None:
    kept, made = tmp_path / "kept", []

    def fresh() -> str:
        made.append(new_postgres())
        return made[-1]

    said = {"seed": 1, "sequences": 30, "part": 20}
    assert go_on(kept, fresh, **said, seconds=0.0) == []
    first = go_on(kept, fresh, **said, at_once=2)
    assert sorted((line["seed"], line["sequences"], line["difference"]) for line in first) == [
        (1, 20, None),
        (2, 10, None),
    ]
    kept.write_text(kept.read_text().rsplit("}", 1)[0])  # a kill in the middle of the last line
    assert summed(go_on(kept, fresh, **said))["sequences"] == 30
    assert len(made) == 3
    kept.write_text(kept.read_text().replace("null", '"sequence 3: ..."', 1))  # a part that differed is compared again
    assert summed(go_on(kept, fresh, **said)) | {"processor_s": 0} == {
        "benchmark": "same_answers",
        "sequences": 30,
        "parts": 2,
        "differences": [],
        "processor_s": 0,
    }
    assert len(made) == 4
