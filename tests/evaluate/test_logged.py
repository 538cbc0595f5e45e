"""Trials from a log: who was preferred, by how many people, and when one may be sure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from palate.catalogue import choices, models, pictures
from palate.catalogue.choices import Choice
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, Drawing, Model, Picture, Prompt
from palate.cli.main import app
from palate.errors import PalateError
from palate.evaluate.logged import Trial, arms_apart, compared, interleaved, most_compared, read_arms

OF = {"a1": "ada", "a2": "ada", "b1": "ben", "b2": "ben", "c1": "cy"}


def battle(person: str, winner: str, loser: str, sequence: int) -> Choice:
    return Choice(person, "battle", {"winner": winner, "loser": loser}, sequence)


def test_each_kind_of_choice_says_what_was_preferred_to_what() -> None:
    assert list(compared(battle("p", "a1", "b1", 1))) == [("a1", "b1")]
    assert list(compared(Choice("p", "battle", {"winner": "b1", "pictures": ["a1", "b1"]}))) == [("b1", "a1")]
    assert list(compared(Choice("p", "battle", {"winner": "a1", "loser": "b1", "tie": True}))) == []
    assert list(compared(Choice("p", "sort", {"pictures": ["a1", "b1", "c1"]}))) == [
        ("a1", "b1"), ("a1", "c1"), ("b1", "c1"),
    ]  # fmt: skip
    slate = {"columns": [["a1"], ["b1", "b2"]], "column": 1}
    assert list(compared(Choice("p", "pick", slate))) == [("b1", "a1"), ("b2", "a1")]
    assert list(compared(Choice("p", "skip", {"columns": slate["columns"]}))) == []
    assert list(compared(Choice("p", "like", {"picture": "a1"}))) == []


def test_a_person_counts_once_however_often_they_fight() -> None:
    made = {
        "loud": [battle("loud", "a1", "b1", n) for n in range(1, 101)],
        "two": [battle("two", "b1", "a1", 101), battle("two", "b2", "a2", 102), battle("two", "a1", "b2", 103)],
        "even": [battle("even", "b1", "a1", 104), battle("even", "a1", "b1", 105)],
        "elsewhere": [battle("elsewhere", "a1", "c1", 106)],
    }
    found = interleaved(made, OF, "ada", "ben")
    assert (found.gaps, found.comparisons) == ((1.0, -1.0, 0.0), 105)
    assert found.win_rate().value == 0.5
    assert found.sure_after is None
    assert most_compared(made, OF) == [("ada", "ben"), ("ada", "cy")]


def agreed(people: int) -> Trial:
    made = {f"p{n}": [battle(f"p{n}", "a1", "b1", n + 1)] for n in range(people)}
    return interleaved(made, OF, "ada", "ben")


def test_it_is_sure_when_johari_s_ratio_says_so() -> None:
    """n gaps of 1, s = 1, t = 0.2: Lambda_n = exp(n^2 t^2 / 2(1 + n t^2)) / sqrt(1 + n t^2), 20 and more from 17 on."""
    assert agreed(16).sure_after is None
    assert agreed(40).sure_after == 17
    assert agreed(40).as_row()[""] == "ada is preferred, sure after 17 people"
    assert Trial("a", "b", (), 0).p == 1.0


def test_people_of_two_arms_stand_beside_each_other() -> None:
    def judged(person: str, kinds: Sequence[str], begin: int) -> list[Choice]:
        return [Choice(person, kind, {"picture": f"{n}"}, begin + n) for n, kind in enumerate(kinds)]  # type: ignore[arg-type]

    made = {
        "x": judged("x", ["like", "like", "dislike", "like"], 1),
        "y": judged("y", ["dislike", "like"], 10),
        "z": judged("z", ["like"], 20),
        "stranger": judged("stranger", ["like"], 30),
    }
    found = arms_apart(made, {"x": "new", "y": "old", "z": "new"})
    assert (found.first, found.second, found.gaps, found.comparisons) == ("new", "old", (0.25,), 7)
    with pytest.raises(PalateError, match="two are compared"):
        arms_apart(made, {"x": "new"})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = Home.create(tmp_path / "home")
    with made.write() as connection:
        models.put(connection, [Model(name, name, "pipeline", f"fake://{name}") for name in ("ada", "ben")])
        for id, name in (("a" * 32, "ada"), ("b" * 32, "ben")):
            pictures.put(connection, [Picture(id)])
            credit = Credit(name, "checkpoint", model_id=name, matched="hash")
            pictures.put_drawings(connection, [Drawing(name, id, "drawn", (credit,), Prompt("a cat"), 1)])
        for n in range(30):
            said = {"winner": "a" * 32, "loser": "b" * 32}
            choices.append(connection, Choice(f"p{n}", "battle", said))
    made.close()
    return made.folder


def test_the_command_reads_a_home_s_own_log(home: Path, tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["evaluate", "trial", "--hub", str(home), "--json"])
    assert said.exit_code == 0, said.output
    [row] = json.loads(said.output)["trials"]
    assert (row["first"], row["second"], row["people"]) == ("ada", "ben", 30)
    assert row["p"] < 0.05
    arms = tmp_path / "arms.csv"
    arms.write_text("person,arm\n" + "".join(f"p{n},{'new' if n % 2 else 'old'}\n" for n in range(30)))
    shown = CliRunner().invoke(app, ["evaluate", "trial", "--hub", str(home), "--arms", str(arms)])
    assert shown.exit_code == 0, shown.output
    assert "new" in shown.output
    arms.write_text("who,what\nx,y\n")
    with pytest.raises(PalateError, match="person and arm"):
        read_arms(arms)
