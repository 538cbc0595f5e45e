"""A judge that sees: asked in both orders, believed only where it stands, and compared with people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from palate.errors import PalateError
from palate.evaluate.seeing_judge import SeeingJudge, agreed, named_judge, place_in, twice_asked
from palate.testing.servers import as_json, serving

EXAMPLE = Image.new("RGB", (8, 8), "red")
OPTIONS = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue", "green")]
Question = tuple[dict[str, str], Image.Image, list[Image.Image]]


def asked(count: int) -> list[Question]:
    return [({"person": "1", "question": str(n + 1)}, EXAMPLE, OPTIONS) for n in range(count)]


def red(example: Image.Image, options: Sequence[Image.Image]) -> int:
    """Sees: whichever looks like the example."""
    return next(n for n, one in enumerate(options, 1) if one.tobytes() == example.tobytes())


def test_who_sees_stands_and_who_prefers_the_first_place_answers_nothing() -> None:
    seen = twice_asked(red, asked(4))
    assert [row["chosen"] for row in seen.answers] == ["1"] * 4
    assert seen.metrics["judge/consistent"].value == 1.0
    biased = twice_asked(lambda *_: 1, asked(4))
    assert biased.answers == []
    assert biased.metrics["judge/consistent"].value == 0.0


def test_the_middle_of_three_stands_for_a_judge_that_always_says_so() -> None:
    """The one place that a reversal does not move: consistency is no proof of sight."""
    assert twice_asked(lambda *_: 2, asked(1)).stood == [1.0]


def test_failures_are_counted_and_not_repeated_for_ever() -> None:
    calls: list[int] = []

    def fails(example: Image.Image, options: Sequence[Image.Image]) -> int:
        calls.append(1)
        if len(calls) <= 2:
            return red(example, options)
        raise PalateError("judge_failed", "no words")

    found = twice_asked(fails, asked(20), most_failed=3)
    assert (len(found.answers), found.failed, len(calls)) == (1, 19, 5)
    with pytest.raises(PalateError, match="no question"):
        twice_asked(lambda *_: place_in("lovely", 3), asked(2))


@pytest.mark.parametrize(("said", "place"), [("2", 2), ("Number 3.", 3), ("I choose 1!", 1)])
def test_one_number_is_read(said: str, place: int) -> None:
    assert place_in(said, 3) == place


@pytest.mark.parametrize("said", ["", "1 or 2", "4", "0", "none"])
def test_anything_else_is_no_answer(said: str) -> None:
    with pytest.raises(PalateError):
        place_in(said, 3)


def test_a_server_is_shown_the_example_first_and_all_options() -> None:
    bodies: list[dict[str, Any]] = []

    def routes(talk: Any, path: str, body: dict[str, Any]) -> Any:
        bodies.append(body)
        return as_json({"choices": [{"message": {"content": "2"}}]})

    with serving(routes) as talk:
        assert SeeingJudge(talk.address, "reader")(EXAMPLE, OPTIONS) == 2
    kinds = [part["type"] for part in bodies[0]["messages"][0]["content"]]
    assert kinds == ["text", "image_url", "image_url", "image_url", "image_url"]


def test_a_judge_has_an_address_and_a_model() -> None:
    assert named_judge("http://localhost:11434#qwen2.5vl") == SeeingJudge("http://localhost:11434", "qwen2.5vl")
    for wrong in ("qwen2.5vl", "http://localhost:11434", "file:///etc#x"):
        with pytest.raises(PalateError, match="address"):
            named_judge(wrong)


def test_kappa_is_over_what_both_answered(tmp_path: Path) -> None:
    """Judge 1 2 1 2, people 1 2 2 1 of these: half agree, as chance would have it, so kappa is 0."""
    head = "person,question,chosen\n"
    judge, people = tmp_path / "by-judge.csv", tmp_path / "answers.csv"
    judge.write_text(head + "1,1,1\n1,2,2\n1,3,1\n1,4,2\n")
    people.write_text(head + "1,1,1\n1,2,2\n1,3,2\n1,4,1\n1,5,3\n")
    found = agreed(judge, [people])["judge/kappa"]
    assert (found.value, found.n) == (0.0, 4)
    assert agreed(judge, [judge])["judge/kappa"].value == 1.0
    people.write_text(head + "9,1,1\n")
    assert agreed(judge, [people]) == {}
