"""Single turns teach kinds of people before conversations do: battles, sorts, likes, ratings, published preferences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from palate.catalogue.choices import Choice, append
from palate.catalogue.home import Home
from palate.errors import PalateError
from palate.importers.preferences import Preference
from palate.specify.encoding import space_of
from palate.steer.bank import MadeBank
from palate.steer.learning import people_known, single_turns
from palate.steer.recording import nothing_known
from palate.steer.simulating import converse, unranked
from palate.steer.single_turns import AVERAGE, as_preferences, evidence_of_preferences, published
from palate.steer.steering import Grounds, grounds_of
from palate.studio import Studio
from palate.taste.evidence import Evidence, Pairs
from palate.taste.simulated import Habits, crowd_of, people
from palate.taste.space import TasteSpace
from palate.taste.utilities import Heads
from palate.testing.fakes import FakeEncoder

NOTHING = np.zeros(6)
TASTE = TasteSpace(NOTHING, NOTHING, np.eye(6), 1.0, 6.0)
GROUNDS = Grounds(None, TASTE, (), NOTHING, None)  # type: ignore[arg-type]  # only its directions are looked at


def chose(kind: Any, **payload: Any) -> Choice:
    return Choice("ada", kind, payload)


def test_every_single_turn_is_a_preference() -> None:
    made = [
        chose("battle", winner="b", pictures=["a", "b"]),
        chose("battle", winner="a", loser="c"),
        chose("battle", winner="a", loser="c", tie=True),
        chose("sort", pictures=["c", "a", "b"]),
        chose("like", picture="a"),
        chose("dislike", picture="b"),
        chose("rate", picture="a", value=4),
        chose("skip", picture="a"),
        chose("pick", columns=[["a"], ["b"]], column=0, picture="a"),
    ]
    assert [(one.pictures, one.rating) for one in as_preferences(made)] == [
        (("b", "a"), None),
        (("a", "c"), None),
        (("c", "a", "b"), None),
        (("a", AVERAGE), None),
        ((AVERAGE, "b"), None),
        (("a",), 4.0),
    ]


def test_evidence_by_hand() -> None:
    """A ranking of three is two battles, the average picture lies at zero, and ratings have mean 0 and spread 1."""
    known = {"a": np.array([1.0, 0.0]), "b": np.array([0.0, 1.0])}
    told = [
        Preference("ada", "", ("a", "gone", "b")),
        Preference("eve", "", (AVERAGE, "a")),
        Preference("eve", "", ("a",), 5.0),
        Preference("ada", "", ("b",), 1.0),
        Preference("ada", "", ("gone",), 1.0),
    ]
    evidence = evidence_of_preferences(told, known, 2)
    assert evidence.people == 2
    assert evidence.features.tolist() == [[0, 0], [1, 0], [0, 1]]
    assert list(zip(evidence.pairs.person, evidence.pairs.better, evidence.pairs.worse, strict=True)) == [
        (0, 1, 2),
        (1, 0, 1),
    ]
    assert evidence.scores.value.tolist() == [1.0, -1.0]
    assert evidence_of_preferences([], {}, 2).events == 0


def battles_of_two_kinds(count: int) -> Evidence:
    """People who want more or less of the first direction, each in ten battles."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((200, 6))
    rows = rng.integers(200, size=(count * 10, 2))
    who = np.repeat(np.arange(count), 10)
    one, two = rows[:, 0], rows[:, 1]
    first = (features[one, 0] > features[two, 0]) == (who % 2 == 0)
    return Evidence(features, count, Pairs(who, np.where(first, one, two), np.where(first, two, one)))


def test_single_turns_teach_kinds_and_conversations_move_them() -> None:
    """Two kinds along the first direction; those who converse want the second direction as well."""
    single, bank = battles_of_two_kinds(40), MadeBank(dim=6, sizes=(5, 4, 3, 3))
    alone = people_known([], [], GROUNDS, 0, single)
    assert {float(sign) for sign in np.sign(alone.heads.weights[:, 0])} == {-1.0, 1.0}
    truth = Heads(np.array([[3.0, 3, 0, 0, 0, 0], [-3.0, 3, 0, 0, 0, 0]]), np.zeros(2), np.full(2, 0.5))
    habits = Habits(noise=0.1, impatience=0.0)
    crowd = crowd_of(people(truth, 0.01 * np.eye(6), 12, habits, np.random.default_rng(0)))
    told = [converse(bank, crowd.of(np.array([n])), unranked, nothing_known(6), n) for n in range(12)]
    tuned = people_known(list(range(12)), told, GROUNDS, 0, single)
    assert {float(sign) for sign in np.sign(tuned.heads.weights[:, 0])} == {-1.0, 1.0}
    assert tuned.heads.weights[:, 1].mean() > alone.heads.weights[:, 1].mean() + 0.1
    few = people_known([], [], GROUNDS, 0, battles_of_two_kinds(7))
    assert not few.heads.weights.any()


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr("palate.encoders.opening.open_encoder", lambda *_, **__: FakeEncoder())
    Home.create(tmp_path / "home").close()
    opened = Studio.open(str(tmp_path / "home"))
    yield opened
    opened.close()


def test_published_pictures_are_looked_at_where_they_lie_and_nowhere_else(studio: Studio, tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "theirs"
    folder.mkdir()
    for name, colour in (("one.png", "red"), ("two.png", "blue"), ("../out.png", "green")):
        picture = Image.new("RGB", (8, 8), colour)
        picture.putpixel((0, 0), (0, 0, 0))
        picture.save(folder / name)
    grounds = grounds_of(studio.home, space_of(studio.encoder), studio.encoder, afresh=True)
    told = [
        Preference("x", "", ("one", "two.png")),
        Preference("x", "", ("one", "../out.png")),
        Preference("x", "", ("one", "n" * 300)),
        Preference("x", "", ("one", "\0")),
    ]
    kept, features = published(told, folder, grounds, studio.encoder)
    assert kept == told[:1]
    assert set(features) == {"one", "two.png"}
    assert single_turns(studio.home, grounds, studio.encoder, told, folder).events == 1
    with pytest.raises(PalateError, match="no preference has all of its pictures"):
        published(told[1:], folder, grounds, studio.encoder)


def test_what_people_of_a_home_chose_is_evidence(studio: Studio) -> None:
    with studio.home.write() as connection:
        for name in ("ada", "eve"):
            append(connection, Choice(name, "like", {"picture": "nobody encoded this"}))
    grounds = grounds_of(studio.home, space_of(studio.encoder), studio.encoder, afresh=True)
    evidence = single_turns(studio.home, grounds, studio.encoder, [], None)
    assert (evidence.people, evidence.events) == (2, 0)
