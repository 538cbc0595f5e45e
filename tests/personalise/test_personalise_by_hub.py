"""`palate personalise --by hub`: the models of a home draw for a person what their liked pictures have in common."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from palate.catalogue import models as model_rows
from palate.catalogue.records import Model
from palate.encoders import opening
from palate.errors import PalateError
from palate.specify import executors
from palate.studio import Studio
from palate.testing.fakes import FakeEncoder, FakeGenerator

GROUNDS = {"m-white": "white", "m-black": "black"}
COLOURS, SHAPES = ("red", "blue", "green"), ("circle", "square", "triangle", "cross")


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Two models, which differ in their ground, drew twelve prompts each; the shape is the tag."""
    folder = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "open_encoder", lambda *_, **__: FakeEncoder())
        patch.setattr(executors, "generator_for", lambda model, *_: FakeGenerator(model.name, ground=GROUNDS[model.id]))
        opened = Studio.create(str(folder / "home"))
        opened.config_set("encoder", "fake")
        with opened.home.write() as connection:
            model_rows.put(connection, [Model(id, id, "pipeline", f"fake://{id}", base="fake") for id in GROUNDS])
        prompts = folder / "prompts.jsonl"
        lines = [f'{{"prompt": "a {colour} {shape}", "tag": "{shape}"}}' for shape in SHAPES for colour in COLOURS]
        prompts.write_text("\n".join(lines))
        opened.specify(prompts=prompts, count=2)
        yield opened
        opened.close()


def liked(studio: Studio, person: str, words: str, model: str) -> None:
    with studio.home.read() as connection:
        query = (
            "select d.picture_id from drawings d join prompts p on p.id = d.prompt_id "
            "join credits c on c.drawing_id = d.id where p.text like ? and c.model_id like ? order by d.seed limit 5"
        )
        ids = list(connection.exec_driver_sql(query, (words, model)).scalars())
    assert len(ids) == 5
    for id in ids:
        studio.choose(id, person=person)


def test_who_likes_one_hand_gets_new_pictures_of_it(studio: Studio) -> None:
    liked(studio, "ada", "%", "m-black")
    drawn = studio.personalise("ada", by="hub", count=3, of=12, seed=1)
    assert (drawn.network, drawn.trained, len(drawn.pictures), drawn.of) == ("hub", "m-black", 3, 12)
    assert drawn.because[0].startswith("m-black (style, ")
    with studio.home.read() as connection:
        known = set(connection.exec_driver_sql("select picture_id from drawings where tool is null").scalars())
    assert not known & {picture["id"] for picture in drawn.pictures}
    shown = studio.show(drawn.pictures[0]["id"])
    assert [credit["name"] for credit in shown["drawings"][0]["credits"]] == ["m-black"]
    again = studio.personalise("ada", by="hub", count=3, of=12, seed=1)
    assert [picture["id"] for picture in again.pictures] == [picture["id"] for picture in drawn.pictures]
    assert studio.check() == []


def test_who_likes_one_thing_gets_it_by_several_hands(studio: Studio) -> None:
    liked(studio, "eve", "%circle", "%")
    drawn = studio.personalise("eve", by="hub", count=3, of=12)
    assert drawn.because[0].startswith("circle (topic, ")
    words = [studio.show(picture["id"])["drawings"][0]["prompt"] for picture in drawn.pictures]
    assert all(text.endswith("circle") for text in words)
    assert len(set(words)) == 3


def test_a_model_that_may_not_be_shown_draws_for_nobody(studio: Studio) -> None:
    liked(studio, "una", "%", "m-black")
    black = Model("m-black", "m-black", "pipeline", "fake://m-black", base="fake")
    for level, hands in (("any", {"m-black"}), ("moderate", {"m-white"})):
        with studio.home.write() as connection:
            model_rows.put(connection, [replace(black, tags=("nsfw",))])
        studio.config_set("safe", level)
        assert set(studio.personalise("una", by="hub", count=3, of=12).trained.split(", ")) == hands  # type: ignore[union-attr]
    with studio.home.write() as connection:
        model_rows.put(connection, [black])


def test_the_setting_names_the_hub(studio: Studio) -> None:
    liked(studio, "ida", "%", "m-white")
    studio.config_set("personaliser", "hub")
    assert studio.personalise("ida", count=1, of=4).network == "hub"
    studio.config_set("personaliser", "pocket")


def test_a_hub_that_has_drawn_nothing_says_what_to_do(studio: Studio, tmp_path: Path) -> None:
    empty = Studio.create(str(tmp_path / "empty"))
    empty.config_set("encoder", "fake")
    with studio.home.read() as connection:
        id = str(connection.exec_driver_sql("select picture_id from drawings").scalars().first())
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "one.png").write_bytes(studio.home.blobs.get(id))
    empty.add_pictures(outputs, encode=False)
    with empty.home.read() as connection:
        own = str(connection.exec_driver_sql("select id from pictures").scalars().first())
    empty.choose(own, person="ada")
    with pytest.raises(PalateError, match="no model here is known by a picture"):
        empty.personalise("ada", by="hub")
    empty.close()
