"""The values that the guide's figures were measured with are those that the program has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from palate.catalogue import (
    cells,
    database,
    home,
    index,
    moving,
    nearest,
    nearest_postgres,
    nearest_qdrant,
    objects,
    outbox,
    postgres,
)
from palate.jobs import tasks

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "scale.md"
MODULES = (cells, database, home, index, moving, nearest, nearest_postgres, nearest_qdrant, objects, outbox, postgres)


def on_paper() -> dict[str, float]:
    """Full names and values of the table; a short name is of the same module or class as the one before it."""
    found, place = dict[str, float](), ""
    for line in GUIDE.read_text("utf-8").splitlines():
        if line.startswith("| `palate."):
            names, values = line.split("|")[1:3]
            for name, value in zip(re.findall("`(.+?)`", names), values.split(","), strict=True):
                place = name.rpartition(".")[0] if name.startswith("palate.") else place
                found[f"{place}.{name.rpartition('.')[2]}"] = float(value)
    return found


def in_the_program(name: str) -> Any:
    modules = {module.__name__: module for module in (*MODULES, tasks)}
    module = max((known for known in modules if name.startswith(f"{known}.")), key=len)
    *inside, last = name.removeprefix(f"{module}.").split(".")
    thing: Any = modules[module]
    for part in inside:
        thing = getattr(thing, part)
    fields = getattr(thing, "__dataclass_fields__", {})
    return fields[last].default if last in fields else getattr(thing, last)


def test_what_the_guide_says_of_values_is_so() -> None:
    said = on_paper()
    assert len(said) == 30
    assert said == {name: in_the_program(name) for name in said}
