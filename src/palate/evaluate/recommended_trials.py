"""What a method reached, kept as soon as it is known: a comparison that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palate.importers.interactions import Split
from palate.recommend.methods import Method

Floats = NDArray[np.float64]


@dataclass
class Trial:
    """What one method reached: per person and as a whole."""

    settings: Mapping[str, Any]
    tuned: float
    of_people: dict[str, Floats] = field(default_factory=dict)
    of_all: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """A method's place in a run; what was learned from other data, settings or seed is not taken for it."""

    folder: Path
    name: str
    key: str

    @property
    def _about(self) -> Path:
        return self.folder / f"{self.name}.json"

    def tried(self) -> dict[str, float]:
        """Settings, as JSON, and how they did on what is held out for tuning."""
        said = self._said()
        return dict(said.get("tried", {}))

    def note(self, tried: Mapping[str, float]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write({"key": self.key, "tried": dict(tried)})

    def read(self) -> Trial | None:
        said = self._said()
        if "settings" not in said:
            return None
        with np.load(self.folder / f"{self.name}.npz", allow_pickle=False) as file:
            of_people = {name: np.asarray(file[name]) for name in file.files}
        return Trial(said["settings"], said["tuned"], of_people, said["of_all"])

    def write(self, trial: Trial) -> None:
        """Numbers of people first: the JSON that names them is written last."""
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(self.folder / f"{self.name}.npz", **trial.of_people)  # type: ignore[arg-type]
        facts = {"settings": dict(trial.settings), "tuned": trial.tuned, "of_all": trial.of_all}
        self._write({"key": self.key, "tried": self.tried(), **facts})

    def _said(self) -> dict[str, Any]:
        try:
            said = json.loads(self._about.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return said if isinstance(said, dict) and said.get("key") == self.key else {}

    def _write(self, said: Mapping[str, Any]) -> None:
        new = self._about.with_suffix(".new")
        new.write_text(json.dumps(said, indent=2, sort_keys=True) + "\n")
        new.replace(self._about)


def kept_in(out: Path | None, split: Split, method: Method, seed: int) -> Kept | None:
    if out is None:
        return None
    parts = [
        method.name,
        json.dumps(method.tried, sort_keys=True, default=str),
        str(seed),
        split.name,
        str(split.items),
    ]
    digest = sha256("\n".join(parts).encode())
    for part in (split.train, split.valid, split.test):
        digest.update(np.concatenate([np.append(history, -1) for history in part]).tobytes())
    return Kept(out / "methods", method.name, digest.hexdigest()[:16])
