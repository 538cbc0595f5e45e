"""A process that draws keeps light adapters of one base open, and nothing heavy beside anything else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from palate.catalogue.records import Model
from palate.generators import opening
from palate.generators.opening import drawn_together
from palate.specify import executors
from palate.specify.executors import generator_for  # as it is: a world of tests/serve may have put another in its place
from palate.testing.fakes import FakeGenerator

BASE = Model("base", "Base", "pipeline", "/base", size=20_000_000)
OTHER = Model("other", "Other", "pipeline", "/other", size=4_000_000_000)


def adapter(id: str, size: int | None = 150_000) -> Model:
    return Model(id, id, "adapter", f"/{id}", size=size)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    said: list[str] = []

    class Told(FakeGenerator):
        def close(self) -> None:
            said.append(f"close {self.name}")

    def opened(model: Model, **_: object) -> FakeGenerator:
        said.append(f"open {model.name}")
        return Told(model.name)

    monkeypatch.setattr(opening, "open_generator", opened)
    executors._OPENED.close()
    yield said
    executors._OPENED.close()
    executors._OPENED.ground = ()


def test_light_adapters_of_one_base_are_opened_once(told: list[str]) -> None:
    for id in ("a", "b", "a", "b", "c", "a"):
        assert generator_for(adapter(id), BASE, "cpu").name == id
    assert told == ["open a", "open b", "open c"]


def test_another_base_closes_what_sat_on_the_first(told: list[str]) -> None:
    for id in ("a", "b"):
        generator_for(adapter(id), BASE, "cpu")
    generator_for(adapter("a"), OTHER, "cpu")
    generator_for(OTHER, None, "cpu")
    generator_for(BASE, None, "cpu")
    closes = ["close a", "close b", "open a", "close a", "open Other", "close Other", "open Base"]
    assert told == ["open a", "open b", *closes]


def test_of_heavy_adapters_only_the_latest_stays(told: list[str]) -> None:
    generator_for(adapter("light"), BASE, "cpu")
    generator_for(adapter("heavy", 90_000_000), BASE, "cpu")
    generator_for(adapter("heavier", 500_000_000), BASE, "cpu")
    generator_for(adapter("unknown", None), BASE, "cpu")
    assert told == [
        *("open light", "open heavy", "close light", "close heavy", "open heavier"),
        *("close heavier", "open unknown"),
    ]


def test_several_pictures_come_as_soon_as_one_only_where_the_pipeline_is_tiny() -> None:
    assert drawn_together(adapter("a"), BASE, "cpu") == 8
    assert drawn_together(BASE, None, "cpu") == 8
    assert drawn_together(adapter("a"), OTHER, "cpu") == 1
    assert drawn_together(Model("far", "Far", "endpoint", "a1111+http://far/#x", size=1), None, "cpu") == 1
    assert drawn_together(adapter("a", None), None, "cpu") == 1
