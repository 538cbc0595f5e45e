"""GRU4Rec (Hidasi et al. 2016): a gated recurrent unit reads the sequence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.nextitem import NextItem

if TYPE_CHECKING:
    import torch


@dataclass
class GRU4Rec(NextItem):
    hidden: int = 128

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        network = nn.ModuleDict(
            {
                "items_in": nn.Embedding(items + 1, self.width, padding_idx=0),
                "dropout": nn.Dropout(self.dropped),
                "reader": nn.GRU(self.width, self.hidden, batch_first=True),
                "out": nn.Linear(self.hidden, self.width),
            }
        )
        nn.init.normal_(network.get_parameter("items_in.weight"), std=0.05)
        return network

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """Padding is read as nothing: the memory stays empty until the first item."""
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        lengths = (ids != 0).sum(1).clamp_min(1)
        total = ids.shape[1]
        # The unit reads from the front: items are moved there, and back to the end afterwards.
        front = rolled(ids, lengths - total)
        seen = self.network["dropout"](self.network["items_in"](front))
        packed = pack_padded_sequence(seen, lengths, batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(self.network["reader"](packed)[0], batch_first=True, total_length=total)
        found: torch.Tensor = self.network["out"](rolled(read, total - lengths))
        return found


def rolled(rows: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """Each row moved to the right by its own number of places, round the end. (b, t, ...), (b,)"""
    import torch

    places = (torch.arange(rows.shape[1])[None, :] - by[:, None]) % rows.shape[1]
    return rows[torch.arange(len(rows))[:, None], places]
