"""Who waits for a picture comes before who may look at it soon, and pictures of one model are drawn together."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from palate.errors import PalateError
from palate.serve.looks import MOST_AHEAD, Looks


class Easel:
    """Draws only when it is let, and writes down what it drew together."""

    def __init__(self) -> None:
        self.drawn: list[list[str]] = []
        self.let = threading.Semaphore(0)
        self.began = threading.Semaphore(0)
        self.idle = True
        self.there: set[str] = set()
        self.looks = Looks(
            self.draw, lambda picture: picture[0], lambda picture: picture not in self.there, lambda: self.idle
        )

    def draw(self, pictures: Sequence[str]) -> Mapping[str, Path]:
        self.began.release()
        assert self.let.acquire(timeout=10)
        self.drawn.append(list(pictures))
        if "broken" in pictures[0]:
            raise PalateError("cannot_draw", "its file is damaged")
        return {picture: Path(picture) for picture in pictures if "nowhere" not in picture}

    def go(self, times: int = 100) -> None:
        self.let.release(times)


@pytest.fixture
def easel() -> Iterator[Easel]:
    made = Easel()
    yield made
    made.go()
    made.looks.close()


def test_those_of_one_model_are_drawn_together_longest_awaited_first(easel: Easel) -> None:
    first = easel.looks.want("a1")
    assert easel.began.acquire(timeout=10)
    others = [easel.looks.want(name) for name in ("b1", "c1", "b2", "a2", "b3")]
    easel.go()
    assert first.result(10) == Path("a1")
    assert [one.result(10) for one in others] == [Path(name) for name in ("b1", "c1", "b2", "a2", "b3")]
    assert easel.drawn == [["a1"], ["b1", "b2", "b3"], ["c1"], ["a2"]]


def test_many_who_want_one_picture_have_it_drawn_once(easel: Easel) -> None:
    wanted = [easel.looks.want("a1") for _ in range(5)]
    easel.go()
    assert {one.result(10) for one in wanted} == {Path("a1")}
    assert easel.drawn == [["a1"]]


def test_what_cannot_be_drawn_is_told_and_the_others_are_drawn(easel: Easel) -> None:
    wanted = [easel.looks.want(name) for name in ("x broken", "nowhere", "a1")]
    easel.go()
    with pytest.raises(PalateError, match="damaged"):
        wanted[0].result(10)
    assert [one.result(10) for one in wanted[1:]] == [None, Path("a1")]


def test_what_is_next_in_sight_is_drawn_while_nobody_waits_and_once(easel: Easel) -> None:
    easel.looks.ahead(["a1", "a2", "b1"])
    assert easel.began.acquire(timeout=10)
    wanted = easel.looks.want("z9")
    easel.go()
    assert wanted.result(10) == Path("z9")
    for _ in range(3):
        assert easel.began.acquire(timeout=10)
    easel.looks.ahead(["b1", "a2", "c1"])
    assert easel.began.acquire(timeout=10)
    easel.looks.want("y1").result(10)
    assert easel.drawn == [["a1"], ["z9"], ["a2"], ["b1"], ["c1"], ["y1"]]


def test_nothing_is_drawn_ahead_while_somebody_s_order_is_drawn_nor_without_end(easel: Easel) -> None:
    easel.idle = False
    easel.go(1000)
    easel.looks.ahead(f"a{number}" for number in range(1000))
    assert easel.looks.want("b1").result(10) == Path("b1")
    assert easel.drawn == [["b1"]]


def test_of_a_wall_the_first_that_have_no_file_are_drawn_and_no_more(easel: Easel) -> None:
    wall = [f"a{number}" for number in range(1000)]
    easel.there = {*wall[:10], *wall[12:20]}
    easel.go(1000)
    easel.looks.ahead(wall)
    for _ in range(MOST_AHEAD):
        assert easel.began.acquire(timeout=10)
    assert easel.looks.want("b1").result(10) == Path("b1")
    drawn = [picture for part in easel.drawn for picture in part if picture != "b1"]
    assert drawn == [*wall[10:12], *wall[20:]][:MOST_AHEAD]
    easel.looks.ahead(wall)
    for _ in range(MOST_AHEAD):
        assert easel.began.acquire(timeout=10)
    easel.looks.want("b2").result(10)
    drawn = [picture for part in easel.drawn for picture in part if picture[0] == "a"]
    assert drawn == [*wall[10:12], *wall[20:]][: 2 * MOST_AHEAD]


def test_whoever_still_waits_when_the_service_ends_is_told(easel: Easel) -> None:
    easel.looks.want("a1")
    assert easel.began.acquire(timeout=10)
    late = easel.looks.want("b1")
    closing = threading.Thread(target=easel.looks.close)
    closing.start()
    easel.go()
    closing.join(10)
    assert late.result(10) is None
    assert easel.looks.want("c1").result(10) is None
