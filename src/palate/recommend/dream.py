"""DREAM (Yu et al. 2016): the next basket, from a memory that reads baskets instead of single items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.gru4rec import rolled
from palate.recommend.histories import Histories
from palate.recommend.nextitem import NextItem

if TYPE_CHECKING:
    import torch


@dataclass
class Dream(NextItem):
    """Where histories do not say what was bought together, so many choices in a row are a basket.

    The whole next basket is told by cross-entropy over all items; the paper ranks its items above sampled ones.
    """

    basket: int = 3
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

    def baskets(self, ids: torch.Tensor) -> torch.Tensor:
        """Baskets are counted from the latest choice back. (b, t) -> (b, t / basket, basket)"""
        from torch.nn.functional import pad

        return pad(ids, (-ids.shape[1] % self.basket, 0)).view(len(ids), -1, self.basket)

    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """Equations 1 and 2: the mean of each basket's items goes through a recurrent unit."""
        from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

        baskets = self.baskets(ids)
        sizes = (baskets != 0).sum(2)
        seen = self.network["items_in"](baskets).sum(2) / sizes[..., None].clamp_min(1)
        lengths, total = (sizes != 0).sum(1).clamp_min(1), baskets.shape[1]
        front = rolled(self.network["dropout"](seen), lengths - total)
        packed = pack_padded_sequence(front, lengths, batch_first=True, enforce_sorted=False)
        read, _ = pad_packed_sequence(self.network["reader"](packed)[0], batch_first=True, total_length=total)
        found: torch.Tensor = self.network["out"](rolled(read, total - lengths))
        return found

    def loss(self, histories: Histories) -> torch.Tensor:
        """A random share of a basket is left out at the end, so that baskets begin at any place."""
        import torch

        skipped = torch.randint(0, self.basket, (len(histories),)).tolist()
        cut = [history[: max(2, len(history) - skip)] for history, skip in zip(histories, skipped, strict=True)]
        longest = max(len(history) for history in cut)
        ids = self.padded(cut, min(self.longest + self.basket, max(longest, 2 * self.basket)))
        baskets = self.baskets(ids)
        before, after = baskets[:, :-1], baskets[:, 1:]
        # What fits into one basket teaches what comes first: what an empty memory should say.
        told = (after != 0).any(2)
        scores = self.states(before.flatten(1))[told] @ self.network["items_in"].weight[1:].T
        wanted, there = (after[told] - 1).clamp_min(0), after[told] != 0
        each = (scores.log_softmax(1).gather(1, wanted) * there).sum(1) / there.sum(1)
        total: torch.Tensor = -each.mean()
        return total
