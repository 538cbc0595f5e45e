"""PivotCVAE (Liu et al. 2021): one item is picked for the person first, and the slate is made round it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.recommend.histories import Histories
from palate.recommend.idnp import between
from palate.recommend.listcvae import ListCVAE
from palate.recommend.slates import filled

if TYPE_CHECKING:
    import torch


@dataclass
class PivotCVAE(ListCVAE):
    """ListCVAE's draws fit the person less the more they vary; the pivot keeps to the person, the rest may vary."""

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        network = super().build(items)
        told = 2 * self.width + self.slots
        rest = (self.slots - 1) * self.width
        network.add_module("pivot", self._net(self.width + self.slots, self.width))
        network.add_module("encoder", self._net(rest + told, 2 * self.latent))
        network.add_module("prior", self._net(told, 2 * self.latent))
        network.add_module("decoder", self._net(self.latent + told, rest))
        assert isinstance(network, nn.ModuleDict)
        return network

    def pivots(self, told: torch.Tensor) -> torch.Tensor:
        """How well each item fits as the pivot. (b, items)"""
        found: torch.Tensor = self.network["pivot"](told) @ self.table().T
        return found

    def loss(self, histories: Histories) -> torch.Tensor:
        """The likelihood of the pivot, a slot that was chosen, and the bound of the rest given it."""
        import torch

        known, slates, answers = self.made_up(histories)
        order = (answers + 0.5 * torch.rand_like(answers)).argsort(1, descending=True)
        slates, answers = slates.gather(1, order), answers.gather(1, order)
        told = self.condition(known, answers)
        picked = self.pivots(told).log_softmax(1).gather(1, slates[:, :1])[:, 0]
        told = torch.cat([told, self.table()[slates[:, 0]]], 1)
        seen = self.table()[slates[:, 1:]].flatten(1)
        mean, spread = self.network["encoder"](torch.cat([seen, told], 1)).chunk(2, dim=1)
        latent = mean + torch.randn_like(mean) * (0.5 * spread).exp()
        chances = self.chances(latent, told).gather(2, slates[:, 1:, None])[..., 0]
        prior = self.network["prior"](told).chunk(2, dim=1)
        beta = self.most * min(1.0, 2 * self.progress)
        return (beta * between(mean, spread, *prior) - picked - chances.sum(1)).mean()

    def round_it(self, told: torch.Tensor, pivots: torch.Tensor) -> torch.Tensor:
        """How well each item fits the other slots given the pivot. (b, width + slots), (b,) -> (b, slots - 1, items)"""
        import torch

        told = torch.cat([told, self.table()[pivots]], 1)
        mean, _ = self.network["prior"](told).chunk(2, dim=1)
        return self.values(mean, told)

    def wished(self, histories: Histories) -> torch.Tensor:
        """The pivot's slot first; the others as they are round the likeliest pivot that is not known yet."""
        import torch

        told = self.condition(histories, torch.ones(len(histories), self.slots))
        pivots = self.pivots(told)
        first = torch.from_numpy(filled(pivots[:, None], histories)[:, 0]).clamp_min(0)
        return torch.cat([pivots[:, None], self.round_it(told, first)], 1)

    def slate(self, histories: Histories, slots: int) -> NDArray[np.int64]:
        import torch

        with torch.inference_mode():
            chances = self.wished(histories)
            more = -(-(slots - 1) // (self.slots - 1))
            return filled(torch.cat([chances[:, :1], chances[:, 1:].repeat(1, more, 1)], 1)[:, :slots], histories)
