"""What a hub's own pictures tell of an attribute: known answers, with one axis for each thing and look."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from palate.catalogue import pictures
from palate.converse.differences import Drawings, difference, thing_and_look
from palate.converse.state import Change
from palate.converse.talking import Conversing
from palate.converse.tools import DIFFERENCE
from palate.studio import Studio

AXES = ("cat", "sun", "key", "filled", "thin", "red", "one", "other")


def drawn(*rows: tuple[str, str]) -> Drawings:
    """The sum of the axes that a model's name and its words name."""
    vectors = [[float(axis in f"{model} {text}".split()) for axis in AXES] for model, text in rows]
    return Drawings(np.array(vectors, np.float32), [model for model, _ in rows], [text for _, text in rows])


def axis(**parts: float) -> list[float]:
    return [parts.get(name, 0.0) for name in AXES]


def parts(text: str, *asked: str) -> tuple[list[str], list[str]]:
    thing, look = thing_and_look(text, frozenset(asked))
    return sorted(thing), sorted(look)


def test_a_prompt_says_a_thing_and_a_look() -> None:
    assert parts("a thin outline icon of a cat") == (["cat"], ["outline", "thin"])
    assert parts("a cat by Hokusai") == (["cat", "hokusai"], [])
    assert parts("a cat by Hokusai", "hokusai") == (["cat"], ["hokusai"])


def test_the_difference_is_what_the_same_model_drew_of_the_same_thing() -> None:
    known = drawn(
        ("one", "a cat"), ("one", "a filled cat"), ("one", "a sun"), ("one", "a filled sun"), ("other", "a key")
    )
    assert difference(known, Change("filled", "outline")) == pytest.approx(axis(filled=1))
    assert difference(known, Change("filled", "outline", more=False)) == pytest.approx(axis(filled=-1))


def test_it_begins_with_the_look_that_the_picture_has() -> None:
    rows = [("one", f"a {look} {thing}") for look in ("", "filled", "thin") for thing in ("cat", "sun")]
    assert difference(drawn(*rows), Change("filled"), before="a thin key") == pytest.approx(axis(filled=1, thin=-1))
    assert difference(drawn(*rows), Change("filled"), before="a red thin key") == pytest.approx(axis(filled=1, thin=-1))
    assert difference(drawn(*rows), Change("filled"), before="a key") == pytest.approx(axis(filled=1))


def test_one_thing_alone_and_two_models_that_drew_different_things_tell_nothing() -> None:
    assert difference(drawn(("one", "a cat"), ("one", "a filled cat")), Change("filled")) is None
    apart = drawn(("one", "a cat"), ("other", "a filled cat"), ("one", "a sun"), ("other", "a filled sun"))
    assert difference(apart, Change("filled")) is None
    assert difference(apart, Change("the")) is None


def test_a_talk_moves_a_picture_as_the_pictures_here_differ(studio: Studio) -> None:
    talk = studio.converse("ada", draws=False)
    talk.say("a red circle")
    exchange = talk.say("like the first, but blue")
    read = talk.tools._read(exchange.wanted).pictures
    assert read is not None
    moved = talk.tools._changed(read[0], exchange.wanted)
    assert moved - read[0] == pytest.approx(DIFFERENCE * (_of(talk, "blue") - _of(talk, "red")), abs=1e-5)


def _of(talk: Conversing, colour: str) -> NDArray[np.float32]:
    """The mean picture of a colour by the model that drew the picture in question."""
    known = talk.tools.hub.specifications
    maker = known.model_index[known.picture_ids.index(str(talk.talk.wanted.picture))]
    with talk.tools.home.read() as connection:
        texts = pictures.prompts(connection, sorted(set(known.prompt_ids)))
    named = np.array([colour in texts[id].text for id in known.prompt_ids])
    mean: NDArray[np.float32] = known.pictures[named & (known.model_index == maker)].mean(axis=0)
    return mean
