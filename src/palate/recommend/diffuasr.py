"""DiffuASR (Liu et al. 2023): diffusion makes what may have come before a short sequence; SASRec learns from both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from palate.recommend.diffrec import TIME_WIDTH, waves
from palate.recommend.histories import Histories, Items, Scores, State, checked
from palate.recommend.learned import Learned, pooled
from palate.recommend.sasrec import SASRec
from palate.recommend.semanticids import by_company

if TYPE_CHECKING:
    import torch


@dataclass
class Before(Learned):
    """Diffusion over the vectors of the `added` items before a sequence, guided by the sequence (section 3)."""

    remembered: ClassVar[tuple[str, ...]] = ("vectors",)
    added: int = 3
    steps: int = 50
    hidden: int = 128
    vectors: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """(items, d) of unit length, from which items stand together; the paper's are a trained recommender's."""

    def fit(self, histories: Histories, items: int) -> Self:
        neighbours = [history[at : at + 3] for history in histories for at in range(max(len(history) - 2, 1))]
        found = by_company(neighbours, items)
        self.vectors = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
        return super().fit(histories, items)

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        assert len(self.vectors) == items
        width = self.vectors.shape[1]
        whole = self.added * width
        return nn.ModuleDict(
            {
                "denoiser": nn.Sequential(
                    nn.Linear(whole + 2 * width + TIME_WIDTH, self.hidden),
                    nn.GELU(),
                    nn.Linear(self.hidden, self.hidden),
                    nn.GELU(),
                    nn.Linear(self.hidden, whole),
                )
            }
        )

    def teaches(self, history: Any) -> bool:
        return len(history) > self.added

    def kept(self) -> torch.Tensor:
        """alpha-bar_t of the cosine schedule (Nichol and Dhariwal 2021), t = 1 .. T. (T,)"""
        import torch

        angle = (torch.arange(1, self.steps + 1) / self.steps + 0.008) / 1.008 * torch.pi / 2
        return angle.cos().square().clamp(1e-4, 1 - 1e-4)

    def guide(self, histories: Histories) -> torch.Tensor:
        """What is known of a sequence: its mean item and its first. (b, 2 d)"""
        import torch

        first = [history[0] if len(history) else -1 for history in histories]
        table = self.network.get_buffer("vectors")
        begin = torch.stack([table[item] if item >= 0 else torch.zeros_like(table[0]) for item in first])
        return torch.cat([pooled(table, histories), begin], 1)

    def guessed(self, noisy: torch.Tensor, times: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
        """x_0 of x_t at t = `times` + 1. (b, added d)"""
        import torch

        found: torch.Tensor = self.network["denoiser"](torch.cat([noisy, guide, waves(times)], 1))
        return found

    def loss(self, histories: Histories) -> torch.Tensor:
        """|x_0 - f(x_t, t, what follows)|^2, where x_0 are the first items of a real sequence."""
        import torch

        table = self.network.get_buffer("vectors")
        first = torch.from_numpy(np.stack([history[: self.added] for history in histories]))
        x = table[first].flatten(1)
        times = torch.randint(0, self.steps, (len(x),))
        share = self.kept()[times][:, None]
        noisy = share.sqrt() * x + (1 - share).sqrt() * torch.randn_like(x)
        guess = self.guessed(noisy, times, self.guide([history[self.added :] for history in histories]))
        error: torch.Tensor = (guess - x).square().sum(1).mean()
        return error

    def answer(self, histories: Histories) -> torch.Tensor:
        """How near each item is to what most likely came before."""
        scores: torch.Tensor = self.drawn(histories)[:, -1] @ self.network.get_buffer("vectors").T
        return scores

    def drawn(self, histories: Histories) -> torch.Tensor:
        """Back from noise, step by step (Ho et al. 2020, equations 6 and 7). (b, added, d)"""
        import torch

        guide, kept = self.guide(histories), self.kept()
        maker = torch.Generator().manual_seed(self.seed)
        shape = (len(histories), self.added * self.network.get_buffer("vectors").shape[1])
        x = torch.randn(shape, generator=maker)
        for time in reversed(range(self.steps)):
            guess = self.guessed(x, torch.full((len(x),), time), guide)
            if time == 0:
                x = guess
                break
            now, before = kept[time], kept[time - 1]
            step = now / before
            mean = (step.sqrt() * (1 - before) * x + before.sqrt() * (1 - step) * guess) / (1 - now)
            x = mean + ((1 - before) / (1 - now) * (1 - step)).sqrt() * torch.randn(shape, generator=maker)
        return x.view(len(histories), self.added, -1)

    def items_before(self, histories: Histories) -> list[Items]:
        """The items nearest to what was drawn."""
        import torch

        with torch.inference_mode():
            near = self.drawn(histories) @ self.network.get_buffer("vectors").T
        return list(near.argmax(-1).numpy())


@dataclass
class DiffuASR:
    """SASRec of real sequences, the short ones with made items in front; nothing is added when it is asked."""

    added: int = 3
    short: int = 20
    """Sequences of fewer items get more."""
    before: dict[str, Any] = field(default_factory=dict)
    """The diffusion's settings."""
    sasrec: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    reader: SASRec = field(default_factory=SASRec, repr=False)

    def fit(self, histories: Histories, items: int) -> Self:
        histories = checked(histories, items)
        maker = Before(added=self.added, seed=self.seed, **self.before).fit(histories, items)
        few = [at for at, history in enumerate(histories) if 0 < len(history) < self.short]
        longer = list(histories)
        if few:
            for at, more in zip(few, maker.items_before([histories[at] for at in few]), strict=True):
                longer[at] = np.concatenate([more, histories[at]])
        self.reader = SASRec(seed=self.seed, **self.sasrec).fit(longer, items)
        return self

    def score(self, histories: Histories) -> Scores:
        return self.reader.score(histories)

    def state(self) -> State:
        return self.reader.state()

    def restore(self, state: State) -> Self:
        self.reader = SASRec(seed=self.seed, **self.sasrec).restore(state)
        return self
