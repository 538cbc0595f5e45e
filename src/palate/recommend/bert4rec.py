"""BERT4Rec (Sun et al. 2019): attention to both sides, learned by guessing items that were masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.histories import Histories
from palate.recommend.nextitem import NextItem

if TYPE_CHECKING:
    import torch


@dataclass
class BERT4Rec(NextItem):
    layers: int = 2
    heads: int = 2
    masked: float = 0.3

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        block = nn.TransformerEncoderLayer(
            self.width, self.heads, 4 * self.width, self.dropped, "gelu", batch_first=True, norm_first=True
        )
        network = nn.ModuleDict(
            {
                "items_in": nn.Embedding(items + 1, self.width, padding_idx=0),
                "places": nn.Embedding(self.longest + 1, self.width),
                "mask": nn.Embedding(1, self.width),
                "dropout": nn.Dropout(self.dropped),
                "blocks": nn.TransformerEncoder(
                    block, self.layers, nn.LayerNorm(self.width), enable_nested_tensor=False
                ),
            }
        )
        for name in ("items_in", "places", "mask"):
            nn.init.normal_(network.get_parameter(f"{name}.weight"), std=0.02)
        return network

    def read(self, ids: torch.Tensor, masked: torch.Tensor) -> torch.Tensor:
        """(b, t) items and which of them are hidden -> (b, t, width)"""
        import torch

        seen = torch.where(masked[..., None], self.network["mask"].weight[0], self.network["items_in"](ids))
        places = self.network["places"](torch.arange(ids.shape[1]).flip(0))
        absent = (ids == 0) & ~masked
        absent[:, -1] = False
        found: torch.Tensor = self.network["blocks"](
            self.network["dropout"](seen + places), src_key_padding_mask=absent
        )
        return found

    def loss(self, histories: Histories) -> torch.Tensor:
        """A share of the items anywhere, and in every other sequence the last one alone, as it will be asked."""
        import torch
        from torch.nn.functional import cross_entropy

        length = min(self.longest + 1, max(len(history) for history in histories))
        ids = self.padded(histories, length)
        masked = (torch.rand(ids.shape) < self.masked) & (ids != 0)
        last = torch.rand(len(ids)) < 0.5
        masked[last] = False
        masked[last, -1] = True
        masked[~masked.any(1), -1] = True
        scores = self.read(ids, masked)[masked] @ self.network["items_in"].weight[1:].T
        return cross_entropy(scores, ids[masked] - 1)

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """One place more at the end, which is masked."""
        import torch

        more = torch.cat([ids, torch.zeros_like(ids[:, :1])], dim=1)
        masked = torch.zeros_like(more, dtype=torch.bool)
        masked[:, -1] = True
        return self.read(more, masked)
