"""Every module imports, and the public surface is what it is said to be."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import palate
from palate.find.asking import FIND_BY, IDENTIFY_BY
from palate.studio import Studio

PACKAGE = Path(palate.__file__).parent
MODULES = sorted(
    ".".join(("palate", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
    for file in PACKAGE.rglob("*.py")
)
VERBS = {
    "add_dataset", "add_models", "add_pictures", "backup", "check", "choose", "close", "config_get", "config_set",
    "converse", "create", "draw", "draw_turn", "encoder", "evaluate_identification", "export", "find", "identify",
    "learn_steering", "learn_weights", "look", "migrate", "models", "open", "personalise", "recommend", "rehearse",
    "show", "similar", "specify", "steer", "taste",
}  # fmt: skip


def test_there_are_modules_to_import() -> None:
    assert len(MODULES) >= 80


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports(name: str) -> None:
    assert importlib.import_module(name).__name__ == name


def test_the_studio_has_the_verbs_and_nothing_else() -> None:
    assert {name for name in vars(Studio) if not name.startswith("_")} == VERBS


def test_the_package_itself_exports_nothing_heavy() -> None:
    assert {name for name in vars(palate) if not name.startswith("_")} <= {
        "os",
        *(m.split(".")[1] for m in MODULES if "." in m),
    }


def test_the_guide_names_every_method() -> None:
    page = (PACKAGE.parents[1] / "docs" / "guide" / "find-and-identify.md").read_text()
    for method in {*FIND_BY, *IDENTIFY_BY}:
        assert f"| `{method}` |" in page
