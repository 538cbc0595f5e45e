"""GFN4Rec (Liu et al. 2023): lists are drawn as often as their reward is large, by a generative flow network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.recommend.histories import Histories
from palate.recommend.slates import Slates

if TYPE_CHECKING:
    import torch


@dataclass
class GFN4Rec(Slates):
    """A list grows item by item; flow through it is learned by detailed balance, which the paper finds best.

    R = exp(sharp x the share of slots chosen): of all lists far more are of nobody's asking, and with a gentler reward
    most flow would go through those.
    """

    hidden: int = 128
    sharp: float = 12.0

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        def net(after: int) -> nn.Module:
            return nn.Sequential(nn.Linear(2 * self.width + 1, self.hidden), nn.ReLU(), nn.Linear(self.hidden, after))

        network = nn.ModuleDict(
            {
                "items_in": nn.Embedding(items, self.width),
                "person": nn.Linear(self.width, self.width),
                "policy": net(self.width),
                "flow": net(1),
            }
        )
        nn.init.normal_(network.get_parameter("items_in.weight"), std=0.1)
        return network

    def state_of(self, people: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """The person, the mean of the list so far, and how far it is. (b, w), (b, l) -> (b, 2 w + 1)"""
        import torch

        mean = self.table()[items].sum(1) / max(items.shape[1], 1)
        far = torch.full((len(people), 1), items.shape[1] / self.slots)
        return torch.cat([people, mean, far], 1)

    def chances(self, state: torch.Tensor) -> torch.Tensor:
        """log P_F(item | person, list so far). (b, items)"""
        found: torch.Tensor = (self.network["policy"](state) @ self.table().T).log_softmax(1)
        return found

    def loss(self, histories: Histories) -> torch.Tensor:
        """L_DB: sum over steps of (log F(s_t) + log P_F(a_t | s_t) - log F(s_t+1))^2, where F of a whole list is R.

        Lists grow at their end alone, so there is one way back and P_B is 1.
        """
        import torch

        known, slates, answers = self.made_up(histories)
        people = self.people(known)
        states = [self.state_of(people, slates[:, :length]) for length in range(self.slots)]
        flows = [self.network["flow"](state)[:, 0] for state in states] + [self.sharp * answers.mean(1)]
        steps = [
            flows[at] + self.chances(state).gather(1, slates[:, at : at + 1])[:, 0] - flows[at + 1]
            for at, state in enumerate(states)
        ]
        return torch.stack(steps).square().mean()

    def answer(self, histories: Histories) -> torch.Tensor:
        """Where a list begins: log P_F of the first item."""
        import torch

        return self.chances(self.state_of(self.people(histories), torch.empty(len(histories), 0, dtype=torch.int64)))

    def slate(self, histories: Histories, slots: int) -> NDArray[np.int64]:
        """The likeliest item at each step, given those before."""
        import torch

        from palate.recommend.slates import filled

        with torch.inference_mode():
            people = self.people(histories)
            made = torch.empty(len(histories), 0, dtype=torch.int64)
            for _ in range(min(slots, self.items)):
                chances = self.chances(self.state_of(people, made[:, -self.slots + 1 :]))
                known = [
                    np.append(history, row[row >= 0]) for history, row in zip(histories, made.numpy(), strict=True)
                ]
                best = torch.from_numpy(filled(chances[:, None], known))
                made = torch.cat([made, best], 1)
        return made.numpy()
