"""All recipes in their order: `make pocket`, or `python -m recipes.make` in pocket/. What is done is not done again.

Each step is a process of its own. A training goes on from its checkpoint, with the options that it was begun with; a
step that only follows others (shipping, measuring, drawing the bank) is done again when one of those is newer. `--show`
says what is done and what is left.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes import work

POCKET = Path(__file__).parents[1]
LEFT_OUT = {"resume", "stop_after", "only"}
"""Options that a resumed training does not take over from the run that it goes on with."""


@dataclass(frozen=True, slots=True)
class Step:
    """A recipe with its arguments, and the steps that it needs."""

    name: str
    needs: tuple[str, ...] = ()
    trains: bool = False

    @property
    def command(self) -> list[str]:
        module, *arguments = self.name.split()
        return ["-m", f"recipes.{module}", *arguments]


STEPS = (
    Step("sets"),
    Step("render", ("sets",)),
    Step("clip", ("render",), trains=True),
    Step("ship clip", ("clip",)),
    Step("dino", ("render",), trains=True),
    Step("ship dino", ("dino",)),
    Step("autoencoder", ("render",), trains=True),
    Step("diffusion", ("clip", "autoencoder"), trains=True),
    Step("ship diffusion", ("diffusion",)),
    Step("adapters", ("diffusion",)),
    Step("ship adapters", ("adapters",)),
    Step("vq", ("render",), trains=True),
    Step("janus", ("vq",), trains=True),
    Step("ship janus", ("janus",)),
    Step("judge", ("render",)),
    Step("measure diffusion", ("judge", "ship dino", "ship diffusion", "ship adapters")),
    Step("measure janus", ("judge", "ship janus")),
    Step("sheet", ("measure diffusion",)),
    Step("bank", ("ship clip", "ship diffusion", "ship adapters")),
    Step("shown", ("bank",)),
    Step("measure identification", ("bank",)),
)


def mark_of(step: Step) -> Path:
    return work.folder("made") / step.name.replace(" ", "-")


def state_of(step: Step) -> dict[str, Any] | None:
    """How far a training is; None before its first checkpoint."""
    path = work.folder(step.name) / "state.json"
    found: dict[str, Any] | None = work.read_json(path) if path.exists() else None
    return found


def done_at(step: Step) -> float | None:
    """When it was done; None where it was not, or not to its end."""
    if step.trains:
        state = state_of(step)
        whole = state is not None and state["step"] >= state["options"]["steps"]
        return (work.folder(step.name) / "state.json").stat().st_mtime if whole else None
    return mark_of(step).stat().st_mtime if mark_of(step).exists() else None


def is_done(step: Step, steps: tuple[Step, ...] = STEPS) -> bool:
    """A training that reached its end is never begun anew; anything else is as old as what it was made from."""
    at = done_at(step)
    if at is None or step.trains:
        return at is not None
    needed = [other for other in steps if other.name in step.needs]
    return all((then := done_at(other)) is not None and then <= at for other in needed)


def arguments_of(step: Step) -> list[str]:
    """The command of a step; a training that was cut off goes on with its own options."""
    state = state_of(step) if step.trains else None
    if state is None:
        return step.command
    kept = {name: value for name, value in state["options"].items() if name not in LEFT_OUT and value is not None}
    flags = [word for name, value in kept.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    return [*step.command, "--resume", *flags]


def main(args: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--show", action="store_true", help="say what is done, and do nothing")
    options = parser.parse_args(args)
    for number, step in enumerate(STEPS, 1):
        done = is_done(step)
        print(f"[{number}/{len(STEPS)}] {step.name}: {'done' if done else 'to do'}", flush=True)
        if done or options.show:
            continue
        started = time.monotonic()
        code = subprocess.run([sys.executable, *arguments_of(step)], cwd=POCKET, check=False).returncode
        if code == 0 and not step.trains:
            mark_of(step).touch()
        if code != 0 or not is_done(step):
            print(f"stopped in {step.name}; the same command goes on there", file=sys.stderr)
            return code or 1
        print(f"[{number}/{len(STEPS)}] {step.name}: {(time.monotonic() - started) / 60:.1f} minutes", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
