"""Names that say nothing, calls that could run a stranger's code, and American spellings: refused."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
EMPTY_NAMES = {"utils", "util", "common", "core", "base", "helpers", "misc", "manager", "service", "factory"}
FORBIDDEN_ARGUMENTS = {"allow_pickle", "trust_remote_code", "custom_pipeline"}
AMERICAN = re.compile(r"\b(catalog|color|normaliz\w*|personaliz\w*|behavior|favorite|center|gray)\b", re.I)


def python_files() -> list[Path]:
    folders = [ROOT / name for name in ("src", "pocket", "tests", "benchmarks", "checks", "examples")]
    return sorted(path for folder in folders if folder.exists() for path in folder.rglob("*.py"))


def code_faults(path: Path) -> Iterator[str]:
    shown = path.relative_to(ROOT)
    if path.stem in EMPTY_NAMES:
        yield f"{shown}: a name that says nothing"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg in FORBIDDEN_ARGUMENTS:
            switched_off = isinstance(node.value, ast.Constant) and node.value.value is False
            if not switched_off:
                yield f"{shown}:{node.value.lineno}: {node.arg} is never switched on (THREATS T1, T2)"


def spelling_faults(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        plain = re.sub(r"`[^`]*`|https?://\S+|\([^)]*\)", "", line)
        for match in AMERICAN.finditer(plain):
            word = match.group()
            yield f"{path.relative_to(ROOT)}:{number}: British spelling, not '{word}'"


if __name__ == "__main__":
    documents = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = [fault for path in python_files() for fault in code_faults(path)]
    found += [fault for path in documents if path.exists() for fault in spelling_faults(path)]
    print("\n".join(found) or "words: nothing empty, nothing unsafe, British spelling")
    sys.exit(bool(found))
