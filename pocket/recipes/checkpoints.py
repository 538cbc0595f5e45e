"""Training state as safetensors: weights, the optimisers' moments and the step; a run goes on to the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes import work

if TYPE_CHECKING:
    import torch


def save(folder: Path, network: torch.nn.Module, trained: list[torch.optim.Optimizer], state: dict[str, Any]) -> None:
    """`checkpoint.safetensors`, renamed into place, and `state.json` with the step, the options and the history."""
    import torch
    from safetensors.torch import save_file

    # Copies, because weights may be tied and a tensor in a file has one name.
    tensors = {f"network/{name}": value.detach().clone().contiguous() for name, value in network.state_dict().items()}
    for number, optimiser in enumerate(trained):
        for index, values in optimiser.state_dict()["state"].items():
            for name, value in values.items():
                tensors[f"optimiser/{number}/{index}/{name}"] = torch.as_tensor(value).contiguous()
    save_file(tensors, folder / "checkpoint.new", metadata={"step": str(state["step"])})
    (folder / "checkpoint.new").replace(folder / "checkpoint.safetensors")
    work.write_json(folder / "state.json", state)


def restore(folder: Path, network: torch.nn.Module, trained: list[torch.optim.Optimizer]) -> int:
    """Restores what `save` wrote; returns the step to go on from."""
    from safetensors import safe_open

    with safe_open(folder / "checkpoint.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        step = int(file.metadata()["step"])
    network.load_state_dict({name[8:]: value for name, value in tensors.items() if name.startswith("network/")})
    for number, optimiser in enumerate(trained):
        whole = optimiser.state_dict()
        for name, value in tensors.items():
            if name.startswith(f"optimiser/{number}/"):
                _, _, index, field = name.split("/")
                whole["state"].setdefault(int(index), {})[field] = value
        optimiser.load_state_dict(whole)
    return step


def weights(folder: Path, part: str) -> dict[str, Any]:
    """The weights of one part of a checkpointed network, for its own `load_state_dict`."""
    from safetensors import safe_open

    start = f"network/{part}."
    with safe_open(folder / "checkpoint.safetensors", "pt") as file:
        names = [name for name in file.keys() if name.startswith(start)]  # noqa: SIM118
        return {name.removeprefix(start): file.get_tensor(name) for name in names}
