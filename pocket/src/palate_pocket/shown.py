"""Pictures of the bank that ship with their pixels, on one sheet: those that somebody sees first need not be drawn."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

SHEET = "shown.webp"
ROWS = "shown.json"
SIDE = 64
COLUMNS = 18


class Sheet(NamedTuple):
    """Tiles from left to right and from top to bottom, without loss."""

    file: Path
    rows: tuple[int, ...]
    """Of the bank, one a tile."""

    def box(self, tile: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of a tile in pixels."""
        left, top = SIDE * (tile % COLUMNS), SIDE * (tile // COLUMNS)
        return left, top, left + SIDE, top + SIDE


def read_sheet(folder: Path) -> Sheet:
    """None of its tiles count where the bank was drawn anew since."""
    said = json.loads((folder / ROWS).read_text("utf-8")) if (folder / ROWS).is_file() else {}
    of_this_bank = said.get("bank") == digest(folder) and (folder / SHEET).is_file()
    return Sheet(folder / SHEET, tuple(said["rows"]) if of_this_bank else ())


def digest(folder: Path) -> str:
    """Of which bank a sheet is."""
    place = folder / "bank.json"
    return hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else ""
