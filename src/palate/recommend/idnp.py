"""IDNP (Du et al. 2023): a person's interest is a function of time, of which their choices are samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.histories import Histories
from palate.recommend.nextitem import NextItem

if TYPE_CHECKING:
    import torch


@dataclass
class IDNP(NextItem):
    """A generative neural process (Garnelo et al. 2018): context points make a belief about the function, and a decoder
    reads it at the places asked for. Places are counted back from the latest known choice; the next one is place 0.
    """

    ahead: int = 4
    """So many choices after a cut are what the function is asked for in training."""
    heads: int = 2
    most: float = 0.1
    """Where the divergence's weight ends."""

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        width = self.width
        network = nn.ModuleDict(
            {
                "items_in": nn.Embedding(items + 1, width, padding_idx=0),
                "places": nn.Embedding(self.longest + self.ahead, width),
                "point": nn.Sequential(nn.Linear(2 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)),
                "spread": nn.Linear(width, 2 * width),
                "look": nn.MultiheadAttention(width, self.heads, batch_first=True),
                "decoder": nn.Sequential(nn.Linear(3 * width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)),
                "dropout": nn.Dropout(self.dropped),
            }
        )
        for name in ("items_in", "places"):
            nn.init.normal_(network.get_parameter(f"{name}.weight"), std=0.1)
        return network

    def points(self, ids: torch.Tensor, first: int) -> torch.Tensor:
        """Each choice with its place, `first` being that of the last column. (b, t) -> (b, t, w)"""
        import torch

        places = self.network["places"](torch.arange(ids.shape[1]).flip(0) + first)
        seen = self.network["dropout"](self.network["items_in"](ids))
        found: torch.Tensor = self.network["point"](torch.cat([seen, places.expand(len(ids), -1, -1)], -1))
        return found

    def belief(self, points: torch.Tensor, there: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance of z given points in any order. (b, t, w), (b, t) -> (b, w) twice"""
        total = (points * there[..., None]).sum(1) / there.sum(1, keepdim=True).clamp_min(1)
        mean, log_variance = self.network["spread"](total).chunk(2, dim=-1)
        return mean, log_variance

    def read_at(self, places: torch.Tensor, z: torch.Tensor, points: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """The function's value: the latent, what attention finds in the context, the place. (b, p) -> (b, p, w)"""
        import torch

        asked = self.network["places"](places)
        absent = ~there
        absent[:, -1] = False
        found, _ = self.network["look"](asked, points, points, key_padding_mask=absent, need_weights=False)
        value: torch.Tensor = self.network["decoder"](torch.cat([z[:, None].expand_as(asked), found, asked], dim=-1))
        return value

    def loss(self, histories: Histories) -> torch.Tensor:
        """- log p(targets | z, context) + KL(q(z | context and targets) || q(z | context)), the process's bound."""
        import torch
        from torch.nn.functional import cross_entropy

        shares = torch.rand(len(histories)).tolist()
        cuts = [max(1, len(one) - 1 - int(share * self.ahead)) for share, one in zip(shares, histories, strict=True)]
        known = [history[:cut] for history, cut in zip(histories, cuts, strict=True)]
        ids = self.padded(known, min(self.longest, max(cuts)))
        wanted = torch.zeros(len(ids), self.ahead, dtype=torch.int64)
        for row, history, cut in zip(wanted, histories, cuts, strict=True):
            more = torch.as_tensor(history[cut : cut + self.ahead]) + 1
            row[: len(more)] = more
        context, targets = self.points(ids, self.ahead), self.points(wanted, 0)
        there = ids != 0
        mean, spread = self.belief(context, there)
        all_points, all_there = torch.cat([context, targets], 1), torch.cat([there, wanted != 0], 1)
        mean_all, spread_all = self.belief(all_points, all_there)
        z = mean_all + torch.randn_like(mean_all) * (0.5 * spread_all).exp()
        places = torch.arange(self.ahead).flip(0).expand_as(wanted)
        values = self.read_at(places, z, context, there)[wanted != 0]
        likelihood = cross_entropy(values @ self.network["items_in"].weight[1:].T, wanted[wanted != 0] - 1)
        return likelihood + self.most * min(1.0, 2 * self.progress) * between(mean_all, spread_all, mean, spread).mean()

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """At the place after the last, with the mean of what is believed. (b, t) -> (b, 1, w)"""
        import torch

        context, there = self.points(ids, self.ahead), ids != 0
        mean, _ = self.belief(context, there)
        return self.read_at(torch.full((len(ids), 1), self.ahead - 1), mean, context, there)


def between(mean: torch.Tensor, spread: torch.Tensor, mean_2: torch.Tensor, spread_2: torch.Tensor) -> torch.Tensor:
    """KL(N(mean, exp spread) || N(mean_2, exp spread_2)), summed over the last axis. (b, w) -> (b,)"""
    ratio = (spread - spread_2).exp()
    each = ratio + (mean - mean_2).square() / spread_2.exp() - 1 - (spread - spread_2)
    total: torch.Tensor = 0.5 * each.sum(-1)
    return total
