"""One training on several cores: `python -m recipes.together diffusion --steps 3000` in pocket/; `--processes`, else 2.

Networks this small leave a second thread waiting for most of a step. So each process takes a share of the batch on one
thread, and gradients are averaged (gloo): the same step as one process with the whole batch, up to rounding, but for
recipes whose loss compares the pictures of a batch with each other (clip), which are refused.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

RECIPES = ("autoencoder", "diffusion", "dino", "vq", "janus")


def share() -> tuple[int, int]:
    """(which process this is, of how many): (0, 1) where a recipe runs alone."""
    import torch.distributed as group

    if not (group.is_available() and group.is_initialized()):
        return 0, 1
    return group.get_rank(), group.get_world_size()


def average(weights: list[torch.nn.Parameter], flag: float) -> float:
    """Gradients averaged over the processes, in place; `flag` added up over them."""
    import torch
    import torch.distributed as group

    if share()[1] == 1:
        return flag
    # A step of one kind leaves out weights that another process's step moved.
    grades = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
    flat = torch.cat([*(grade.reshape(-1).float() for grade in grades), torch.tensor([flag])])
    group.all_reduce(flat)
    start = 0
    for grade in grades:
        grade.copy_(flat[start : start + grade.numel()].view_as(grade) / share()[1])
        start += grade.numel()
    for weight, grade in zip(weights, grades, strict=True):
        weight.grad = grade
    return float(flat[-1])


def same(network: torch.nn.Module) -> None:
    """What was changed by chance in one process becomes that of the first."""
    import torch.distributed as group

    if share()[1] > 1:
        for tensor in network.state_dict().values():
            group.broadcast(tensor, 0)


@contextmanager
def in_turn() -> Iterator[None]:
    """The first process does it, then the others, who find what it kept."""
    import torch.distributed as group

    rank, processes = share()
    if processes > 1 and rank > 0:
        group.barrier()
    yield
    if processes > 1 and rank == 0:
        group.barrier()


def _one(rank: int, processes: int, place: str, recipe: str, rest: list[str]) -> None:
    import torch.distributed as group

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    group.init_process_group("gloo", init_method=f"file://{place}", rank=rank, world_size=processes)
    try:
        importlib.import_module(f"recipes.{recipe}").main(rest)
    finally:
        group.destroy_process_group()


def main(args: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("--processes", type=int, default=2)
    options, rest = parser.parse_known_args(args)
    with tempfile.TemporaryDirectory() as scratch:
        told = (options.processes, str(Path(scratch) / "meeting"), options.recipe, rest)
        started = [get_context("spawn").Process(target=_one, args=(n, *told)) for n in range(options.processes)]
        for process in started:
            process.start()

        def pass_on(*_: object) -> None:
            """Each makes its last checkpoint and leaves by itself."""
            for process in started:
                process.terminate()

        signal.signal(signal.SIGTERM, pass_on)
        for process in started:
            process.join()
    sys.exit(max(abs(process.exitcode or 0) for process in started))


if __name__ == "__main__":
    main()
