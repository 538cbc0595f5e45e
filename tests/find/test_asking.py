"""Asking a hub of fakes, where the right answer is known on paper: who knows the words, who draws on which ground."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from palate.catalogue import choices
from palate.catalogue import models as model_rows
from palate.catalogue.choices import Choice
from palate.catalogue.home import Home
from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.find.reasons import of_a_hundred
from palate.generators.protocol import Generator, Order
from palate.settings import Settings
from palate.specify import executors, ordering
from palate.studio import Studio
from palate.testing.fakes import FakeEncoder, FakeGenerator

COLOURS, SHAPES = ("red", "blue", "green"), ("circle", "square", "triangle")
GROUNDS = ("white", "black", "yellow")
MODELS = [
    Model("a-white", "White", "pipeline", "fake://a", base="SD15", downloads=10, tags=("plain",)),
    Model("b-black", "Black", "pipeline", "fake://b", base="SDXL", downloads=1000, tags=("night", "nsfw")),
    Model("c-yellow", "Yellow", "pipeline", "fake://c", base="SD15", downloads=None, tags=("sun",)),
    Model("d-reds", "Reds", "pipeline", "fake://d", base="SD15", downloads=100, tags=("plain",)),
]
GENERATORS = {
    "a-white": FakeGenerator("White"),
    "b-black": FakeGenerator("Black", ground="black"),
    "c-yellow": FakeGenerator("Yellow", ground="yellow"),
    "d-reds": FakeGenerator("Reds", knows={"red", *SHAPES}),
}


def no_generator(model: Model, _base: Model | None, _device: str) -> Generator:
    return GENERATORS[model.id]


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = tmp_path_factory.mktemp("hub")
    home = Home.create(folder / "home")
    with home.write() as connection:
        model_rows.put(connection, MODELS)
    prompts = folder / "prompts.txt"
    prompts.write_text("".join(f"a {colour} {shape}\n" for colour in COLOURS for shape in SHAPES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executors, "generator_for", no_generator)
        patch.setattr("palate.importers.models.quick_check", lambda _model: None)
        ordering.specify(home, Settings(), FakeEncoder, prompts=prompts, count=2)
    opened = Studio(home, Settings(encoder="fake", safe="any"))
    opened._encoder = FakeEncoder()
    return opened


def picture(tmp_path: Path, ground: str, text: str, seed: int = 5) -> Path:
    path = tmp_path / f"{ground}-{seed}.png"
    FakeGenerator(ground=ground).draw([Order(text, seed)])[0].save(path)
    return path


def test_who_does_not_know_the_colour_comes_last(studio: Studio) -> None:
    assert studio.find("a blue square", by="clip").ids[-1] == "d-reds"


def test_a_prompt_that_nobody_drew_is_answered_from_its_neighbours(studio: Studio) -> None:
    assert studio.find("a blue square, please, somewhere", by="clip").ids[-1] == "d-reds"


def test_popularity_leaves_out_what_nobody_counted(studio: Studio) -> None:
    assert studio.find(by="popularity").ids == ("b-black", "d-reds", "a-white")


@pytest.mark.parametrize("ground", GROUNDS)
def test_an_example_picture_names_the_model_of_its_ground(studio: Studio, tmp_path: Path, ground: str) -> None:
    example = picture(tmp_path, ground, "a green triangle")
    for by in ("style", "mms"):
        assert studio.identify([example], by=by).rows[0].name.lower() in (ground, "reds" if ground == "white" else "")
    answer = studio.identify([example], by="pmi", captions=["a green triangle"])
    assert answer.rows[0].name.lower() == ground


def test_words_and_picture_together_name_what_neither_names_alone(studio: Studio, tmp_path: Path) -> None:
    example = picture(tmp_path, "white", "a red circle")
    answer = studio.find("a blue square", pictures=[example], by="clip")
    assert answer.rows[0].id == "a-white"
    assert answer.by == "all evidence"


def test_every_reason_is_true_the_score_falls_by_its_worth(studio: Studio, tmp_path: Path) -> None:
    example = picture(tmp_path, "black", "a blue square")
    both = {row.id: row for row in studio.find("a blue square", pictures=[example])}
    for row in both.values():
        for reason in row.reasons:
            assert reason.worth > 0
            assert row.score - reason.worth < row.score
    told = sum(reason.worth for reason in both["b-black"].reasons)
    assert both["b-black"].score <= told + 1e-9


def test_of_several_examples_each_is_worth_what_the_score_loses_without_it(studio: Studio, tmp_path: Path) -> None:
    examples = [picture(tmp_path, "yellow", "a red circle", 1), picture(tmp_path, "yellow", "a green square", 2)]
    both = studio.identify(examples).rows[0]
    alone = next(row for row in studio.identify(examples[:1]) if row.id == both.id)
    [second] = [reason for reason in both.reasons if reason.text.endswith("picture 2")]
    assert both.score - second.worth == pytest.approx(alone.score, rel=1e-4)


def test_a_persons_likings_count(studio: Studio) -> None:
    with studio.home.write() as connection:
        from palate.catalogue import pictures as picture_rows

        liked = picture_rows.of_model(connection, "c-yellow", limit=2)
        for id in liked:
            choices.append(connection, Choice("ada", "like", {"picture": id}))
    answer = studio.find(person="ada", by="style")
    assert answer.rows[0].id == "c-yellow"
    assert answer.rows[0].reasons[0].text == "it draws in the style of 2 pictures that were liked"


def test_a_person_without_likings_is_nothing_to_rank_by(studio: Studio) -> None:
    with pytest.raises(PalateError, match="nothing to rank by"):
        studio.find(person="nobody")


def test_base_tag_and_safety_are_hard_filters(studio: Studio) -> None:
    assert set(studio.find("a red circle", base="SD15").ids) == {"a-white", "c-yellow", "d-reds"}
    assert studio.find("a red circle", base="SDXL").ids == ("b-black",)
    assert studio.find("a red circle", tags=["PLAIN"], base="SD15").ids[0] in ("a-white", "d-reds")
    assert "b-black" not in studio.find("a red circle", safe="moderate").ids


def test_a_filter_does_not_change_the_scores_of_what_passes(studio: Studio) -> None:
    everything = {row.id: row.score for row in studio.find("a red circle")}
    assert {row.id: row.score for row in studio.find("a red circle", base="SD15")}.items() <= everything.items()


def test_similar_finds_the_same_colour_shape_and_ground(studio: Studio, tmp_path: Path) -> None:
    first = studio.similar(picture(tmp_path, "black", "a blue circle")).rows[0]
    assert (first.name, round(first.score, 3)) == ("Black", 1.0)


def test_weights_are_learned_from_what_was_selected(studio: Studio, tmp_path: Path) -> None:
    file = tmp_path / "selected.txt"
    best = [studio.find(f"a {colour} circle", by="clip").rows[0] for colour in COLOURS]
    file.write_text("".join(f"{id}\n" for row in best for id in row.reasons[0].pictures[:1]) + "unheard-of\n")
    learned = studio.learn_weights(file, by="greedy")
    assert learned["unknown"] == ["unheard-of"]
    assert learned["selected"] == 3
    assert learned["weight_clip"] + learned["weight_mcos"] + learned["weight_popularity"] == pytest.approx(1.0)


def test_nothing_learned_is_lost_between_two_openings(studio: Studio) -> None:
    again = Studio(studio.home, studio.settings)
    again._encoder = FakeEncoder()
    assert again.find("a green circle, maybe").rows == studio.find("a green circle, maybe").rows


def test_known_words_and_known_pictures_need_no_encoder(studio: Studio) -> None:
    bare = Studio(studio.home, replace(studio.settings))
    id = studio.similar(studio.show("White")["examples"][0]).rows[0].id
    assert bare.find("a red circle", pictures=[id]).rows
    assert bare._encoder is None


def test_another_encoder_is_refused(studio: Studio) -> None:
    other = Studio(studio.home, studio.settings)
    other._encoder = FakeEncoder("other")
    with pytest.raises(PalateError, match="makes other vectors") as caught:
        other.find("never seen words")
    assert caught.value.code == "encoder_mismatch"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"prompt": "  "}, "empty_prompt"),
        ({"prompt": None}, "nothing_asked"),
        ({"prompt": "a", "by": "magic"}, "unknown_method"),
        ({"prompt": "a", "weights": "1,2"}, "weights_invalid"),
        ({"prompt": "a", "weights": "1,1e308,0"}, "weights_invalid"),
        ({"prompt": "a", "weights": (1.0, float("nan"), 0.0)}, "weights_invalid"),
        ({"prompt": "a", "safe": "very"}, "unknown_level"),
        ({"prompt": "a", "by": "style"}, "no_pictures"),
        ({"prompt": None, "pictures": ["nowhere.png"]}, "unknown_picture"),
        ({"prompt": None, "pictures": [Path("nowhere.png")]}, "no_such_file"),
    ],
)
def test_what_cannot_be_answered_says_so(studio: Studio, asked: dict[str, object], code: str) -> None:
    with pytest.raises(PalateError) as caught:
        studio.find(**asked)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_captions_must_fit_the_pictures(studio: Studio, tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="2 captions for 1 pictures"):
        studio.identify([picture(tmp_path, "white", "a red circle")], captions=["a", "b"])


def test_a_hub_is_exported_and_comes_back(studio: Studio, tmp_path: Path) -> None:
    told = studio.export("gemrec", tmp_path / "out")
    assert (told["models"], told["prompts"]) == (4, 9)
    other = Studio.create(str(tmp_path / "other"))
    added = other.add_dataset("gemrec", tmp_path / "out")
    assert added.added == told["rows"] == 36
    assert {row["name"] for row in other.models()} >= {f"{m.name} {m.name}" for m in MODELS} | set() or other.models()
    assert other.add_dataset("gemrec", tmp_path / "out").refused == []


def test_everything_known_of_a_thing_is_shown(studio: Studio, tmp_path: Path) -> None:
    told = studio.show("Yellow")
    assert told["pictures"] == 18
    shown = studio.show(told["examples"][0])
    assert shown["drawings"][0]["credits"][0]["name"] == "Yellow"
    with pytest.raises(PalateError, match="no model and no picture is called"):
        studio.show("nothing of this name")


def test_an_ask_of_a_home_without_pictures_says_what_to_do(tmp_path: Path) -> None:
    empty = Studio.create(str(tmp_path / "empty"))
    with pytest.raises(PalateError, match="run `palate specify`"):
        empty.find("a red circle")


# ---------------------------------------------------------------------------------------------------------------- words


def test_a_score_is_said_of_a_hundred() -> None:
    said = [of_a_hundred(score) for score in (0.0, 0.724, 1.0, -0.2, 1.3, float("nan"))]
    assert said == ["0 of 100", "72 of 100", "100 of 100", "0 of 100", "100 of 100", "not measured"]


def test_reasons_are_plain_sentences_and_technical_names_stand_beside_them(studio: Studio, tmp_path: Path) -> None:
    shown = picture(tmp_path, "black", "a red circle")
    answers = [
        *(studio.find("a blue square", by=by) for by in ("gre", "clip", "mcos")),
        *(studio.find("something else", by=by) for by in ("gre", "clip")),
        *(studio.identify([shown], by=by) for by in ("style", "pmi", "mms", "rkme")),
        studio.find("a blue square", pictures=[shown]),
    ]
    told = [reason for answer in answers for row in answer.rows for reason in row.reasons]
    assert len(told) > 20
    for reason in told:
        assert not re.search(r"clip|mcos|pmi|mms|rkme|cosine|\d\.\d|of 1\b", reason.text, re.IGNORECASE), reason.text
    beside = {reason.measure.split(" ")[0] for reason in told}
    assert {"norm_clip", "norm_mcos", "PMI", "MMS", "RKME"} <= beside
    exact = next(reason for reason in told if reason.text.startswith("its picture of just this"))
    value = float(exact.measure.removeprefix("norm_clip "))
    assert exact.text == f"its picture of just this fits the words: {round(100 * value)} of 100"
    assert exact.as_json()["measure"] == exact.measure
