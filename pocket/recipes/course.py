"""One training from its first step to its last, alike in every recipe: rates, log, checkpoints, `--resume`, SIGTERM.

Whatever is random in a step follows from the seed and the step's number, so that a training which was cut off goes on
to the weights that it would have reached.
"""

from __future__ import annotations

import argparse
import random
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes import checkpoints, schedule, together, work

if TYPE_CHECKING:
    import torch

Loss = tuple["torch.Tensor", dict[str, float]]
"""What a step goes down on, and what of it the log says."""
LOGGED_EVERY = 20


def parser(description: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """The options of every training; `defaults` are those of its steps, batch, rate, tests, every and name."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--steps", type=int)
    found.add_argument("--batch", type=int)
    found.add_argument("--rate", type=float)
    found.add_argument("--tests", type=int, help="held-out pictures to measure on")
    found.add_argument("--every", type=int, help="steps between checkpoints and measurements")
    found.add_argument("--seed", type=int, default=0)
    found.add_argument("--threads", type=int, default=1)
    found.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    found.add_argument("--stop-after", type=int, help="leave at this step with a checkpoint (a trial)")
    found.add_argument("--name", help="the folder below the work folder")
    found.set_defaults(**{"every": 250, **defaults})
    return found


def chance(seed: int, step: int) -> tuple[np.random.Generator, random.Random]:
    """What a step draws pictures and words with; torch's own is seeded alike."""
    import torch

    rank, _ = together.share()
    number = seed * 1_000_003 + step + 7_919 * rank
    torch.manual_seed(number)
    return np.random.default_rng((seed, step, rank) if rank else (seed, step)), random.Random(number)


class Course:
    """A network on its way: what is checkpointed, what moves its weights, how far it is and what was measured."""

    def __init__(
        self, options: argparse.Namespace, network: torch.nn.Module, trained: list[torch.optim.Optimizer]
    ) -> None:
        self.options, self.network, self.trained = options, network, trained
        self.folder: Path = work.folder(options.name)
        self.begin = checkpoints.restore(self.folder, network, trained) if options.resume else 0
        self.batch = options.batch
        options.batch = max(options.batch // together.share()[1], 1)
        self.history: list[dict[str, Any]] = []
        if options.resume:
            self.history = work.read_json(self.folder / "state.json")["history"]

    def run(
        self,
        loss: Callable[[int], Loss],
        measured: Callable[[], dict[str, Any]],
        *,
        warm: int,
        after: Callable[[int], None] | None = None,
    ) -> dict[str, Any]:
        """The steps that are left; `after` follows each change of the weights. Returns the last row of the history."""
        options, told_to_stop = self.options, []
        signal.signal(signal.SIGTERM, lambda number, _: told_to_stop.append(number))
        earlier = self.history[-1]["seconds"] if self.history else 0
        running: dict[str, list[float]] = defaultdict(list)
        started = time.monotonic()
        for step in range(self.begin, options.steps):
            schedule.set_rate(self.trained, options.rate * schedule.learning_rate(step, options.steps, warm))
            said, stop = self.descend(*loss(step), told=bool(told_to_stop))
            for name, value in said.items():
                running[name].append(value)
            if after is not None:
                after(step)
            done = step + 1
            if done % LOGGED_EVERY == 0:
                together.same(self.network)
            if done % LOGGED_EVERY == 0 and together.share()[0] == 0:
                words = " ".join(f"{name} {np.mean(values):.4f}" for name, values in sorted(running.items()))
                speed = self.batch * (done - self.begin) / (time.monotonic() - started)
                print(f"[{done}/{options.steps}] {words} {speed:.0f}/s", flush=True)
                running.clear()
            last = done in (options.steps, options.stop_after) or stop
            if (done % options.every == 0 or last) and together.share()[0] == 0:
                self.note(done, earlier + round(time.monotonic() - started), measured())
            if last:
                break
        return self.history[-1] if self.history else {}

    def descend(self, total: torch.Tensor, said: dict[str, float], *, told: bool) -> tuple[dict[str, float], bool]:
        """One step down, no gradient longer than 1; whether any of the processes was told to stop."""
        import torch

        total.backward()  # type: ignore[no-untyped-call]
        moved = [weight for optimiser in self.trained for group in optimiser.param_groups for weight in group["params"]]
        stop = together.average(moved, float(told)) > 0
        torch.nn.utils.clip_grad_norm_(moved, 1.0)
        for optimiser in self.trained:
            optimiser.step()
            optimiser.zero_grad()
        return said, stop

    def note(self, done: int, seconds: int, found: dict[str, Any]) -> None:
        """A row of the history, and a checkpoint that holds it."""
        self.history.append({"step": done, "seconds": seconds, **found})
        print(self.history[-1], flush=True)
        options = {**vars(self.options), "batch": self.batch}
        state = {"step": done, "options": options, "history": self.history}
        checkpoints.save(self.folder, self.network, self.trained, state)


def follow(slow: torch.nn.Module, fast: torch.nn.Module, share: float) -> None:
    """Moves an average of weights by `share` of the way to the weights."""
    import torch

    with torch.no_grad():
        for kept, new in zip(slow.parameters(), fast.parameters(), strict=True):
            kept.lerp_(new, share)
