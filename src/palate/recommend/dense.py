"""Dense retrieval (survey, section 3.1.1): items are vectors of their texts, and people are fused of their items."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from palate.recommend.histories import Histories, Items, Scores, State, checked
from palate.recommend.learned import Learned, picks

if TYPE_CHECKING:
    import torch


@dataclass
class Dense(Learned):
    """Two towers over vectors that an encoder made before: nothing belongs to one item alone, so new items are scored
    as well as old ones, and a question in words of the same encoder can stand in for a person.
    """

    remembered: ClassVar[tuple[str, ...]] = ("text",)
    text: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """(items, d)"""
    width: int = 64
    longest: int = 50
    """A person is fused of so many of their latest choices."""
    drawn: int = 4
    """Choices of each person that are to be found in a batch, each from the others."""
    temperature: float = 0.1

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        assert len(self.text) == items
        before = self.text.shape[1]
        return nn.ModuleDict(
            {
                "item": nn.Linear(before, self.width),
                "chosen": nn.Linear(before, self.width),
                "weight": nn.Linear(before, 1),
            }
        )

    def vectors(self) -> torch.Tensor:
        """Unit vectors of all items, made once when learning is over. (items, width)"""
        from torch.nn.functional import normalize

        if self.network.training:
            return normalize(self.network["item"](self.network.get_buffer("text")), dim=1)
        if self.ready is None:
            self.ready = normalize(self.network["item"](self.network.get_buffer("text")), dim=1).detach()
        found: torch.Tensor = self.ready
        return found

    def people(self, histories: Histories) -> torch.Tensor:
        """The second encoder: choices weighed against each other, the weighted mean at unit length. (people, width)"""
        import torch
        from torch.nn.functional import normalize

        length = min(self.longest, max(1, *(len(history) for history in histories), 1))
        ids = torch.full((len(histories), length), -1)
        for row, history in zip(ids, histories, strict=True):
            latest = torch.as_tensor(np.asarray(history)[-length:])
            row[: len(latest)] = latest
        there = (ids >= 0)[..., None]
        seen = self.network.get_buffer("text")[ids.clamp_min(0)]
        weights = self.network["weight"](seen).masked_fill(~there, -torch.inf).softmax(1).nan_to_num(0.0)
        return normalize((weights * self.network["chosen"](seen)).sum(1), dim=1)

    def teaches(self, history: Any) -> bool:
        return len(np.unique(history)) > 1

    def loss(self, histories: Histories) -> torch.Tensor:
        """Each choice among all items, from the person's other choices."""
        import torch
        from torch.nn.functional import cross_entropy

        own = picks(histories, self.drawn)
        others: list[Items] = [
            history[history != one] for history, row in zip(histories, own.tolist(), strict=True) for one in row
        ]
        scores = self.people(others) @ self.vectors().T / self.temperature
        kept = torch.zeros_like(scores, dtype=torch.bool)
        for row, history in zip(kept, others, strict=True):
            row[torch.as_tensor(history)] = True
        # What the person is known to have is no wrong answer.
        return cross_entropy(scores.masked_fill(kept, -torch.inf), own.flatten())

    def answer(self, histories: Histories) -> torch.Tensor:
        return self.people(histories) @ self.vectors().T

    def found(self, words: Scores) -> Scores:
        """Items for questions in the encoder's own space, as if they had been chosen. (n, d) -> (n, items)"""
        import torch
        from torch.nn.functional import normalize

        with torch.inference_mode():
            asked = normalize(self.network["chosen"](torch.from_numpy(np.asarray(words, np.float32))), dim=1)
            scores: Scores = (asked @ self.vectors().T).numpy()
        return scores


@dataclass
class Fused(ABC):
    """Items are vectors that a network made of what is known of them; people are fused of what they chose (`Dense`)."""

    dense: dict[str, Any] = field(default_factory=dict)
    """Settings of `Dense`."""
    seed: int = 0
    fused: Dense = field(default_factory=Dense, repr=False)

    @abstractmethod
    def item_vectors(self, items: int) -> Scores:
        """(items, d), learned from the items alone."""

    def fit(self, histories: Histories, items: int) -> Self:
        histories = checked(histories, items)
        self.fused = Dense(text=self.item_vectors(items), seed=self.seed, **self.dense).fit(histories, items)
        return self

    def score(self, histories: Histories) -> Scores:
        return self.fused.score(histories)

    def state(self) -> State:
        return self.fused.state()

    def restore(self, state: State) -> Self:
        self.fused = Dense(seed=self.seed, **self.dense).restore(state)
        return self
