"""What somebody says of pictures becomes a record that taste learns from, or is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from palate.catalogue.choices import Choice, about
from palate.errors import PalateError
from palate.taste.offset import first_belief, worth
from palate.taste.person import taste_of
from palate.taste.utilities import Heads

KNOWN = {"a": np.array([1.0, 0.0]), "b": np.array([-1.0, 0.0]), "c": np.array([0.0, 1.0])}


@pytest.mark.parametrize(
    ("kind", "pictures", "more", "said"),
    [
        ("like", ["a"], {}, {"picture": "a"}),
        ("rate", ["a"], {"value": 4.0}, {"picture": "a", "value": 4.0}),
        ("battle", ["a", "b"], {}, {"pictures": ["a", "b"], "winner": "a"}),
        ("battle", ["a", "b"], {"tie": True}, {"pictures": ["a", "b"], "tie": True}),
        ("sort", ["c", "a", "b"], {}, {"pictures": ["c", "a", "b"]}),
    ],
)
def test_each_kind_has_its_payload(kind: str, pictures: list[str], more: dict[str, Any], said: dict[str, Any]) -> None:
    assert about(kind, pictures, **more) == said


@pytest.mark.parametrize(("kind", "pictures", "more"), [
    ("battle", ["a"], {}), ("battle", ["a", "a"], {}), ("battle", ["a", "b", "c"], {}), ("like", ["a", "b"], {}),
    ("rate", ["a"], {}), ("like", ["a"], {"value": 3.0}), ("sort", ["a", "b"], {"tie": True}), ("pick", ["a"], {}),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(kind: str, pictures: list[str], more: dict[str, Any]) -> None:
    with pytest.raises(PalateError):
        about(kind, pictures, **more)


@pytest.mark.parametrize(
    ("kind", "pictures", "more"),
    [("like", ["a"], {}), ("rate", ["a"], {"value": 5.0}), ("battle", ["a", "b"], {}), ("sort", ["a", "c", "b"], {})],
)
def test_every_kind_teaches_what_is_liked(kind: str, pictures: list[str], more: dict[str, Any]) -> None:
    first = first_belief(Heads(np.zeros((1, 2)), np.zeros(1), np.ones(1)), np.eye(2))
    said: Any = Choice("ada", kind, about(kind, pictures, **more))  # type: ignore[arg-type]
    taste = taste_of(first, [said], KNOWN)
    assert taste.learned == 1
    liked, other = worth(taste.belief, np.stack([KNOWN["a"], KNOWN["b"]]))[0]
    assert liked > 0.1 > other


@pytest.mark.parametrize(
    ("kind", "pictures", "said"),
    [
        ("like", ["a", "b"], "'like' is about one picture"),
        ("battle", ["a"], "'battle' is about two pictures"),
        ("battle", ["a", "b", "c"], "'battle' is about two pictures"),
        ("sort", ["a", "a"], "'sort' is about 2 to 64 different pictures"),
        ("sort", [str(n) for n in range(65)], "'sort' is about 2 to 64 different pictures"),
        ("pick", ["a"], "'pick' is none of like, dislike, select, skip, rate, battle, sort"),
    ],
)
def test_whoever_is_refused_is_told_what_would_do(kind: str, pictures: list[str], said: str) -> None:
    with pytest.raises(PalateError) as caught:
        about(kind, pictures)
    assert caught.value.message == said
    assert about("sort", [str(n) for n in range(64)]) == {"pictures": [str(n) for n in range(64)]}
