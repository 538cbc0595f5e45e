"""How learning rates move and which optimiser takes which weight, the same in every recipe."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def learning_rate(step: int, steps: int, warm: int) -> float:
    """Share of the peak rate: up in a line over `warm` steps, then down along a cosine to 2 %."""
    if step < warm:
        return (step + 1) / warm
    return 0.02 + 0.49 * (1 + math.cos(math.pi * (step - warm) / max(steps - warm, 1)))


def set_rate(trained: Iterable[torch.optim.Optimizer], rate: float) -> None:
    for optimiser in trained:
        for group in optimiser.param_groups:
            group["lr"] = rate


def optimisers(named: Iterable[tuple[str, torch.Tensor]], rate: float, inner_mark: str) -> list[torch.optim.Optimizer]:
    """Muon (Jordan 2024) for the matrices whose names hold `inner_mark`, those between layers; AdamW for the rest."""
    import torch

    inner: list[torch.Tensor] = []
    outer: list[torch.Tensor] = []
    plain: list[torch.Tensor] = []
    for name, weight in named:
        if inner_mark in name and weight.ndim == 2:
            inner.append(weight)
        else:
            (outer if weight.ndim >= 2 else plain).append(weight)
    muon = torch.optim.Muon(inner, lr=rate, momentum=0.95, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    groups = [{"params": outer, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    return [muon, torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))]
