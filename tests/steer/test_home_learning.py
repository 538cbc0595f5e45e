"""What a home's conversations teach: it is kept, it serves the next conversation, and nobody is louder than others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from palate.catalogue import models as model_rows
from palate.catalogue.home import Home
from palate.catalogue.lock import WriterLock
from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.specify.encoding import space_of
from palate.steer import telling
from palate.steer.bank import MadeBank
from palate.steer.learned import FILE, Learned
from palate.steer.learning import bank_of, people_known, told_in
from palate.steer.recording import nothing_known
from palate.steer.simulating import converse, unranked
from palate.steer.steering import Grounds, grounds_of
from palate.studio import Studio
from palate.taste.simulated import Habits, crowd_of, people
from palate.taste.space import TasteSpace
from palate.taste.utilities import Heads
from palate.testing.fakes import FakeEncoder, FakeGenerator

PROMPTS = [f"a {colour} {shape}" for colour in ("red", "blue", "green") for shape in ("circle", "square", "triangle")]
MODELS = [Model(f"m-{name}", name, "pipeline", f"fake://{name}", base="SD15") for name in ("White", "Black")]


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr("palate.encoders.opening.open_encoder", lambda *_, **__: FakeEncoder())
    monkeypatch.setattr("palate.specify.executors.generator_for", lambda model, *_: FakeGenerator(model.name))
    monkeypatch.setenv("PALATE_HOME", str(tmp_path / "home"))
    home = Home.create(tmp_path / "home")
    with home.write() as connection:
        model_rows.put(connection, MODELS)
    home.close()
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("\n".join(PROMPTS) + "\n")
    opened = Studio.open()
    opened.specify(prompts=prompts, count=2)
    yield opened
    opened.close()


def lead(studio: Studio, person: str, turns: int) -> None:
    steering = studio.steer("a red circle", person=person)
    for turn in range(turns):
        steering.next_turn()
        studio.draw_turn(steering)
        steering.choose(turn % 4 if turn % 3 else None)


def now(studio: Studio, *, afresh: bool = False) -> Grounds:
    return grounds_of(studio.home, space_of(studio.encoder), studio.encoder, afresh=afresh)


def test_what_a_home_learned_leads_its_next_conversation(studio: Studio) -> None:
    lead(studio, "ada", 3)
    lead(studio, "eve", 2)
    told = studio.learn_steering(simulated=60, steps=6)
    assert told == {"people": 2, "answers": 5, "single_turns": 0, "types": 1, "simulated": 60}
    steering = studio.steer("a red circle", person="ada")
    assert steering.grounds.learned is not None
    turn = steering.next_turn()
    assert len({column.category for column in turn.slate}) == 4
    studio.draw_turn(steering)
    steering.choose(1)
    assert len(steering.next_turn().candidates) == 25
    again = studio.steer("a red circle", person="ada", seed=0)
    assert again.grounds.learned is not None
    assert np.array_equal(again.grounds.taste.directions, steering.grounds.taste.directions)


def test_without_anything_learned_it_is_greed_as_before(studio: Studio) -> None:
    assert now(studio).learned is None
    studio.learn_steering(simulated=30, steps=2)
    assert now(studio).learned is not None
    assert Learned.load(studio.home.folder / FILE, "another encoder") is None
    assert now(studio, afresh=True).learned is None
    (studio.home.folder / FILE).write_bytes(b"half")
    with pytest.raises(PalateError, match="is damaged"):
        now(studio)
    (studio.home.folder / FILE).unlink()
    assert now(studio).learned is None


def test_a_home_learns_while_it_is_served_and_the_last_is_there_until_the_next_is_whole(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.learn_steering(simulated=30, steps=2)
    path = studio.home.folder / FILE
    before = path.read_bytes()

    def cut_short(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space"):
        patch.setattr("safetensors.numpy.save_file", cut_short)
        studio.learn_steering(simulated=30, steps=2, seed=1)
    assert path.read_bytes() == before
    with closing(WriterLock(studio.home.folder / "lock")):  # as a service holds it
        studio.learn_steering(simulated=30, steps=2, seed=1)
    assert path.read_bytes() != before
    assert now(studio).learned is not None


def test_a_homes_bank_is_what_its_models_drew(studio: Studio) -> None:
    bank = bank_of(studio.home, now(studio))
    assert sorted(bank.texts) == sorted(PROMPTS)
    assert bank.models == tuple(sorted(model.id for model in MODELS))
    assert bank.drawn.shape[:3] == (9, 2, 2)


def test_only_answers_that_stand_are_learned_from(studio: Studio) -> None:
    lead(studio, "ada", 3)
    lead(studio, "eve", 2)
    grounds = now(studio)
    assert [(person, len(told.steps)) for person, told in told_in(studio.home, grounds, studio.encoder)] == [
        ("ada", 3),
        ("eve", 2),
    ]
    telling.reset(studio.home, "ada")
    telling.pause(studio.home, "eve", paused=True)
    lead(studio, "eve", 2)
    assert [person for person, _ in told_in(studio.home, grounds, studio.encoder)] == ["eve"]
    telling.forget(studio.home, "eve")
    assert told_in(studio.home, grounds, studio.encoder) == []


def test_a_few_prompts_are_too_few_to_lead_people_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("palate.encoders.opening.open_encoder", lambda *_, **__: FakeEncoder())
    monkeypatch.setattr("palate.specify.executors.generator_for", lambda model, *_: FakeGenerator(model.name))
    home = Home.create(tmp_path / "home")
    with home.write() as connection:
        model_rows.put(connection, MODELS)
    home.close()
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a red circle\na blue circle\n")
    opened = Studio.open(str(tmp_path / "home"))
    opened.specify(prompts=prompts)
    with pytest.raises(PalateError, match="every specified model drew 2 prompts"):
        opened.learn_steering(simulated=30, steps=2)
    opened.close()


def test_kinds_of_people_are_learned_where_there_are_enough_of_them() -> None:
    """Two kinds who want opposite things; seven people say nothing of kinds."""
    bank = MadeBank(dim=6, sizes=(5, 4, 3, 3))
    truth = Heads(np.vstack([np.eye(6)[0], -np.eye(6)[0]]) * 4, np.zeros(2), np.full(2, 0.5))
    habits = Habits(noise=0.1, impatience=0.0)
    crowd = crowd_of(people(truth, 0.01 * np.eye(6), 40, habits, np.random.default_rng(0)))
    told = [converse(bank, crowd.of(np.array([n])), unranked, nothing_known(6), n) for n in range(40)]
    nothing = np.zeros(6)
    taste = TasteSpace(nothing, nothing, np.eye(6), 1.0, 6.0)
    grounds = Grounds(None, taste, (), nothing, None)  # type: ignore[arg-type]  # only its directions are looked at
    known = people_known(list(range(40)), told, grounds, 0)
    assert known.heads.count >= 2
    assert {float(sign) for sign in np.sign(known.heads.weights[:, 0])} == {-1.0, 1.0}
    assert people_known(list(range(7)), told[:7], grounds, 0).heads.count == 1
    assert not people_known([0] * 40, told, grounds, 0).heads.weights.any()
