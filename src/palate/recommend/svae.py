"""SVAE (Sachdeva et al. 2019): at every place of a sequence a latent, from which the next few items are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.gru4rec import GRU4Rec
from palate.recommend.histories import Histories
from palate.recommend.learned import latents

if TYPE_CHECKING:
    import torch


@dataclass
class SVAE(GRU4Rec):
    """A gated recurrent unit reads; its state at t says mean and variance of z_t."""

    latent: int = 64
    ahead: int = 4
    """Next so many items are to be told from each place: the paper's k."""
    most: float = 0.2
    """Where beta ends, which weighs the divergence."""

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        network = super().build(items)
        network.add_module("spread", nn.Linear(self.width, 2 * self.latent))
        network.add_module(
            "decoder", nn.Sequential(nn.Linear(self.latent, self.hidden), nn.Tanh(), nn.Linear(self.hidden, self.width))
        )
        return network

    def latents(self, read: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """z and KL(q(z | history) || N(0, I)) of each place. (..., w) -> (..., l), (...)"""
        return latents(self.network["spread"](read), training=self.network.training)

    def loss(self, histories: Histories) -> torch.Tensor:
        """- sum_t E log p(x_t+1 .. x_t+k | z_t) + beta KL, averaged over places (the paper's section 3.3)."""
        import torch

        length = min(self.longest, max(len(history) for history in histories) - 1) + 1
        ids = self.padded(histories, length)
        told = self.told(ids[:, :-1])
        latent, divergence = self.latents(super().states(ids[:, :-1])[told])
        chances = (self.network["decoder"](latent) @ self.network["items_in"].weight[1:].T).log_softmax(-1)
        later = torch.nn.functional.pad(ids[:, 1:], (0, self.ahead - 1))
        wanted = later.unfold(1, self.ahead, 1)[told]
        there = wanted != 0
        each = -chances.gather(1, (wanted - 1).clamp_min(0))
        beta = self.most * min(1.0, 2 * self.progress)
        cost = (each * there).sum(1) / there.sum(1).clamp_min(1) + beta * divergence
        total: torch.Tensor = cost.mean()
        return total

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.network["decoder"](self.latents(super().states(ids))[0])
        return found
