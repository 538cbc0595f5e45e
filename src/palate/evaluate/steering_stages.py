"""What a steering run has done so far, kept stage by stage in its folder: one that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError

Arrays = dict[str, NDArray[Any]]

FOLDER = "stages"


@dataclass(frozen=True, slots=True)
class Stages:
    """`folder` holds one file a stage; None keeps nothing, and everything is made each time it is asked for."""

    folder: Path | None = None

    def arrays(self, name: str, make: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
        """The arrays of a stage: read where it was finished before, else made and kept."""
        from safetensors.numpy import load_file, save_file

        if self.folder is None:
            return dict(make())
        path = self.folder / f"{name}.safetensors"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            new = path.with_suffix(".new")
            save_file({key: np.ascontiguousarray(array) for key, array in make().items()}, new)
            new.replace(path)
        found: Arrays = load_file(path)
        return found

    def within(self, name: str) -> Stages:
        """Those of a part of the run."""
        return Stages(self.inside(name))

    def inside(self, name: str) -> Path | None:
        """A folder for a stage that keeps its own files."""
        return None if self.folder is None else self.folder / name


def stages_of(out: Path | None, design: Mapping[str, Any]) -> Stages:
    """Those of the run in `out`, begun by the same design; another design's are never mixed with it."""
    if out is None:
        return Stages()
    folder, said = out / FOLDER, json.dumps(design, indent=2, sort_keys=True) + "\n"
    begun = folder / "design.json"
    if not begun.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        begun.write_text(said)
    elif begun.read_text() != said:
        raise PalateError("other_design", "this folder holds a run of another design", about=str(out), hint="--out")
    return Stages(folder)
