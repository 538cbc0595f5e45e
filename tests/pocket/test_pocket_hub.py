"""`--hub pocket`: a home from the package alone, whose pictures are drawn when somebody looks at them."""

import json
import shutil
import time
from pathlib import Path

import numpy as np
import palate_pocket as pocket
import pytest

from palate.catalogue import vectors
from palate.errors import PalateError
from palate.find.requirement import space_of_home
from palate.safety.pictures import open_picture
from palate.settings import home_folder
from palate.specify import pocket as hub
from palate.studio import Studio


@pytest.fixture
def studio(pocket_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setenv("PALATE_POCKET_HOME", str(tmp_path / "home"))
    return Studio.open("pocket")


def test_the_hub_has_a_home_of_its_own_and_a_folder_called_pocket_is_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PALATE_POCKET_HOME", raising=False)
    assert home_folder("pocket") == Path.home() / ".palate-pocket"
    assert home_folder("./pocket") == Path("pocket")
    monkeypatch.setenv("PALATE_HOME", "pocket")
    monkeypatch.setenv("PALATE_POCKET_HOME", "elsewhere")
    assert home_folder() == Path("elsewhere")
    assert home_folder("other") == Path("other")


def test_it_opens_specified_with_the_facts_of_its_cards(studio: Studio) -> None:
    models = {model["name"]: model for model in studio.models(base="pocket")}
    assert {"Pocket diffusion", "One", "Two", "Three", "Four"} == set(models)
    one = models["One"]
    assert (one["kind"], one["maker"], one["licence"], one["tags"]) == ("adapter", "A. Person", "MIT", ["ui"])
    assert one["pictures"] == 8
    assert studio.show("One")["model"]["card"]["set"] == "one"
    assert studio.settings.steps == pocket.bank().made["steps"]
    found = studio.find("an icon of a cat", top=3)
    assert len(found.rows) == 3
    assert studio.check() == []


def test_its_vectors_are_those_of_the_encoder_that_the_home_opens(studio: Studio) -> None:
    space = space_of_home(studio.home, "pocket")
    assert space.id == studio.encoder.id
    [id] = studio.show("One")["examples"][:1]
    [file] = studio.look([id]).values()
    with studio.home.read() as connection:
        _, stored = vectors.load(connection, space, "picture", [id])
    again = studio.encoder.encode_pictures([open_picture(file)])
    assert float((stored * again).sum()) > 0.999


def test_a_picture_is_drawn_when_it_is_looked_at_and_kept(studio: Studio) -> None:
    ids = studio.show("One")["examples"][:2] + studio.show("Two")["examples"][:1]
    files = studio.look(ids)
    assert list(files) == ids
    assert [open_picture(file).size for file in files.values()] == [(64, 64)] * 3
    stamps = [file.stat().st_mtime_ns for file in files.values()]
    assert [file.stat().st_mtime_ns for file in studio.look(ids).values()] == stamps
    shown = studio.show(ids[0])
    assert shown["picture"]["files"] == [str(files[ids[0]])]
    assert shown["drawings"][0]["credits"][0]["name"] == "One"
    assert studio.look(["f" * 32]) == {}


def test_opening_it_again_changes_nothing_and_is_quick(studio: Studio) -> None:
    studio.close()
    assert hub.ready(home_folder("pocket")) is False
    started = time.perf_counter()
    Studio.open("pocket").close()
    assert time.perf_counter() - started < 1.0


def test_a_newer_release_takes_the_place_of_the_older_bank(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(pocket.folder("clip").parent, newer)
    said = json.loads((newer / "bank" / "bank.json").read_text())
    said["prompts"][0]["seeds"] = [12345]
    (newer / "bank" / "bank.json").write_text(json.dumps(said))
    before = studio.show("One")["examples"]
    studio.close()
    monkeypatch.setenv("PALATE_POCKET_WEIGHTS", str(newer))
    again = Studio.open("pocket")
    after = again.show("One")["examples"]
    assert len(after) == len(before) == 8
    assert len(set(after) - set(before)) == 1
    with again.home.read() as connection:
        _, stored = vectors.load(connection, space_of_home(again.home, "pocket"), "picture")
    assert len(stored) == 4 * 8
    assert np.allclose(np.linalg.norm(stored, axis=1), 1, atol=1e-3)
    assert again.check() == []


def test_a_build_without_drawing_models_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PALATE_POCKET_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("PALATE_POCKET_HOME", str(tmp_path / "home"))
    with pytest.raises(PalateError, match="this build has no pocket drawing models") as told:
        Studio.open("pocket")
    assert "make pocket" in str(told.value)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "home").exists()
