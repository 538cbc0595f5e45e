"""Where downloads, renderings and checkpoints lie: outside git, because only weights, cards and attributions ship."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def folder(*parts: str) -> Path:
    """A folder below `PALATE_POCKET_WORK` (by default .cache/pocket beside the checkout's files), made if missing."""
    root = Path(os.environ.get("PALATE_POCKET_WORK") or Path(__file__).parents[2] / ".cache" / "pocket")
    path = root.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_json(path: Path, value: Any) -> None:
    """Written beside and renamed, so that a run that is killed leaves the old file or the new one."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(path)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """JSON lines, renamed into place like `write_json`."""
    beside = path.with_name(path.name + ".new")
    beside.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    beside.replace(path)


def read_lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
