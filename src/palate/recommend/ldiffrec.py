"""L-DiffRec (Wang et al. 2023, section 3.3): DiffRec among a few hundred numbers instead of a whole catalogue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from palate.recommend.diffrec import TIME_WIDTH, DiffRec, waves
from palate.recommend.histories import Histories, checked
from palate.recommend.learned import rows_of
from palate.recommend.semanticids import by_company, k_means

if TYPE_CHECKING:
    import torch


@dataclass
class LDiffRec(DiffRec):
    """Items are put into clusters; each has a variational auto-encoder; noise is added to all their latents at once."""

    remembered: ClassVar[tuple[str, ...]] = ("cluster",)
    clusters: int = 2
    latent: int = 150
    """Of all clusters together, shared out by their sizes."""
    most_kl: float = 0.2
    """gamma, the weight of the auto-encoders' divergence."""
    trust: float = 1.0
    """lambda, the weight of the diffusion's own error."""
    cluster: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64), repr=False)
    """(items,)"""

    def fit(self, histories: Histories, items: int) -> Self:
        import torch

        histories = checked(histories, items)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            x = torch.from_numpy(by_company(histories, items))
            centres = k_means(x, min(self.clusters, items))
            self.cluster = torch.cdist(x, centres).argmin(1).numpy()
        return super().fit(histories, items)

    def build(self, items: int) -> torch.nn.Module:
        import torch
        from torch import nn

        self.members = [torch.from_numpy(np.flatnonzero(self.cluster == one)) for one in np.unique(self.cluster)]
        widths = [max(1, round(self.latent * len(own) / items)) for own in self.members]
        total = sum(widths)
        pairs = list(zip(self.members, widths, strict=True))
        return nn.ModuleDict(
            {
                "encoders": nn.ModuleList([nn.Linear(len(own), 2 * width) for own, width in pairs]),
                "decoders": nn.ModuleList([nn.Linear(width, len(own)) for own, width in pairs]),
                "time": nn.Linear(TIME_WIDTH, TIME_WIDTH),
                "denoiser": nn.Sequential(
                    nn.Linear(total + TIME_WIDTH, self.hidden), nn.Tanh(), nn.Linear(self.hidden, total)
                ),
            }
        )

    def encoded(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of every cluster's latent, one after the other. (b, items) -> (b, latent) twice"""
        import torch
        from torch.nn.functional import dropout, normalize

        seen = dropout(normalize(rows, dim=1), 0.5, training=self.network.training)
        halves = [
            net(seen[:, own]).chunk(2, dim=1) for net, own in zip(self.network["encoders"], self.members, strict=True)
        ]
        return torch.cat([mean for mean, _ in halves], 1), torch.cat([spread for _, spread in halves], 1)

    def decoded(self, latent: torch.Tensor) -> torch.Tensor:
        """(b, latent) -> (b, items)"""
        import torch

        scores = torch.empty(len(latent), self.items)
        widths = [net.in_features for net in self.network["decoders"]]
        parts = torch.split(latent, widths, dim=1)
        for net, own, part in zip(self.network["decoders"], self.members, parts, strict=True):
            scores[:, own] = net(part)
        return scores

    def guessed(self, noisy: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        import torch

        guess: torch.Tensor = self.network["denoiser"](torch.cat([noisy, self.network["time"](waves(times))], dim=1))
        return guess

    def loss(self, histories: Histories) -> torch.Tensor:
        """The likelihood of what is decoded from the denoised latent, gamma KL, and lambda times equation 10."""
        import torch

        rows = rows_of(histories, self.items)
        mean, log_variance = self.encoded(rows)
        latent = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        times = torch.randint(0, self.steps, (len(rows),))
        guess = self.guessed(self.noisy(latent, times), times)
        error = self.weights()[times] * (guess - latent).square().mean(1)
        likelihood = (self.decoded(guess).log_softmax(1) * rows).sum(1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
        gamma = self.most_kl * min(1.0, 2 * self.progress)
        return (gamma * divergence + self.trust * error - likelihood).mean()

    def answer(self, histories: Histories) -> torch.Tensor:
        mean, _ = self.encoded(rows_of(histories, self.items))
        return self.decoded(self.back(mean))
