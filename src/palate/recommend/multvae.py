"""Mult-VAE and Mult-DAE (Liang et al. 2018): an auto-encoder of what a person chose, with a multinomial likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.histories import Histories
from palate.recommend.learned import Learned, first_layer, last_layer, rows_of

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
                    nn.Linear(items, self.hidden), nn.Tanh(), nn.Linear(self.hidden, 2 * self.latent)
                ),
                "decoder": nn.Sequential(
                    nn.Linear(self.latent, self.hidden), nn.Tanh(), last_layer(self.hidden, items)
                ),
            }
        )

    def encoded(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of the latent, from a row scaled to length 1. (b, items) -> (b, latent) twice"""
        from torch.nn.functional import dropout, normalize

        seen = dropout(normalize(rows, dim=1), DROPPED, training=self.network.training)
        mean, log_variance = self.network["encoder"](seen).chunk(2, dim=1)
        return mean, log_variance

    def loss(self, histories: Histories) -> torch.Tensor:
        """Equation 4: - sum_i x_i log pi_i(z) + beta KL(q(z | x) || N(0, I))."""
        import torch

        rows = rows_of(histories, self.items)
        mean, log_variance = self.encoded(rows)
        beta = self.most * min(1.0, self.progress / self.annealed)
        latent = mean if self.most == 0 else mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        likelihood = (self.network["decoder"](latent).log_softmax(1) * rows).sum(1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        total: torch.Tensor = (beta * divergence - likelihood).mean()
        return total

    def answer(self, histories: Histories) -> torch.Tensor:
        first, bent, last = self.network["encoder"]
        mean, _ = last(bent(first_layer(first, histories, unit=True))).chunk(2, dim=1)
        scores: torch.Tensor = self.network["decoder"](mean)
        return scores
