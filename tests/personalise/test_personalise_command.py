"""`palate personalise` and its trainings as a person types them, on a Janus of the smallest size."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from PIL import Image

from palate.cli import main
from palate.errors import PalateError
from palate.people import holdings, persons
from palate.personalise.drawing import trained_folder
from palate.personalise.grpo import GrpoConfig
from palate.personalise.guard import GuardConfig
from palate.personalise.rewards import RewardConfig
from palate.studio import Studio
from palate.testing.januses import build_tiny_janus
from palate.testing.likings import painted_collection, publish
from palate.testing.shapes import draw_shape
from palate.testing.worlds import build_tiny_clip

Palate = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def janus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_janus(tmp_path_factory.mktemp("janus") / "tiny")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny")


@pytest.fixture
def home(tmp_path: Path, janus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with five pictures, three of which ada likes."""
    folder = tmp_path / "home"
    monkeypatch.setenv("PALATE_HOME", str(folder))
    studio = Studio.create(str(folder))
    studio.config_set("personaliser", str(janus))
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    for place, shape in enumerate(("circle", "square", "cross", "bar", "triangle")):
        draw_shape(shape, "red", size=32).save(outputs / f"{place}.png")
    studio.add_pictures(outputs, encode=False)
    with studio.home.read() as connection:
        ids = list(connection.exec_driver_sql("select id from pictures order by id").scalars())
    for id in ids[:3]:
        studio.choose(id, person="ada")
    studio.close()
    return folder


