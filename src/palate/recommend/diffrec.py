"""DiffRec (Wang et al. 2023): a person's row is made a little noisy, and a network learns to take the noise away."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from palate.recommend.histories import Histories
from palate.recommend.learned import Learned, chosen_of, first_layer, through, turned

if TYPE_CHECKING:
    import torch

TIME_WIDTH = 10
NOISES = 8
"""Rows of noise that the people of a batch share."""


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

        network = nn.ModuleDict(
            {
                "time": nn.Linear(TIME_WIDTH, TIME_WIDTH),
                "read": turned(items, self.hidden),
                "moment": nn.Linear(TIME_WIDTH, self.hidden, bias=False),
                "outer": turned(self.hidden, items),
            }
        )
        # Row and time are one input of one layer, and begin as small: a louder time would bend every tanh.
        nn.init.normal_(network.get_parameter("moment.weight"), std=(2 / (items + TIME_WIDTH + self.hidden)) ** 0.5)
        nn.init.xavier_normal_(network.get_parameter("time.weight"))
        return network

    def kept(self) -> torch.Tensor:
        """alpha-bar_t for t = 1 .. T, so that 1 - alpha-bar_t is linear in t (equation 3). (T,)"""
        import torch

        noise = self.scale * np.linspace(self.least, self.most, self.steps)
        return torch.tensor(1.0 - noise, dtype=torch.float32)

    def guessed(self, noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """The network's x_0 of x_t at t = `times` + 1. (b, items), (b,)"""
        return through(self.network["outer"], (through(self.network["read"], noisy) + self.moments(times)).tanh())

    def moments(self, times: torch.Tensor) -> torch.Tensor:
        """What the hidden layer is told of the time. (b,) -> (b, hidden)"""
        found: torch.Tensor = self.network["moment"](self.network["time"](waves(times)))
        return found

    def loss(self, histories: Histories) -> torch.Tensor:
        """Equation 10: the squared error of x_0, weighted by half the fall of alpha / (1 - alpha) at its step.

        Steps are drawn as often as they weigh (importance sampling), which is the same on average: drawn alike, four
        fifths of a batch would hardly count. |guess - x_0|^2 is |guess|^2 - 2 guess.x_0 + |x_0|^2, and x_0 is sparse.
        """
        import torch

        times = torch.multinomial(self.weights(), len(histories), replacement=True)
        guess = through(self.network["outer"], (self.read_noisy(histories, times) + self.moments(times)).tanh())
        told, _ = chosen_of(guess, histories)
        return (guess.square().sum() - 2 * told.sum() + len(told)) / guess.numel()

    def read_noisy(self, histories: Histories, times: torch.Tensor) -> torch.Tensor:
        """The first layer's answer to x_t at t = `times` + 1, half of x_0 hidden. (b, hidden)

        By equation 3 x_t R is c x_0 R + s e R, with R the layer's weights and e normal. Of x_0 only what was chosen is
        read. Each e is a unit vector times the same few normal rows: normal itself, and e R takes a few rows, not b.
        """
        import torch
        from torch.nn.functional import normalize

        layer, share = self.network["read"], self.kept()[times][:, None]
        x0R = first_layer(layer, histories, dropped=0.5) - layer["bias"]
        eR = normalize(torch.randn(len(histories), NOISES), dim=1) @ (torch.randn(NOISES, self.items) @ layer["weight"])
        noisy: torch.Tensor = share.sqrt() * x0R + (1 - share).sqrt() * eR + layer["bias"]
        return noisy

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
        """What `back` makes of the histories' rows, but only the last guess is made of all items.

        Every x_t is c x_0 + A V, with V the last layer's weights and bias. With R the weights of the first layer, a
        step needs x_0 R and V R alone, which are as small as the hidden layer.
        """
        import torch
        from torch.nn.functional import pad

        bias = self.network["read"]["bias"]
        x0R = first_layer(self.network["read"], histories) - bias
        c, AVR = torch.ones(()), torch.zeros_like(x0R)
        for time in reversed(range(1, self.steps)):
            hidden = (c * x0R + AVR + bias + self.moments(torch.tensor([time]))).tanh()
            stays, comes = self.step(time)
            c, AVR = stays * c, stays * AVR + comes * (pad(hidden, (0, 1), value=1.0) @ self.round_trip())
        hidden = (c * x0R + AVR + bias + self.moments(torch.tensor([0]))).tanh()
        return through(self.network["outer"], hidden)

    def round_trip(self) -> torch.Tensor:
        """V R, made once. (hidden + 1, hidden)"""
        import torch

        if self.ready is None:
            V = torch.cat([self.network["outer"]["weight"], self.network["outer"]["bias"][None]])
            self.ready = (V @ self.network["read"]["weight"]).detach()
        found: torch.Tensor = self.ready
        return found

    def back(self, x: torch.Tensor) -> torch.Tensor:
        """The means of the way back, from the history itself (equation 8 without its noise)."""
        import torch

        for time in reversed(range(1, self.steps)):
            stays, comes = self.step(time)
            x = stays * x + comes * self.guessed(x, torch.full((len(x),), time))
        return self.guessed(x, torch.zeros(len(x), dtype=torch.int64))

    def step(self, time: int) -> tuple[torch.Tensor, torch.Tensor]:
        """What x_t and the guess of x_0 weigh in equation 8's mean, for t = `time` + 1."""
        kept = self.kept()
        now, before = kept[time], kept[time - 1]
        step = now / before
        return step.sqrt() * (1 - before) / (1 - now), before.sqrt() * (1 - step) / (1 - now)


def waves(times: torch.Tensor) -> torch.Tensor:
    """A step's number as sines and cosines (Vaswani et al. 2017). (b,) -> (b, TIME_WIDTH)"""
    import torch

    half = TIME_WIDTH // 2
    angles = times[:, None] * torch.exp(-math.log(10000) * torch.arange(half) / half)
    return torch.cat([angles.cos(), angles.sin()], dim=1)
