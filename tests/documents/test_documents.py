"""What the documents say exists: commands with their options, settings, folders, functions."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from palate.cli.main import app
from palate.settings import Settings, described

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "palate"
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").rglob("*.md"))]
GUIDE = ROOT / "docs" / "guide"
FEWEST_COMMANDS = 40
"""A test that looks at nothing passes; this one says so."""


def commands(text: str) -> list[str]:
    """Every `palate ...` line or inline code of a document; `|` and `...` in it are not typed."""
    inline = re.findall(r"`(palate [^`]+)`", text)
    lines = re.findall(r"^(?:\$|   ) ?(palate [^#\n]+)", text, re.MULTILINE)
    return [command.strip() for command in inline + lines]


def named(words: list[str]) -> tuple[Any, list[str]]:
    """The command or group that the words name, and the words after its name."""
    at: Any = typer.main.get_command(app)
    while words and words[0] in getattr(at, "commands", {}):
        at, words = at.commands[words[0]], words[1:]
    return at, words


ALL = [(path, command) for path in DOCUMENTS for command in commands(path.read_text())]


def test_enough_commands_are_looked_at() -> None:
    assert len(ALL) >= FEWEST_COMMANDS


@pytest.mark.parametrize(("path", "command"), ALL, ids=lambda part: part if isinstance(part, str) else part.name)
def test_every_command_and_option_that_is_named_exists(path: Path, command: str) -> None:
    words = shlex.split(command.replace("...", ""))[1:]
    if words == ["--help"]:
        return
    found, rest = named(words)
    assert found.name != "palate", f"{path.name}: there is no command in `{command}`"
    typed = {word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    known = {option for parameter in found.params for option in parameter.opts}
    assert typed <= known, f"{path.name}: `{command}` has no {typed - known}"
    if hasattr(found, "commands"):
        assert not [word for word in rest if not word.startswith("-")], f"{path.name}: there is no `{command}`"


def test_the_settings_page_names_every_setting_with_its_default_and_help() -> None:
    page = (GUIDE / "settings.md").read_text()
    rows = re.findall(r"^\| `([a-z_]+)` \| `([^`]*)` \| (.*) \|$", page, re.MULTILINE)
    assert [(name, what) for name, _, what in rows] == list(described().items())
    assert [default for _, default, _ in rows] == [str(getattr(Settings(), name)) for name in described()]


def test_the_architecture_names_every_folder_of_the_package_and_no_other() -> None:
    page = (ROOT / "ARCHITECTURE.md").read_text()
    listed = re.findall(r"^\| `src/palate/([a-z_/]+)` \|", page, re.MULTILINE)
    there = {file.parent.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py")} - {"."}
    assert len(there) >= 10
    assert sorted(listed) == sorted(there)


def test_the_architecture_has_the_layers_that_are_enforced() -> None:
    import tomllib

    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [layer.replace("palate.", "") for layer in rules[0]["layers"]]
    page = (ROOT / "ARCHITECTURE.md").read_text()
    shown = page.split("## Imports go one way")[1].split("##")[0]
    assert re.findall(r"^    (.+)$", shown, re.MULTILINE) == layers


def functions(file: Path) -> set[str]:
    """Names of the functions, classes and constants of a file, methods as `Class.method`."""
    found: set[str] = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {node.name} | {
                f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)
            }
        elif isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


PLACES = [
    (path, file, name)
    for path in DOCUMENTS
    for file, name in re.findall(r"`((?:src|tests)/[\w./]+\.py):([\w.]+)`", path.read_text())
]


def test_enough_places_are_looked_at() -> None:
    assert len(PLACES) >= 40


@pytest.mark.parametrize(("path", "file", "name"), PLACES, ids=lambda part: part if isinstance(part, str) else "")
def test_every_function_that_is_named_is_where_it_is_said_to_be(path: Path, file: str, name: str) -> None:
    assert (ROOT / file).is_file(), f"{path.name} names {file}"
    assert name in functions(ROOT / file), f"{path.name}: {file} has no {name}"


def test_the_tables_of_the_store_are_all_described() -> None:
    from palate.catalogue import tables

    section = (ROOT / "ARCHITECTURE.md").read_text().split("## The store")[1].split("##")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == list(tables.metadata.tables)
