"""ContrastVAE (Wang et al. 2022): a variational SASRec that reads each sequence twice and must recognise itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.histories import Histories
from palate.recommend.learned import latents
from palate.recommend.sasrec import SASRec

if TYPE_CHECKING:
    import torch


@dataclass
class ContrastVAE(SASRec):
    """The two readings differ by dropout and by what is drawn from the latent (the paper's model augmentation)."""

    most: float = 0.1
    """Where beta ends, which weighs the divergence."""
    contrast: float = 0.1
    """lambda, which weighs the mutual information of the two latents."""
    temperature: float = 0.5

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        network = super().build(items)
        network.add_module("spread", nn.Linear(self.width, 2 * self.width))
        network.add_module(
            "decoder",
            nn.Sequential(nn.Linear(self.width, 2 * self.width), nn.GELU(), nn.Linear(2 * self.width, self.width)),
        )
        return network

    def reading(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What is decoded at each place, its latent, and the divergence. (b, t) -> (b, t, w) twice, (b, t)"""
        latent, divergence = latents(self.network["spread"](super().states(ids)), training=self.network.training)
        return self.network["decoder"](latent), latent, divergence

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        return self.reading(ids)[0]

    def loss(self, histories: Histories) -> torch.Tensor:
        """ContrastELBO: both readings' likelihood and divergence, minus lambda times what they tell of each other."""
        import torch
        from torch.nn.functional import cross_entropy

        length = min(self.longest, max(len(history) for history in histories) - 1) + 1
        ids = self.padded(histories, length)
        before, after = ids[:, :-1], ids[:, 1:]
        told = self.told(before)
        beta = self.most * min(1.0, 2 * self.progress)
        total, ends = torch.zeros(()), []
        for _ in range(2):
            decoded, latent, divergence = self.reading(before)
            scores = decoded[told] @ self.network["items_in"].weight[1:].T
            total = total + cross_entropy(scores, after[told] - 1) + beta * divergence[told].mean()
            ends.append(latent[:, -1])
        return total + self.contrast * info_nce(ends[0], ends[1], self.temperature)


def info_nce(a: torch.Tensor, b: torch.Tensor, temperature: float | torch.Tensor) -> torch.Tensor:
    """Each row of `a` should find its own in `b` and the other way round (van den Oord et al. 2018). (n, d) twice"""
    import torch
    from torch.nn.functional import cross_entropy, normalize

    alike = normalize(a, dim=1) @ normalize(b, dim=1).T / temperature
    own = torch.arange(len(a))
    both: torch.Tensor = (cross_entropy(alike, own) + cross_entropy(alike.T, own)) / 2
    return both
