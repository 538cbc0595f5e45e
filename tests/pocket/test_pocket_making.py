"""`make pocket`: steps in order, none twice, trainings resumed with their own options."""

import os
from pathlib import Path

import pytest
from recipes import make, work
from recipes.make import STEPS, Step


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALATE_POCKET_WORK", str(tmp_path))


def step(name: str) -> Step:
    return next(step for step in STEPS if step.name == name)


def state(name: str, done: int, steps: int) -> None:
    options = {"steps": steps, "text_width": 192, "resume": False, "stop_after": None, "only": None, "name": name}
    work.write_json(work.folder(name) / "state.json", {"step": done, "options": options})


def test_each_step_comes_after_what_it_needs_and_is_a_recipe() -> None:
    names = [step.name for step in STEPS]
    for place, one in enumerate(STEPS):
        assert set(one.needs) <= set(names[:place])
        assert (Path(make.__file__).parent / f"{one.name.split()[0]}.py").is_file()


def test_a_training_is_begun_then_resumed_as_it_was_begun_then_left_alone() -> None:
    assert make.arguments_of(step("clip")) == ["-m", "recipes.clip"]
    state("clip", 5, 9)
    assert not make.is_done(step("clip"))
    asked = make.arguments_of(step("clip"))
    assert asked == ["-m", "recipes.clip", "--resume", "--steps", "9", "--text-width", "192", "--name", "clip"]
    state("clip", 9, 9)
    assert make.is_done(step("clip"))


def test_what_follows_others_is_done_again_when_one_of_them_is_newer() -> None:
    state("clip", 9, 9)
    assert not make.is_done(step("ship clip"))
    make.mark_of(step("ship clip")).touch()
    assert make.is_done(step("ship clip"))
    later = make.mark_of(step("ship clip")).stat().st_mtime + 10
    os.utime(work.folder("clip") / "state.json", (later, later))
    assert not make.is_done(step("ship clip"))
    assert make.is_done(step("clip"))


def test_a_step_that_fails_stops_the_rest_and_is_not_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run: list[list[str]] = []

    class Ended:
        def __init__(self, command: list[str]) -> None:
            run.append(command[1:])
            self.returncode = 3 if "recipes.render" in command else 0

    monkeypatch.setattr("recipes.make.subprocess.run", lambda command, **_: Ended(command))
    assert make.main([]) == 3
    assert run == [["-m", "recipes.sets"], ["-m", "recipes.render"]]
    assert "stopped in render" in capsys.readouterr().err
    assert make.main([]) == 3
    assert len(run) == 3  # sets are not fetched twice


def test_it_says_what_is_left_without_doing_it(capsys: pytest.CaptureFixture[str]) -> None:
    state("dino", 1, 1)
    assert make.main(["--show"]) == 0
    said = capsys.readouterr().out
    assert f"[5/{len(STEPS)}] dino: done" in said
    assert f"[3/{len(STEPS)}] clip: to do" in said
