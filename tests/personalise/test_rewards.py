"""Each reward with an answer that can be worked out, its direction, and how they become one number."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from palate.errors import PalateError
from palate.personalise import aesthetics
from palate.personalise.histories import Collection, Item, Window, collected
from palate.personalise.judging import ReadingJudge, ServerJudge, number_in, open_judge
from palate.personalise.opening import onlooker, remembered
from palate.personalise.rewards import Floats, RewardConfig, combine, normalised, of_text, scored
from palate.personalise.scorers import Listening, Maps, Patches, Relevance, Space, Structure, Unlike, vision_maps
from palate.testing.fakes import FakeEncoder
from palate.testing.likings import as_png
from palate.testing.servers import as_json, serving
from palate.testing.shapes import draw_shape
from palate.testing.worlds import build_tiny_clip, build_tiny_dino
from palate.writers.captioners import GivenCaptions

THINGS = (("red", "circle"), ("red", "square"), ("blue", "cross"))
WINDOW = Window(0, (0, 1), 2, (2,), 3.0, (0, 1))
SAME, HALF = 1.0, 1.25 / 2.25
"""Cosines of the fake encoder: one picture with itself; two of one colour or shape on one ground."""


@pytest.fixture(scope="module")
def collection() -> Collection:
    items = [Item(str(at), f"{colour} {shape}") for at, (colour, shape) in enumerate(THINGS)]
    pictures = [as_png(draw_shape(shape, colour, size=48)) for colour, shape in THINGS]
    events = [("ada", str(at), float(at)) for at in range(3)]
    return collected("three", items, events, lambda at: pictures[at])


@pytest.fixture
def drawn() -> list[Image.Image]:
    return [draw_shape("circle", "red", size=48), draw_shape("cross", "blue", size=48)]


def test_picture_relevance_is_a_hundred_times_the_mean_cosine(collection: Collection, drawn: list[Image.Image]) -> None:
    space = Space(FakeEncoder(), collection)
    found = Relevance("cis-history", space, "history").score(drawn, [WINDOW, WINDOW])
    ground = 0.25 / 2.25
    assert found == pytest.approx([100 * (SAME + HALF) / 2, 100 * ground], abs=0.5)
    assert Relevance("cis-future", space, "future").score(drawn, [WINDOW, WINDOW])[1] == pytest.approx(100, abs=0.5)


def test_word_relevance_is_to_the_items_words(collection: Collection, drawn: list[Image.Image]) -> None:
    found = Relevance("cts-target", Space(FakeEncoder(), collection), "target", words=True).score(drawn, [WINDOW] * 2)
    assert found == pytest.approx([0.0, 94.3], abs=0.1)


def test_what_has_no_items_is_not_scored(collection: Collection, drawn: list[Image.Image]) -> None:
    nobody = Window(0, (), 2, (2,), 0.0)
    found = Relevance("cis-history", Space(FakeEncoder(), collection), "history").score(drawn[:1], [nobody])
    assert np.isnan(found).all()


def test_structure_is_1_for_the_same_picture(collection: Collection) -> None:
    own = Window(0, (0,), 1, (1,), 0.0)
    found = Structure(collection).score([collection.picture(0), collection.picture(2)], [own, own])
    assert found[0] == pytest.approx(1.0)
    assert found[1] < 0.9


@pytest.mark.parametrize("kind", ["clip", "dino"])
def test_patches_are_apart_where_pictures_differ_and_less_is_better(
    collection: Collection, tmp_path: Path, kind: str
) -> None:
    folder = build_tiny_clip(tmp_path / "clip") if kind == "clip" else build_tiny_dino(tmp_path / "dino")
    reward = Patches(collection, vision_maps(str(folder), device="cpu"))
    own = Window(0, (0,), 1, (1,), 0.0)
    same, other = reward.score([collection.picture(0), collection.picture(2)], [own, own])
    assert same == pytest.approx(0.0, abs=1e-6)
    assert 0.0 < other <= 4.0
    assert not reward.higher


def test_diversity_is_nothing_in_a_group_of_one_picture(collection: Collection, drawn: list[Image.Image]) -> None:
    reward = Unlike(Space(FakeEncoder(), collection), group=2)
    same, other = [drawn[0], drawn[0]], drawn
    assert reward.score([*same, *other], [WINDOW] * 4) == pytest.approx([0, 0, 1 - 0.111, 1 - 0.111], abs=0.01)


# -- readers ----------------------------------------------------------------------------------------------------------


def test_a_server_s_number_is_the_score_and_words_go_as_quoted_data(
    collection: Collection, drawn: list[Image.Image]
) -> None:
    asked: list[dict[str, Any]] = []

    def routes(talk: Any, path: str, body: dict[str, Any]) -> Any:
        asked.append(body)
        words = "7" if len(asked) == 1 else "I would say 3/10."
        return as_json({"choices": [{"message": {"content": words}}]})

    with serving(routes) as talk:
        judge = ServerJudge(collection, talk.address, "reader")
        assert judge.score(drawn, [WINDOW, WINDOW]).tolist() == [7.0, 3.0]
    text = asked[0]["messages"][0]["content"][0]["text"]
    assert json.dumps(["red circle", "red square"]) in text


def test_a_reader_that_fails_scores_nothing_and_is_not_asked_for_ever(
    collection: Collection, drawn: list[Image.Image]
) -> None:
    calls = []

    def routes(talk: Any, path: str, body: dict[str, Any]) -> Any:
        calls.append(path)
        return as_json({"choices": [{"message": {"content": "lovely"}}]})

    with serving(routes) as talk:
        judge = ServerJudge(collection, talk.address, "reader")
        assert np.isnan(judge.score(drawn * 3, [WINDOW] * 6)).all()
    assert len(calls) == 2
    assert sorted(judge.skipped) == list(range(6))


@pytest.mark.parametrize(("said", "number"), [("8", 8), ("10/10", 10), ("Score: 4.", 4), (" 7 out of it", 7)])
def test_numbers_are_read(said: str, number: float) -> None:
    assert number_in(said) == number


@pytest.mark.parametrize("said", ["", "0", "11", "between 3 and 7", "great"])
def test_what_is_no_number_is_not_guessed(said: str) -> None:
    with pytest.raises(PalateError, match="no single number"):
        number_in(said)


def test_the_pocket_s_reader_compares_what_it_sees_with_the_history(
    collection: Collection, drawn: list[Image.Image]
) -> None:
    judge = ReadingJudge(collection, GivenCaptions(["red circle", "blue cross"]), FakeEncoder())
    assert judge.score(drawn, [WINDOW, WINDOW]) == pytest.approx([75.0, 0.0], abs=0.1)
    with pytest.raises(PalateError, match="which of the server's models"):
        open_judge("http://localhost:1", collection, FakeEncoder())


# -- aesthetics -------------------------------------------------------------------------------------------------------


def test_the_mover_s_distance_counts_how_far(collection: Collection) -> None:
    at = np.eye(10)
    near, far = aesthetics.emd(at[[0]], at[[1]])[0], aesthetics.emd(at[[0]], at[[9]])[0]
    assert near == pytest.approx(np.sqrt(1 / 10))
    assert far == pytest.approx(np.sqrt(9 / 10))
    assert aesthetics.mean_score(at[[6]]).tolist() == [7.0]


def test_a_head_learns_that_damage_looks_worse_and_is_kept(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    pictures = [
        draw_shape(shape, colour, size=48) for shape in ("circle", "square", "cross") for colour in ("red", "blue")
    ]
    head = aesthetics.learn_from_damage(encoder, pictures)
    blurred = [picture.filter(ImageFilter.GaussianBlur(4)) for picture in pictures]
    assert head.score(pictures, []).mean() > head.score(blurred, []).mean() + 0.5
    aesthetics.save_head(head, tmp_path / "head.safetensors")
    again = aesthetics.open_head(tmp_path / "head.safetensors", encoder)
    assert again.score(pictures, []) == pytest.approx(head.score(pictures, []))
    with pytest.raises(PalateError, match="another encoder"):
        aesthetics.open_head(tmp_path / "head.safetensors", FakeEncoder("other"))
    (tmp_path / "junk").write_bytes(b"junk")
    with pytest.raises(PalateError, match="no head of scores"):
        aesthetics.open_head(tmp_path / "junk", encoder)


# -- one number -------------------------------------------------------------------------------------------------------


class Plain:
    """A reward whose numbers are given."""

    paper = "none"
    span = (0.0, 10.0)

    def __init__(self, name: str, values: list[float], *, higher: bool = True) -> None:
        self.name, self.values, self.higher = name, np.array(values), higher

    def score(self, drawn: Any, windows: Any) -> Floats:
        return self.values


def test_z_scores_of_a_group_have_no_mean_and_unit_spread() -> None:
    reward = Plain("cis-history", [1, 3, 10, 30])
    assert normalised(reward.values, reward, "group", 2) == pytest.approx([-1, 1, -1, 1], abs=1e-3)
    assert normalised(reward.values, reward, "range", 2).tolist() == [0.1, 0.3, 1.0, 3.0]


def test_less_is_better_where_the_reward_says_so() -> None:
    reward = Plain("lpips-history", [1, 3], higher=False)
    assert normalised(reward.values, reward, "group", 2) == pytest.approx([1, -1], abs=1e-3)


def test_weights_are_a_mean_and_what_is_not_scored_drops_out() -> None:
    rewards = [Plain("cis-history", [1.0, 2.0]), Plain("aesthetics", [4.0, float("nan")]), Plain("profile", [9.0, 9.0])]
    config = of_text("cis-history=1,aesthetics=3", RewardConfig(normalise="none"))
    found = combine(scored(rewards, [None, None], [WINDOW] * 2), rewards, config, 2)  # type: ignore[list-item]
    assert found == pytest.approx([(1 + 3 * 4) / 4, 2.0])


def test_one_reward_alone_and_all_but_one() -> None:
    config = RewardConfig()
    assert config.alone("dis-history").weights() == {"dis-history": 1.0}
    assert "dis-history" not in config.without("dis-history").weights()
    assert set(of_text("-cis-future,-aesthetics").weights()) == set(config.weights()) - {"cis-future", "aesthetics"}
    with pytest.raises(PalateError, match="no reward 'beauty'"):
        config.alone("beauty")
    with pytest.raises(PalateError, match="is no number"):
        of_text("profile=much")


def test_a_reward_of_another_length_is_broken() -> None:
    with pytest.raises(PalateError, match="2 pictures, numbers of shape"):
        scored([Plain("profile", [1.0])], [None, None], [WINDOW] * 2)  # type: ignore[list-item]


def test_what_suits_everybody_is_not_listening() -> None:
    """Two histories, one of red things and one of blue: red for both is worth what it gains less what it loses."""
    red, blue = Image.new("RGB", (16, 16), "red"), Image.new("RGB", (16, 16), "blue")
    items = [Item(str(at), "") for at in range(4)]
    events = [("p", item.id, float(at)) for at, item in enumerate(items)]
    pictures = [as_png(one) for one in (red, red, blue, blue)]
    space = Space(FakeEncoder(), collected("two", items, events, lambda at: pictures[at]))
    one, two = Window(0, (0, 1), 2, (2,), 0.0), Window(1, (2, 3), 0, (0,), 0.0)
    listening = Listening(space)
    same, own = listening.score([red, red], [one, two]), listening.score([red, blue], [one, two])
    assert same.sum() == pytest.approx(0.0, abs=1e-4)
    assert own.min() > 0
    assert np.isnan(listening.score([red], [one])).all()


def test_what_several_rewards_ask_of_the_same_pictures_is_looked_at_once() -> None:
    asked = []

    def extract(pictures: Sequence[Image.Image]) -> list[Maps]:
        asked.append(len(pictures))
        return [[np.zeros((1, 1), np.float32)] for _ in pictures]

    seen, two = remembered(extract), [Image.new("RGB", (4, 4)) for _ in range(2)]
    assert seen(two) == seen(list(two))
    seen(two[:1])
    seen(two)
    assert asked == [2, 1, 2]


def test_an_onlooker_may_be_a_class_of_one_s_own() -> None:
    assert onlooker("palate.personalise.plain_look:PlainLook", None).name == "plain-look"
    with pytest.raises(PalateError, match="does not open"):
        onlooker("palate.personalise.plain_look:Nobody", None)
