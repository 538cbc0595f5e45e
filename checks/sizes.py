"""The size budget (see CONTRIBUTING.md): a gate, not advice."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONGEST_FUNCTION = 60
LONGEST_RECIPE = 150
LONGEST_FILE = 500
DEEPEST = 2
FEWEST_FILES = 20
"""A gate that looks at nothing passes; this one says so."""


def sources() -> list[Path]:
    folders = [ROOT / "src" / "palate", ROOT / "pocket"]
    return sorted(path for folder in folders if folder.exists() for path in folder.rglob("*.py"))


def faults(path: Path) -> Iterator[str]:
    text = path.read_text()
    shown = path.relative_to(ROOT)
    lines = text.count("\n")
    if lines > LONGEST_FILE:
        yield f"{shown}: {lines} lines, at most {LONGEST_FILE}"
    package = ROOT / "src" / "palate"
    if package in path.parents and len(path.relative_to(package).parts) - 1 > DEEPEST:
        yield f"{shown}: deeper than {DEEPEST} folders below the package"
    recipe = "recipes" in path.parts
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            limit = LONGEST_RECIPE if recipe and node.name == "main" else LONGEST_FUNCTION
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > limit:
                yield f"{shown}:{node.lineno}: {node.name} has {length} lines, at most {limit}"


if __name__ == "__main__":
    files = sources()
    found = [fault for path in files for fault in faults(path)]
    if len(files) < FEWEST_FILES:
        found.append(f"only {len(files)} files were looked at, expected at least {FEWEST_FILES}")
    print("\n".join(found) or f"sizes: {len(files)} files within the budget")
    sys.exit(bool(found))
