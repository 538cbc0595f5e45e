"""DiffRec (Wang et al. 2023): a person's row is made a little noisy, and a network learns to take the noise away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from palate.recommend.histories import Histories
from palate.recommend.learned import Learned, halved, rows_of, turned

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
                    nn.Linear(items + TIME_WIDTH, self.hidden), nn.Tanh(), turned(nn.Linear(self.hidden, items))
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
        from torch.nn.functional import normalize

        seen = normalize(noisy, dim=1)
        seen = halved(seen) if self.network.training else seen
        guess: torch.Tensor = self.network["denoiser"](torch.cat([seen, self.network["time"](waves(times))], dim=1))
        return guess

    def loss(self, histories: Histories) -> torch.Tensor:
        """Equation 10: the squared error of x_0, weighted by half the fall of alpha / (1 - alpha) at its step."""
        import torch

        rows = rows_of(histories, self.items)
        times = torch.randint(0, self.steps, (len(rows),))
        error = (self.guessed(self.noisy(rows, times), times) - rows).square().mean(1)
        return (self.weights()[times] * error).mean()

    def noisy(self, x: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """Equation 3's x_t of x_0 at t = `times` + 1. (b, d), (b,)"""
        import torch

        share = self.kept()[times][:, None]
        made: torch.Tensor = share.sqrt() * x + (1 - share).sqrt() * torch.randn_like(x)
        return made

    def weights(self) -> torch.Tensor:
        """Of each step in equation 10, 1 on average. (T,)"""
        import torch

        kept = self.kept()
        ratio = kept / (1 - kept)
        falls = torch.cat([torch.ones(1), (ratio[:-1] - ratio[1:]) / 2])
        return falls / falls.mean()

    def answer(self, histories: Histories) -> torch.Tensor:
        return self.back(rows_of(histories, self.items))

    def back(self, x: torch.Tensor) -> torch.Tensor:
        """The means of the way back, from the history itself (equation 8 without its noise)."""
        import torch

        kept = self.kept()
        for time in reversed(range(self.steps)):
            guess = self.guessed(x, torch.full((len(x),), time))
            if time == 0:
                return guess
            now, before = kept[time], kept[time - 1]
            step = now / before
            x = (step.sqrt() * (1 - before) * x + before.sqrt() * (1 - step) * guess) / (1 - now)
        return x


def waves(times: torch.Tensor) -> torch.Tensor:
    """A step's number as sines and cosines (Vaswani et al. 2017). (b,) -> (b, TIME_WIDTH)"""
    import torch

    half = TIME_WIDTH // 2
    angles = times[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / half)
    return torch.cat([angles.cos(), angles.sin()], dim=1)
