"""AutoRec (Sedhain et al. 2015): an auto-encoder with one hidden layer gives back what a person chose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.histories import Histories
from palate.recommend.learned import Learned, chosen_of, first_layer, through, turned

if TYPE_CHECKING:
    import torch


@dataclass
class AutoRec(Learned):
    """U-AutoRec: its input is a person's row, so people it has never met are answered. I-AutoRec's is an item's column.

    The paper's rows hold ratings, and only those are to be given back. Of choices there are no others than ones, which
    a constant would explain; so what was not chosen counts too, with less weight (as in Hu, Koren and Volinsky 2008).
    """

    hidden: int = 500
    unseen: float = 0.1
    """What an item that was not chosen weighs beside one that was."""
    dropped: float = 0.5
    """Share of the choices that are hidden in training, which is the denoising of Vincent et al. (2008)."""

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        return nn.ModuleDict({"V": turned(items, self.hidden), "W": turned(self.hidden, items)})

    def given_back(self, histories: Histories) -> torch.Tensor:
        """Equation 2: h(r) = f(W g(V r + mu) + b) with f the identity and g a sigmoid. (b, items)"""
        dropped = self.dropped if self.network.training else 0.0
        return through(self.network["W"], first_layer(self.network["V"], histories, dropped=dropped).sigmoid())

    def loss(self, histories: Histories) -> torch.Tensor:
        """Equation 1: the weighted squared error; its penalty is the optimiser's decay.

        All count as not chosen, and what was chosen makes up for it.
        """
        back = self.given_back(histories)
        told, _ = chosen_of(back, histories)
        chosen = (1 - told).square().sum() - self.unseen * told.square().sum()
        total: torch.Tensor = (self.unseen * back.square().sum() + chosen) / len(histories)
        return total

    def answer(self, histories: Histories) -> torch.Tensor:
        return self.given_back(histories)
