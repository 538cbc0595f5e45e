"""SASRec (Kang and McAuley 2018): attention over what came before, and only before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.nextitem import NextItem

if TYPE_CHECKING:
    import torch


@dataclass
class SASRec(NextItem):
    """How far away a choice is weighs on attention (a learned bias, Raffel et al. 2020) instead of the paper's vector
    for each place: what is learned at one place of a window holds at its last, the only one that is asked.
    """

    fresh: float = 0.5
    layers: int = 2
    heads: int = 2

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        network = nn.ModuleDict(
            {
                "items_in": nn.Embedding(items + 1, self.width, padding_idx=0),
                "distances": nn.Embedding(self.longest, self.heads),
                "dropout": nn.Dropout(self.dropped),
                "blocks": nn.ModuleList([block_of(self.width) for _ in range(self.layers)]),
                "norm": nn.LayerNorm(self.width),
            }
        )
        nn.init.normal_(network.get_parameter("items_in.weight"), std=0.02)
        nn.init.zeros_(network.get_parameter("distances.weight"))
        return network

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """Later choices and padding are not looked at; padding looks at itself."""
        from torch.nn.functional import gelu

        network = self.network
        x = network["dropout"](network["items_in"](ids))
        weights = self.weights(ids)
        for block in network["blocks"]:
            x = x + network["dropout"](self.attended(block, x, weights))
            x = x + network["dropout"](block["narrow"](gelu(block["wide"](block["norm_2"](x)))))
        found: torch.Tensor = network["norm"](x)
        return found

    def weights(self, ids: torch.Tensor) -> torch.Tensor:
        """What is added to attention: by distance, and minus infinity for what is not looked at. (b, heads, t, t)"""
        import torch

        places = torch.arange(ids.shape[1])
        back = places[:, None] - places
        by_distance = self.network["distances"](back.clamp_min(0)).permute(2, 0, 1)
        hidden = ((back < 0) | (ids == 0)[:, None, :]) & (back != 0)
        found: torch.Tensor = by_distance.masked_fill(hidden[:, None], -torch.inf)
        return found

    def attended(self, block: torch.nn.ModuleDict, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """The paper's equations 2 and 3, for several heads. (b, t, width)"""
        from torch.nn.functional import scaled_dot_product_attention

        people, length, width = x.shape
        asked, told, values = (
            part.view(people, length, self.heads, -1).transpose(1, 2)
            for part in block["asked_told_values"](block["norm"](x)).chunk(3, dim=-1)
        )
        dropped = self.dropped if self.network.training else 0.0
        found = scaled_dot_product_attention(asked, told, values, attn_mask=weights, dropout_p=dropped)
        joined: torch.Tensor = block["joined"](found.transpose(1, 2).reshape(people, length, width))
        return joined


def block_of(width: int) -> torch.nn.ModuleDict:
    """Attention and what comes after it, each with what is read of its input brought to one scale first."""
    from torch import nn

    return nn.ModuleDict(
        {
            "norm": nn.LayerNorm(width),
            "asked_told_values": nn.Linear(width, 3 * width),
            "joined": nn.Linear(width, width),
            "norm_2": nn.LayerNorm(width),
            "wide": nn.Linear(width, 4 * width),
            "narrow": nn.Linear(4 * width, width),
        }
    )
