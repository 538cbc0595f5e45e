"""ListCVAE (Jiang et al. 2019): a slate is drawn as a whole, given the answers that it should get."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.recommend.histories import Histories
from palate.recommend.idnp import between
from palate.recommend.slates import Slates, filled

if TYPE_CHECKING:
    import torch


LEAST_CHANCE = 1e-38
"""What is less likely than a number can say is as likely as this."""


@dataclass
class ListCVAE(Slates):
    """A conditional variational auto-encoder of slates; what is asked for is a slate of nothing but choices."""

    latent: int = 16
    hidden: int = 128
    most: float = 0.1
    """Where beta ends, which weighs the divergence."""

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        told = self.width + self.slots
        network = nn.ModuleDict(
            {
                "items_in": nn.Embedding(items, self.width),
                "person": nn.Linear(self.width, self.width),
                "encoder": self._net(self.slots * self.width + told, 2 * self.latent),
                "prior": self._net(told, 2 * self.latent),
                "decoder": self._net(self.latent + told, self.slots * self.width),
            }
        )
        nn.init.normal_(network.get_parameter("items_in.weight"), std=0.1)
        return network

    def _net(self, before: int, after: int) -> torch.nn.Module:
        from torch import nn

        return nn.Sequential(nn.Linear(before, self.hidden), nn.Tanh(), nn.Linear(self.hidden, after))

    def values(self, latent: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """Inner products of what each slot asks for with all items. (b, slots, items)"""
        import torch

        asked = self.network["decoder"](torch.cat([latent, told], 1)).view(len(latent), -1, self.width)
        found: torch.Tensor = asked @ self.table().T
        return found

    def chances(self, latent: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """log p(item at each slot | z, c): a softmax over those. (b, slots, items)"""
        return self.values(latent, told).log_softmax(-1)

    def condition(self, histories: Histories, answers: torch.Tensor) -> torch.Tensor:
        """c: the person and the answers. (b, width + slots)"""
        import torch

        return torch.cat([self.people(histories), answers], 1)

    def loss(self, histories: Histories) -> torch.Tensor:
        """- E log p(s | z, c) + beta KL(q(z | s, c) || p(z | c)), the bound that the paper maximises."""
        import torch

        known, slates, answers = self.made_up(histories)
        told = self.condition(known, answers)
        seen = self.table()[slates].flatten(1)
        mean, spread = self.network["encoder"](torch.cat([seen, told], 1)).chunk(2, dim=1)
        latent = mean + torch.randn_like(mean) * (0.5 * spread).exp()
        chances = self.chances(latent, told).gather(2, slates[..., None])[..., 0]
        prior = self.network["prior"](told).chunk(2, dim=1)
        beta = self.most * min(1.0, 2 * self.progress)
        total: torch.Tensor = (beta * between(mean, spread, *prior) - chances.sum(1)).mean()
        return total

    def wished(self, histories: Histories) -> torch.Tensor:
        """How well items fit where everything is chosen, at the mean of what is believed of z. (b, slots, items)"""
        import torch

        told = self.condition(histories, torch.ones(len(histories), self.slots))
        mean, _ = self.network["prior"](told).chunk(2, dim=1)
        return self.values(mean, told)

    def answer(self, histories: Histories) -> torch.Tensor:
        """log of an item's mean chance over the slots."""
        return mean_chance(self.wished(histories))

    def slate(self, histories: Histories, slots: int) -> NDArray[np.int64]:
        import torch

        with torch.inference_mode():
            chances = self.wished(histories)
            more = -(-slots // self.slots)
            return filled(chances.repeat(1, more, 1)[:, :slots], histories)


def mean_chance(values: torch.Tensor) -> torch.Tensor:
    """log of the mean over slots of the softmax over items. (b, slots, items) -> (b, items)"""
    raised = (values - values.amax(2, keepdim=True)).exp_()
    weights = 1 / (raised.sum(2) * values.shape[1])
    mean: torch.Tensor = (weights[:, None] @ raised)[:, 0]
    return mean.clamp_min(LEAST_CHANCE).log()
