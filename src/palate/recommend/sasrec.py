"""SASRec (Kang and McAuley 2018): attention over what came before, and only before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.nextitem import NextItem

if TYPE_CHECKING:
    import torch


@dataclass
class SASRec(NextItem):
    layers: int = 2
    heads: int = 1

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        block = nn.TransformerEncoderLayer(
            self.width, self.heads, 4 * self.width, self.dropped, "gelu", batch_first=True, norm_first=True
        )
        network = nn.ModuleDict(
            {
                "items_in": nn.Embedding(items + 1, self.width, padding_idx=0),
                "places": nn.Embedding(self.longest, self.width),
                "dropout": nn.Dropout(self.dropped),
                "blocks": nn.TransformerEncoder(
                    block, self.layers, nn.LayerNorm(self.width), enable_nested_tensor=False
                ),
            }
        )
        for name in ("items_in", "places"):
            nn.init.normal_(network.get_parameter(f"{name}.weight"), std=0.02)
        return network

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """Places are counted from the end, so that padding changes nothing; padding is looked at by itself alone."""
        import torch

        length = ids.shape[1]
        places = torch.arange(length).flip(0)
        seen = self.network["dropout"](self.network["items_in"](ids) + self.network["places"](places))
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        hidden = later | (ids == 0)[:, None, :]
        hidden = (hidden & ~torch.eye(length, dtype=torch.bool)).repeat_interleave(self.heads, 0)
        found: torch.Tensor = self.network["blocks"](seen, mask=hidden)
        return found
