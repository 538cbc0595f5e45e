"""Where the weights lie."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path


def weights_folder() -> Path:
    """In the package, or where `PALATE_POCKET_WEIGHTS` says (a trial, or weights that were fetched apart)."""
    named = os.environ.get("PALATE_POCKET_WEIGHTS")
    return Path(named) if named else Path(str(files("palate_pocket"))) / "weights"
