"""Mult-VAE and Mult-DAE (Liang et al. 2018): an auto-encoder of what a person chose, with a multinomial likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.histories import Histories
from palate.recommend.learned import Learned, first_layer, latents, multinomial, through, turned

if TYPE_CHECKING:
    import torch

DROPPED = 0.5
"""Share of the choices that the encoder does not see in training."""


@dataclass
class MultVAE(Learned):
    hidden: int = 600
    latent: int = 200
    most: float = 0.2
    """Where beta of equation 4 ends; 0 is Mult-DAE, whose latent is no distribution."""
    annealed: float = 0.5
    """Share of the training over which beta rises."""

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        return nn.ModuleDict(
            {
                "read": turned(items, self.hidden),
                "spread": turned(self.hidden, 2 * self.latent),
                "inner": turned(self.latent, self.hidden),
                "outer": turned(self.hidden, items),
            }
        )

    def encoded(self, histories: Histories) -> torch.Tensor:
        """Mean and log variance of the latent side by side, from rows scaled to length 1. (b, 2 latent)"""
        dropped = DROPPED if self.network.training else 0.0
        read = first_layer(self.network["read"], histories, unit=True, dropped=dropped)
        return through(self.network["spread"], read.tanh())

    def decoded(self, latent: torch.Tensor) -> torch.Tensor:
        """f_theta of equation 1, before its softmax. (b, latent) -> (b, items)"""
        return through(self.network["outer"], through(self.network["inner"], latent).tanh())

    def loss(self, histories: Histories) -> torch.Tensor:
        """Equation 4: - sum_i x_i log pi_i(z) + beta KL(q(z | x) || N(0, I))."""
        latent, divergence = latents(self.encoded(histories), training=self.most > 0)
        beta = self.most * min(1.0, self.progress / self.annealed)
        likelihood = multinomial(self.decoded(latent), histories) / len(histories)
        return beta * divergence.mean() - likelihood

    def answer(self, histories: Histories) -> torch.Tensor:
        mean, _ = self.encoded(histories).chunk(2, dim=1)
        return self.decoded(mean)
