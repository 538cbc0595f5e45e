"""VBPR (He and McAuley 2016): what an item looks like counts beside who chose it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from palate.recommend.histories import Histories, Scores
from palate.recommend.learned import Learned, picks, pooled, without

if TYPE_CHECKING:
    import torch


@dataclass
class VBPR(Learned):
    """Equation 4: x_ui = beta_i + gamma_u gamma_i + theta_u E f_i + beta' f_i, with the person's vectors the means of
    their items' (so that somebody new is answered). What nobody chose has gamma and beta 0: only its look speaks.
    """

    remembered: ClassVar[tuple[str, ...]] = ("pictures",)
    pictures: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """f, (items, d)"""
    width: int = 64
    drawn: int = 16
    """Pairs of a chosen and another item that a person contributes to a batch."""

    def build(self, items: int) -> torch.nn.Module:
        import torch
        from torch import nn

        assert len(self.pictures) == items
        before = self.pictures.shape[1]
        return nn.ParameterDict(
            {
                "gamma_mine": 0.1 * torch.randn(items, self.width),
                "gamma": torch.zeros(items, self.width),
                "beta": torch.zeros(items),
                "E": torch.randn(before, self.width) / before**0.5,
                "theta": torch.eye(self.width),
                "beta_look": torch.zeros(before),
            }
        )

    def teaches(self, history: Any) -> bool:
        return 1 < len(np.unique(history)) < self.items

    def loss(self, histories: Histories) -> torch.Tensor:
        """Equation 7: - ln sigma(x_ui - x_uj) with j what u did not choose."""
        import torch
        from torch.nn.functional import logsigmoid

        own = picks(histories, self.drawn)
        other = torch.randint(0, self.items, own.shape)
        mine = [torch.isin(row, torch.as_tensor(history)) for row, history in zip(other, histories, strict=True)]
        look = self.network.get_buffer("pictures") @ self.network["E"]
        gamma_u = without(self.network["gamma_mine"], histories, own)
        theta_u = without(look, histories, own) @ self.network["theta"]
        bias = self.biases()

        def value(items: torch.Tensor) -> torch.Tensor:
            both = (gamma_u * self.network["gamma"][items]).sum(-1) + (theta_u * look[items]).sum(-1)
            total: torch.Tensor = both + bias[items]
            return total

        apart = -logsigmoid(value(own) - value(other)) * ~torch.stack(mine)
        total: torch.Tensor = apart.sum() / (~torch.stack(mine)).sum().clamp_min(1)
        return total

    def biases(self) -> torch.Tensor:
        """beta_i + beta' f_i. (items,)"""
        found: torch.Tensor = self.network["beta"] + self.network.get_buffer("pictures") @ self.network["beta_look"]
        return found

    def answer(self, histories: Histories) -> torch.Tensor:
        if self.ready is None:
            # Every request needs projected looks and biases.
            look = self.network.get_buffer("pictures") @ self.network["E"]
            self.ready = (look.detach(), self.biases().detach())
        look, bias = self.ready
        known = pooled(self.network["gamma_mine"], histories) @ self.network["gamma"].T
        seen: torch.Tensor = pooled(look, histories) @ self.network["theta"] @ look.T
        total: torch.Tensor = known + seen + bias
        return total
