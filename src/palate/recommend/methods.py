"""The recommenders by name, each with the few settings that an evaluation tries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from palate.errors import PalateError
from palate.recommend.als import ALS
from palate.recommend.ease import Ease
from palate.recommend.itemknn import ItemKNN
from palate.recommend.popularity import Popularity
from palate.recommend.protocol import Recommender


@dataclass(frozen=True)
class Method:
    """`make` takes any of the settings; `tried` are those that tuning compares on held-out choices."""

    name: str
    make: Callable[..., Recommender]
    tried: tuple[Mapping[str, Any], ...] = ({},)
    small: Mapping[str, Any] = field(default_factory=dict)
    """Settings that suit a few hundred people and a few dozen items."""


def every(**axes: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
    """All combinations of the values that each setting may take."""
    return tuple(dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


METHODS: Mapping[str, Method] = {
    method.name: method
    for method in (
        Method("popularity", Popularity),
        Method("itemknn", ItemKNN, every(neighbours=(50, 200, 1000), shrink=(0.0, 20.0, 100.0))),
        Method("ease", Ease, every(penalty=(50.0, 200.0, 500.0, 1000.0, 2000.0, 4000.0))),
        Method(
            "als",
            ALS,
            every(factors=(64, 128), trust=(1.0, 4.0), penalty=(10.0, 50.0)),
            {"factors": 8, "penalty": 0.1},
        ),
    )
}


def chosen(names: str) -> list[Method]:
    """`all`, or names with commas between."""
    if names == "all":
        return list(METHODS.values())
    asked = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in asked if name not in METHODS]
    if unknown or not asked:
        raise PalateError(
            "unknown_method", f"there is no method '{', '.join(unknown)}'", hint=f"one of {', '.join(METHODS)}"
        )
    return [METHODS[name] for name in asked]
