"""The files to start from say what the program understands, and hold no password."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml  # type: ignore[import-untyped]

from palate.catalogue.home import Places
from palate.catalogue.objects import SCHEMES
from palate.catalogue.postgres import is_postgres
from palate.cli.main import app
from palate.settings import ELSEWHERE

DEPLOY = Path(__file__).parents[2] / "deploy"


def environments(value: Any) -> list[dict[str, str]]:
    """Every mapping that names a place of Palate's."""
    found = [value] if isinstance(value, dict) and "PALATE_DATABASE" in value else []
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return found + [inner for part in parts for inner in environments(part)]


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_a_file_to_start_from_names_places_that_are_understood(name: str) -> None:
    [said] = environments(list(yaml.safe_load_all((DEPLOY / name).read_text())))
    assert is_postgres(said["PALATE_DATABASE"])
    assert said["PALATE_BLOBS"].startswith(SCHEMES)
    assert said["PALATE_INDEX"] == "pgvector"
    assert {f"PALATE_{place.upper()}" for place in ELSEWHERE} <= set(said)
    assert set(Places.__dataclass_fields__) == set(ELSEWHERE)


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml"])
def test_a_file_to_start_from_runs_commands_that_exist_and_holds_no_password(name: str) -> None:
    text = (DEPLOY / name).read_text()
    commands = [shlex.split(found) for found in re.findall(r"palate serve [^\"\n]*|palate init", text)]
    commands += [[part.strip() for part in found.split(",")] for found in re.findall(r"\[(palate, [^\]]*)\]", text)]
    assert len(commands) >= 2
    group: Any = typer.main.get_command(app)
    for words in commands:
        known = {option for parameter in group.commands[words[1]].params for option in parameter.opts}
        known |= {option for parameter in group.commands[words[1]].params for option in parameter.secondary_opts}
        assert {word for word in words if word.startswith("--")} <= known
    for secret in re.findall(r"(?:PASSWORD|SECRET_ACCESS_KEY|ACCESS_KEY_ID): (\S+)", text):
        assert secret.startswith("${") or secret in ("change-me", "palate")
