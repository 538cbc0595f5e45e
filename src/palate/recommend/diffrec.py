"""DiffRec (Wang et al. 2023): a person's row is made a little noisy, and a network learns to take the noise away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from palate.recommend.histories import Histories
from palate.recommend.learned import Learned, rows_of

if TYPE_CHECKING:
    import torch

TIME_WIDTH = 10


@dataclass
class DiffRec(Learned):
    """Noise is small and inference adds none: the history itself is where the way back begins (section 3.3)."""

    steps: int = 5
    scale: float = 0.1
    """s of equation 3."""
    least: float = 0.001
    most: float = 0.02
    """alpha_min and alpha_max of equation 3."""
    hidden: int = 600

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        return nn.ModuleDict(
            {
                "time": nn.Linear(TIME_WIDTH, TIME_WIDTH),
                "denoiser": nn.Sequential(
                    nn.Linear(items + TIME_WIDTH, self.hidden), nn.Tanh(), nn.Linear(self.hidden, items)
                ),
            }
        )

    def kept(self) -> torch.Tensor:
        """alpha-bar_t for t = 1 .. T, so that 1 - alpha-bar_t is linear in t (equation 3). (T,)"""
        import torch

        noise = self.scale * np.linspace(self.least, self.most, self.steps)
        return torch.tensor(1.0 - noise, dtype=torch.float32)

    def guessed(self, noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """The network's x_0 of x_t at t = `times` + 1. (b, items), (b,)"""
        import torch
        from torch.nn.functional import dropout, normalize

        half = TIME_WIDTH // 2
        waves = times[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / half)
        when = self.network["time"](torch.cat([waves.cos(), waves.sin()], dim=1))
        seen = dropout(normalize(noisy, dim=1), 0.5, training=self.network.training)
        guess: torch.Tensor = self.network["denoiser"](torch.cat([seen, when], dim=1))
        return guess

    def loss(self, histories: Histories) -> torch.Tensor:
        """Equation 10: the squared error of x_0, weighted by half the fall of alpha / (1 - alpha) at its step."""
        import torch

        rows = rows_of(histories, self.items)
        kept = self.kept()
        times = torch.randint(0, self.steps, (len(rows),))
        share = kept[times][:, None]
        noisy = share.sqrt() * rows + (1 - share).sqrt() * torch.randn_like(rows)
        ratio = kept / (1 - kept)
        falls = torch.cat([torch.ones(1), (ratio[:-1] - ratio[1:]) / 2])
        error = (self.guessed(noisy, times) - rows).square().mean(1)
        return (falls[times] / falls.mean() * error).mean()

    def answer(self, histories: Histories) -> torch.Tensor:
        """The means of the way back, from the history itself (equation 8 without its noise)."""
        import torch

        x = rows_of(histories, self.items)
        kept = self.kept()
        for time in reversed(range(self.steps)):
            guess = self.guessed(x, torch.full((len(x),), time))
            if time == 0:
                return guess
            now, before = kept[time], kept[time - 1]
            step = now / before
            x = (step.sqrt() * (1 - before) * x + before.sqrt() * (1 - step) * guess) / (1 - now)
        return x
