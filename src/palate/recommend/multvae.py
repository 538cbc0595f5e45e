"""Mult-VAE and Mult-DAE (Liang et al. 2018): an auto-encoder of what a person chose, with a multinomial likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.histories import Histories
from palate.recommend.learned import Learned, first_layer, latents, multinomial, turned

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
                "encoder": nn.Sequential(
                    turned(nn.Linear(items, self.hidden)), nn.Tanh(), nn.Linear(self.hidden, 2 * self.latent)
                ),
                "decoder": nn.Sequential(
                    nn.Linear(self.latent, self.hidden), nn.Tanh(), turned(nn.Linear(self.hidden, items))
                ),
            }
        )

    def encoded(self, histories: Histories) -> torch.Tensor:
        """Mean and log variance of the latent side by side, from rows scaled to length 1. (b, 2 latent)"""
        first, bent, last = self.network["encoder"]
        dropped = DROPPED if self.network.training else 0.0
        said: torch.Tensor = last(bent(first_layer(first, histories, unit=True, dropped=dropped)))
        return said

    def loss(self, histories: Histories) -> torch.Tensor:
        """Equation 4: - sum_i x_i log pi_i(z) + beta KL(q(z | x) || N(0, I))."""
        latent, divergence = latents(self.encoded(histories), training=self.most > 0)
        beta = self.most * min(1.0, self.progress / self.annealed)
        likelihood = multinomial(self.network["decoder"](latent), histories) / len(histories)
        return beta * divergence.mean() - likelihood

    def answer(self, histories: Histories) -> torch.Tensor:
        mean, _ = self.encoded(histories).chunk(2, dim=1)
        scores: torch.Tensor = self.network["decoder"](mean)
        return scores
