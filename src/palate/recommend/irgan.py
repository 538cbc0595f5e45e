"""IRGAN (Wang et al. 2017): a generator picks items that a discriminator takes for a person's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from palate.recommend.histories import Histories
from palate.recommend.learned import Learned, picks, pooled, without

if TYPE_CHECKING:
    import torch


@dataclass
class IRGAN(Learned):
    """Both players are factorisations with an item's bias (equation 13); the generator answers.

    A person is the mean of what they chose, not a row of a table, so that somebody new is answered. The generator is
    first fitted to the choices alone, as the authors do, and then plays, but keeps to that fit by `anchor`: a policy
    that only wants its reward ends on a few items, which the authors avoid by stopping early.
    """

    width: int = 64
    drawn: int = 16
    """Items of each kind that a person contributes to a batch."""
    alone: float = 0.5
    """Share of the training before the two play."""
    anchor: float = 1.0

    def build(self, items: int) -> torch.nn.Module:
        import torch
        from torch import nn

        def player() -> nn.ParameterDict:
            tables = {name: 0.05 * torch.randn(items, self.width) for name in ("mine", "theirs")}
            return nn.ParameterDict({**tables, "bias": torch.zeros(items)})

        return nn.ModuleDict({"generator": player(), "discriminator": player()})

    def loss(self, histories: Histories) -> torch.Tensor:
        """The discriminator's (equation 3) and the generator's (equation 4): neither moves the other's weights.

        The expectation of equation 4 is taken over the whole catalogue instead of estimated from draws (equation 5).
        """
        import torch
        from torch.nn.functional import logsigmoid, softplus

        discriminator, generator = self.network["discriminator"], self.network["generator"]
        own = picks(histories, self.drawn)
        if self.progress < self.alone:
            return _fitted(discriminator, histories, own) + _fitted(generator, histories, own)
        chances = _all(generator, pooled(generator["mine"], histories)).softmax(1)
        made = torch.multinomial(chances.detach(), self.drawn, replacement=True)
        people = without(discriminator["mine"], histories, own)
        real, fake = _values(discriminator, people, own), _values(discriminator, people, made)
        judged = -(logsigmoid(real) + logsigmoid(-fake)).mean()
        reward = softplus(_all(discriminator, pooled(discriminator["mine"], histories))).detach()
        played = -(chances * reward).sum(1).mean()
        total: torch.Tensor = judged + played + self.anchor * _fitted(generator, histories, own)
        return total

    def answer(self, histories: Histories) -> torch.Tensor:
        player = self.network["generator"]
        return _all(player, pooled(player["mine"], histories))


def _fitted(player: torch.nn.ParameterDict, histories: Histories, own: torch.Tensor) -> torch.Tensor:
    """Each item against all others, given the person's other items."""
    from torch.nn.functional import cross_entropy

    people = without(player["mine"], histories, own)
    return cross_entropy(_all(player, people.flatten(0, 1)), own.flatten())


def _all(player: torch.nn.ParameterDict, people: torch.Tensor) -> torch.Tensor:
    """Equation 13 for every item: b_i + v_u v_i. (p, w) -> (p, items)"""
    values: torch.Tensor = people @ player["theirs"].T + player["bias"]
    return values


def _values(player: torch.nn.ParameterDict, people: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """The same for some items each. (p, k, w), (p, k) -> (p, k)"""
    value: torch.Tensor = (people * player["theirs"][items]).sum(-1) + player["bias"][items]
    return value