@pytest.fixture
def palate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Palate:
    def run(*argv: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["palate", *map(str, argv)])
        code = 0
        try:
            main.run()
        except SystemExit as end:
            code = int(end.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, said.out, said.err

    return run


def test_four_pictures_are_drawn_from_what_ada_likes_and_kept(home: Path, palate: Palate, tmp_path: Path) -> None:
    code, out, _ = palate("personalise", "--person", "ada", "-n", "4", "--out", tmp_path / "new", "--json")
    told = json.loads(out)
    assert (code, told["person"], len(told["pictures"]), len(told["history"])) == (0, "ada", 4, 3)
    assert told["trained"] is None
    assert any("nothing was trained" in warning for warning in told["warnings"])
    with Image.open(told["pictures"][0]["file"]) as picture:
        assert picture.size == (16, 16)
    again = json.loads(palate("personalise", "--person", "ada", "-n", "4", "--json")[1])
    assert [row["id"] for row in again["pictures"]] == [row["id"] for row in told["pictures"]]
    other = json.loads(palate("personalise", "--person", "ada", "-n", "4", "--seed", "1", "--json")[1])
    assert [row["id"] for row in other["pictures"]] != [row["id"] for row in told["pictures"]]
    assert palate("check", "--json")[0] == 0


def test_of_more_that_is_drawn_what_fits_best_is_shown(
    home: Path, palate: Palate, clip: Path, janus: Path, tmp_path: Path
) -> None:
    palate("config", "set", "encoder", clip)
    few = json.loads(palate("personalise", "--person", "ada", "-n", "2", "--json")[1])
    many = json.loads(palate("personalise", "--person", "ada", "-n", "2", "--of", "9", "--json")[1])
    every = json.loads(palate("personalise", "--person", "ada", "-n", "9", "--of", "9", "--json")[1])
    assert (few["of"], many["of"], len(many["pictures"])) == (8, 9, 2)
    assert {row["id"] for row in many["pictures"]} <= {row["id"] for row in every["pictures"]}
    code, _, err = palate("personalise", "--person", "ada", "-n", "2")
    assert code == 0
    assert "the best fitting of 8" in err
    palate("config", "set", "encoder", tmp_path / "nothing")
    alone = json.loads(palate("personalise", "--person", "ada", "-n", "2", "--of", "9", "--json")[1])
    assert alone["of"] == 2
    assert any("nothing was chosen" in warning for warning in alone["warnings"])


def test_what_was_drawn_can_be_chosen_and_credits_no_model(home: Path, palate: Palate) -> None:
    told = json.loads(palate("personalise", "--person", "ada", "-n", "1", "--json")[1])
    drawn = told["pictures"][0]["id"]
    assert palate("choose", drawn, "--as", "like", "--person", "ada")[0] == 0
    shown = json.loads(palate("show", drawn, "--json")[1])
    assert shown["drawings"][0]["credits"] == []
    history = json.loads(palate("personalise", "--person", "ada", "-n", "1", "--json")[1])["history"]
    assert history[-1]["id"] == drawn


def test_it_is_the_person_s_own_where_a_home_has_persons(home: Path) -> None:
    studio = Studio.open(str(home))
    with studio.home.write() as connection:
        owner = persons.ensure_owner(connection).id
        liked = str(connection.exec_driver_sql("select id from pictures order by id").scalars().first())
    studio.choose(liked, person=owner)
    drawn = studio.personalise(owner, count=1)
    with studio.home.read() as connection:
        assert holdings.may_see(connection, owner, drawn.pictures[0]["id"])
        assert not holdings.may_see(connection, "somebody else", drawn.pictures[0]["id"])
    studio.close()


def test_nobody_s_history_and_a_missing_network_are_one_line(home: Path, palate: Palate) -> None:
    code, _, err = palate("personalise", "--person", "bob")
    assert (code, err.count("\n")) == (1, 1)
    assert "nothing is known of bob" in err
    palate("config", "set", "personaliser", "pocket")
    code, _, err = palate("personalise", "--person", "ada")
    assert (code, err.count("\n")) in ((1, 1), (0, 3))


def test_sft_is_trained_into_the_home_and_draws_from_then_on(home: Path, palate: Palate, tmp_path: Path) -> None:
    data = publish(tmp_path / "data", painted_collection(people=16, each=12))
    asked = ("train", "personalise", "sft", "--data", data, "--batch", 4, "--every", 2, "--device", "cpu")
    code, out, err = palate(*asked, "--steps", "3", "--json")
    assert (code, json.loads(out)["step"]) == (0, 2), err
    assert trained_folder(home, json.loads(out)["in"]) is None
    told = json.loads(palate("personalise", "--person", "ada", "-n", "2", "--json")[1])
    assert told["trained"] == "sft"
    code, _, err = palate(*asked, "--steps", "3")
    assert code == 1
    assert "a training lies here already" in err
    assert palate(*asked, "--steps", "3", "--resume", "--json")[0] == 0


def test_codes_come_first_where_pictures_are_of_another_kind_and_sft_begins_from_them(
    home: Path, palate: Palate, tmp_path: Path, janus: Path
) -> None:
    data = publish(tmp_path / "data", painted_collection(people=16, each=12))
    few = ("--data", data, "--steps", 2, "--batch", 4, "--device", "cpu", "--json")
    code, out, err = palate("train", "personalise", "codes", *few)
    assert code == 0, err
    assert {"kept", "sharp", "used"} <= set(json.loads(out))
    assert (trained_folder(home, str(janus)), trained_folder(home, str(janus), "codes")) == (
        None,
        home / "personalise" / "codes",
    )
    code, _, err = palate("train", "personalise", "sft", *few, "--alike", 0.5, "--shorter", 1)
    assert code == 0, err
    trained = json.loads((home / "personalise" / "sft" / "trained.json").read_text())
    assert (trained["full"], trained["adapters"]) == (True, [])


def test_grpo_goes_on_from_sft_and_draws_from_then_on(home: Path, palate: Palate, tmp_path: Path, clip: Path) -> None:
    data = publish(tmp_path / "data", painted_collection(people=16, each=12))
    code, _, err = palate("train", "personalise", "grpo", "--data", data)
    assert (code, "there is nothing that sft trained" in err) == (1, True)
    palate("train", "personalise", "sft", "--data", data, "--batch", 4, "--steps", 1, "--device", "cpu")
    asked: tuple[object, ...] = (
        "train",
        "personalise",
        "grpo",
        "--data",
        data,
        "--clip",
        clip,
        "--device",
        "cpu",
        "--steps",
        2,
    )
    asked = (*asked, "--dino", tmp_path / "nowhere")
    small = [word for said in ("histories=2", "group=2", "every=1", "windows=2") for word in ("--set", said)]
    code, out, err = palate(*asked, *small, "--json")
    assert code == 0, err + out
    assert json.loads(out)["stopped"] is None
    assert "dis-history does not count" in err
    assert (home / "personalise" / "grpo" / "curves.svg").is_file()
    told = json.loads(palate("personalise", "--person", "ada", "-n", "2", "--json")[1])
    assert told["trained"] == "grpo"
    code, _, err = palate(*asked, "--out", tmp_path / "x", "--rewards", "dis-history=1")
    assert (code, "nowhere" in err) == (1, True)
    code, _, err = palate(*asked, "--set", "groups=3")
    assert (code, "no setting 'groups'" in err) == (1, True)
    code, _, err = palate(*asked, "--out", tmp_path / "y", "--rewards", "cis-history=1", "--unseen", clip)
    assert (code, "a reward that is trained on uses it" in err) == (1, True)


def test_unknown_ways_are_named(home: Path, palate: Palate, tmp_path: Path) -> None:
    code, _, err = palate("train", "personalise", "sft", "--data", tmp_path, "--seen", "ears")
    assert (code, "none of vision, codes" in err) == (1, True)


def test_training_says_from_what_it_could_learn(home: Path, palate: Palate) -> None:
    code, _, err = palate("train", "personalise", "sft")
    assert (code, "say from what to learn" in err) == (1, True)
    code, _, err = palate("train", "personalise", "sft", "--planted")
    assert (code, "no picture of this hub can be looked at" in err) == (1, True)


def test_an_unknown_recommender_is_named_before_anything_is_read(home: Path, palate: Palate, tmp_path: Path) -> None:
    code, _, err = palate("evaluate", "personalise", "--data", tmp_path, "--retrieval", "nobody")
    assert (code, "there is no recommender 'nobody'" in err) == (1, True)


def test_pictures_are_counted_within_reason(home: Path) -> None:
    studio = Studio.open(str(home))
    with pytest.raises(PalateError, match="1 to 64"):
        studio.personalise("ada", count=65)
    studio.close()


def test_the_guide_names_every_setting_and_reward_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs" / "guide" / "personalising.md").read_text()
    for config in (GrpoConfig, GuardConfig):
        for row in fields(config):
            if row.name not in ("steps", "seed"):
                assert f"| `{row.name}` | `{row.default}` | {row.metadata['help']} |" in page
    for row in fields(RewardConfig):
        if row.name != "normalise":
            assert f"| `{row.name.replace('_', '-')}` | `{row.default}` | {row.metadata['help']} |" in page
