"""Evaluation runs as rows: what each measured, with its interval."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LARGEST = 5_000_000


def reports_of(runs: Path) -> list[dict[str, Any]]:
    """Every run that came to its end, newest first; what cannot be read is left out."""
    found = []
    for path in runs.glob("*/summary.json") if runs.exists() else ():
        with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            if path.stat().st_size <= LARGEST:
                found.append((path.stat().st_mtime, _report(path)))
    return [report for _, report in sorted(found, key=lambda pair: -pair[0])]


def _report(path: Path) -> dict[str, Any]:
    summary = json.loads(path.read_text("utf-8"))
    rows = [
        {"metric": name, "value": measured["value"], "low": measured["ci95"][0], "high": measured["ci95"][1]}
        for name, measured in summary["metrics"].items()
    ]
    made = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
    return {"name": path.parent.name, "title": str(summary["scenario"]), "made": made, "rows": rows}
