"""A GAN that adds virtual people to the ones to learn from (Chae et al. 2020, AR-CF), for EASE to learn from both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from palate.recommend.ease import Ease
from palate.recommend.histories import Histories, Items, Scores, State, checked
from palate.recommend.learned import Learned, rows_of

if TYPE_CHECKING:
    import torch


@dataclass
class VirtualPeople(Learned):
    """A generator of people: noise and how much somebody chooses become the chances of every item.

    The discriminator sees a row and tells real people from made ones; it never moves the generator's weights, nor the
    other way round.
    """

    noise: int = 32
    hidden: int = 128

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        def net(before: int, after: int) -> nn.Module:
            return nn.Sequential(nn.Linear(before, self.hidden), nn.LeakyReLU(0.2), nn.Linear(self.hidden, after))

        return nn.ModuleDict({"generator": net(self.noise, items), "discriminator": net(items, 1)})

    def rows(self, count: int, sizes: torch.Tensor) -> torch.Tensor:
        """Chances of every item, `sizes` of them expected, at most 1 each. (count, items)"""
        import torch

        chances = self.network["generator"](torch.randn(count, self.noise)).softmax(1)
        made: torch.Tensor = (chances * sizes[:, None]).clamp_max(1.0)
        return made

    def loss(self, histories: Histories) -> torch.Tensor:
        """max_D E log D(x) + E log(1 - D(G(z))); G by the gradient that does not vanish (Goodfellow et al. 2014)."""
        from torch.func import functional_call
        from torch.nn.functional import dropout, softplus

        real = rows_of(histories, self.items)
        made = self.rows(len(real), real.sum(1))
        discriminator = self.network["discriminator"]
        # A row of ones and zeros is told from chances at a glance; hidden and blurred, both are less sure.
        seen = dropout(real, 0.2) * 0.8
        judged = softplus(-discriminator(seen)).mean() + softplus(discriminator(made.detach())).mean()
        still = {name: weight.detach() for name, weight in discriminator.named_parameters()}
        played = softplus(-functional_call(discriminator, still, (made,))).mean()
        total: torch.Tensor = judged + played
        return total

    def answer(self, histories: Histories) -> torch.Tensor:
        """What somebody made at random would choose: the same for all."""
        import torch

        return self.rows(1, torch.ones(1)).expand(len(histories), -1).clone()

    def made(self, sizes: Items) -> Histories:
        """Virtual people, each with so many choices: the likeliest of their own chances."""
        import torch

        with torch.inference_mode(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + 1)
            chances = self.rows(len(sizes), torch.from_numpy(sizes).float()).numpy()
        order = np.argsort(-chances, axis=1, kind="stable")
        return [np.sort(row[:size]) for row, size in zip(order, sizes.tolist(), strict=True)]


@dataclass
class AugmentedEase:
    """EASE of everybody, real and virtual."""

    penalty: float = 250.0
    added: float = 0.1
    """Virtual people for each real one."""
    seed: int = 0
    forger: dict[str, Any] = field(default_factory=dict)
    """The generator's settings."""
    ease: Ease = field(default_factory=Ease, repr=False)

    def fit(self, histories: Histories, items: int) -> Self:
        histories = checked(histories, items)
        sizes = np.array([len(np.unique(history)) for history in histories if len(history)], np.int64)
        drawn = sizes[np.random.default_rng(self.seed).integers(0, max(len(sizes), 1), round(self.added * len(sizes)))]
        forger = VirtualPeople(seed=self.seed, **self.forger).fit(histories, items)
        self.ease = Ease(self.penalty).fit([*histories, *forger.made(drawn)], items)
        return self

    def score(self, histories: Histories) -> Scores:
        return self.ease.score(histories)

    def state(self) -> State:
        return self.ease.state()

    def restore(self, state: State) -> Self:
        self.ease = Ease(self.penalty).restore(state)
        return self
