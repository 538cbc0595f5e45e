"""A training that may be killed at any moment: the same command goes on from the latest whole checkpoint.

A checkpoint is a folder (what learns, the optimiser's moments, the state) that is whole once its manifest, written
last, has every file's sha256; it is renamed into place. Whatever is random in a step follows from the seed and the
step's number, so that a training which was cut off has the losses that it would have had.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from palate.errors import PalateError

if TYPE_CHECKING:
    import torch

LOG = "log.jsonl"
NEWEST = 2
"""Checkpoints kept beside the best."""
MANIFEST = "manifest.json"
MAY_GROW = ("steps", "most", "epochs")
"""Settings that only say where a training ends: no step depends on them, so a resumed training may have others."""

Row = dict[str, Any]


@dataclass
class Course:
    """`weights` are what learns. `asked` is the configuration: going on with another one is refused."""

    folder: Path
    weights: Mapping[str, torch.nn.Parameter]
    optimiser: torch.optim.Optimizer
    asked: Mapping[str, Any]
    state: Row = field(default_factory=dict)
    """What else a step needs of those before it; JSON."""
    best: int | None = None
    """A step whose checkpoint is never removed."""
    warnings: list[str] = field(default_factory=list)

    def begin(self, *, resume: bool) -> int:
        """The step to go on with; 0 for a new training, which may not lie where another one is."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not resume:
            if (self.folder / LOG).exists():
                hint = "--resume goes on with it; or name another folder with --out"
                raise PalateError("already_there", "a training lies here already", about=str(self.folder), hint=hint)
            return 0
        for step in sorted(self._steps(), reverse=True):
            if (fault := self._fault(step)) is None:
                self.restore(step)
                self._cut_log(step)
                return step
            self.warnings.append(f"the checkpoint of step {step} {fault}: the one before it is taken")
        self._cut_log(0)
        return 0

    def log(self, row: Row) -> None:
        with (self.folder / LOG).open("a") as lines:
            lines.write(json.dumps(row, allow_nan=False) + "\n")

    def rows(self) -> list[Row]:
        path = self.folder / LOG
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def keep(self, step: int) -> None:
        """A checkpoint of the moment before this step; `NEWEST` and the best stay."""
        from safetensors.torch import save_file

        scratch = self._place(step).with_suffix(".new")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        kept = {name: weight.detach().clone().contiguous() for name, weight in self.weights.items()}
        save_file(kept, scratch / "weights.safetensors")
        save_file(self._moments(), scratch / "optimiser.safetensors")
        state = {"step": step, "asked": dict(self.asked), "state": self.state, "best": self.best}
        (scratch / "state.json").write_text(json.dumps(state, allow_nan=False))
        sums = {file.name: _sha256(file) for file in sorted(scratch.iterdir())}
        (scratch / MANIFEST).write_text(json.dumps(sums))
        for file in scratch.iterdir():
            _sync(file)
        shutil.rmtree(self._place(step), ignore_errors=True)
        scratch.rename(self._place(step))
        for old in sorted(self._steps(), reverse=True)[NEWEST:]:
            if old != self.best:
                shutil.rmtree(self._place(old), ignore_errors=True)

    def restore(self, step: int) -> None:
        """Weights, moments and state as they were; used to go on, and to return to the best."""
        from safetensors.torch import load_file

        place = self._place(step)
        state = json.loads((place / "state.json").read_text())
        if state["asked"] != dict(self.asked):
            names = {*state["asked"], *self.asked} - {*MAY_GROW}
            differ = sorted(name for name in names if state["asked"].get(name) != self.asked.get(name))
            if differ:
                said, hint = f"it was begun with another {', '.join(differ)}", "the same options, or another --out"
                raise PalateError("run_differs", said, about=str(self.folder), hint=hint)
        self.restore_weights(step)
        moments = load_file(place / "optimiser.safetensors")
        whole = self.optimiser.state_dict()
        for name, value in moments.items():
            index, part = name.split("/")
            whole["state"].setdefault(int(index), {})[part] = value
        self.optimiser.load_state_dict(whole)
        self.state, self.best = state["state"], state["best"]

    def restore_weights(self, step: int) -> None:
        import torch
        from safetensors.torch import load_file

        with torch.no_grad():
            for name, value in load_file(self._place(step) / "weights.safetensors").items():
                self.weights[name].copy_(value)

    def _moments(self) -> dict[str, torch.Tensor]:
        import torch

        found = {}
        for index, values in self.optimiser.state_dict()["state"].items():
            for name, value in values.items():
                found[f"{index}/{name}"] = torch.as_tensor(value).detach().clone().contiguous()
        return found

    def _place(self, step: int) -> Path:
        return self.folder / "checkpoints" / f"step-{step:06d}"

    def _steps(self) -> list[int]:
        return [int(place.name[5:]) for place in (self.folder / "checkpoints").glob("step-??????")]

    def _fault(self, step: int) -> str | None:
        place = self._place(step)
        if not (place / MANIFEST).is_file():
            return "is not whole"
        try:
            sums = json.loads((place / MANIFEST).read_text())
            return None if all(_sha256(place / name) == known for name, known in sums.items()) else "is damaged"
        except (OSError, ValueError):
            return "is damaged"

    def _cut_log(self, step: int) -> None:
        """What was logged after the checkpoint happens again."""
        path = self.folder / LOG
        if not path.exists():
            return
        lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        kept = [line for line in lines if json.loads(line)["step"] < step]
        scratch = path.with_suffix(".new")
        scratch.write_text("".join(kept))
        scratch.replace(path)


def descend(course: Course, loss: Callable[[], Row], rate: float) -> Row:
    """One step down: `loss` calls backward itself, in parts that fit; no gradient is longer than 1."""
    import torch

    for group in course.optimiser.param_groups:
        group["lr"] = rate
    row = loss()
    length = torch.nn.utils.clip_grad_norm_(list(course.weights.values()), 1.0)
    if not torch.isfinite(length):
        raise PalateError("not_a_number", "the gradient is not finite: try a lower --rate", about=str(course.folder))
    course.optimiser.step()
    course.optimiser.zero_grad(set_to_none=True)
    return {**row, "gradient": float(length)}


def warmed(rate: float, step: int, warm: int) -> float:
    """The rate of a step: from near nothing to the whole in `warm` steps, then level."""
    return rate * min(1.0, (step + 1) / max(warm, 1))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
