"""What recommenders with a network share: one training loop, one way to be kept. A method says its network and loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from palate.errors import PalateError
from palate.recommend.histories import Histories, Items, Scores, State, checked

if TYPE_CHECKING:
    import torch

PEOPLE_AT_A_TIME = 512
FEW = 8
LONGEST_GRADIENT = 5.0


@dataclass
class Learned(ABC):
    """Adam over batches of people; everything random follows from the seed."""

    remembered: ClassVar[tuple[str, ...]] = ()
    """Arrays of the recommender that are kept with its weights, such as what is known of the items."""
    epochs: int = 50
    batch: int = 256
    rate: float = 1e-3
    decay: float = 0.0
    seed: int = 0
    network: Any = field(default=None, repr=False)
    progress: float = field(default=0.0, repr=False)
    """How much of the training is behind, from 0 to 1."""

    @abstractmethod
    def build(self, items: int) -> torch.nn.Module:
        """The network before it has learned anything; `fit` notes in it how many items there are."""

    @abstractmethod
    def loss(self, histories: Histories) -> torch.Tensor:
        """What a batch of people costs."""

    @abstractmethod
    def answer(self, histories: Histories) -> torch.Tensor:
        """(people, items)"""

    def fit(self, histories: Histories, items: int) -> Self:
        import torch

        histories = checked(histories, items)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self._begin(items)
            adam = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=self.decay)
            people = [history for history in histories if self.teaches(history)]
            draw, order = np.random.default_rng(self.seed), np.arange(len(people))
            self.network.train()
            starts = range(0, len(people), self.batch)
            for epoch, start in product(range(self.epochs), starts):
                order = draw.permutation(len(people)) if start == 0 else order
                self.progress = (epoch + start / len(people)) / self.epochs
                loss = self.loss([people[person] for person in order[start : start + self.batch]])
                adam.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_GRADIENT)
                adam.step()
            self.network.eval()
        if not all(torch.isfinite(weight).all() for weight in self.network.parameters()):
            raise PalateError("not_a_number", f"{type(self).__name__} did not learn: try a lower rate than {self.rate}")
        return self

    def teaches(self, history: Any) -> bool:
        """Whether there is something to learn from it."""
        return len(history) > 0

    def score(self, histories: Histories) -> Scores:
        import torch

        histories = checked(histories, self.items)
        found = np.empty((len(histories), self.items), np.float32)
        with torch.inference_mode():
            for start in range(0, len(histories), PEOPLE_AT_A_TIME):
                some = histories[start : start + PEOPLE_AT_A_TIME]
                found[start : start + len(some)] = self.answer(some).float().numpy()
        return found

    def state(self) -> State:
        return {name: value.detach().numpy().copy() for name, value in self.network.state_dict().items()}

    def restore(self, state: State) -> Self:
        import torch

        for name in self.remembered:
            setattr(self, name, np.array(state[name]))
        self._begin(int(state["item_count"]))
        self.network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
        self.network.eval()
        return self

    @property
    def items(self) -> int:
        return int(self.network.item_count)

    def _begin(self, items: int) -> None:
        import torch

        self.network = self.build(items)
        self.network.register_buffer("item_count", torch.tensor(items))
        for name in self.remembered:
            self.network.register_buffer(name, torch.from_numpy(np.array(getattr(self, name))))


def rows_of(histories: Histories, items: int) -> torch.Tensor:
    """(people, items) of 0 and 1."""
    import torch

    rows = torch.zeros(len(histories), items)
    for row, history in zip(rows, histories, strict=True):
        row[torch.as_tensor(history)] = 1.0
    return rows


def pooled(embedding: torch.Tensor, histories: Histories) -> torch.Tensor:
    """The mean of a person's items, each counted once; nothing for nobody. (items, w) -> (people, w)"""
    import torch
    from torch.nn.functional import embedding_bag

    flat, starts = flattened(histories)
    if not len(flat):
        return torch.zeros(len(histories), embedding.shape[1])
    return embedding_bag(flat, embedding, starts, mode="mean")


def flattened(histories: Histories) -> tuple[torch.Tensor, torch.Tensor]:
    """All items of all people in one row, and where each person's begin."""
    import torch

    own = [np.unique(history) for history in histories]
    starts = np.concatenate([[0], np.cumsum([len(history) for history in own])[:-1]]).astype(np.int64)
    return torch.from_numpy(np.concatenate([*own, np.empty(0, np.int64)])), torch.from_numpy(starts)


def without(embedding: torch.Tensor, histories: Histories, picked: torch.Tensor) -> torch.Tensor:
    """A person's mean item without one of them at a time, so that none is its own evidence. (p, k) -> (p, k, w)"""
    import torch

    sizes = torch.tensor([len(np.unique(history)) for history in histories])[:, None, None]
    sums = pooled(embedding, histories)[:, None, :] * sizes
    left: torch.Tensor = (sums - embedding[picked]) / (sizes - 1).clamp_min(1)
    return left


def picks(histories: Histories, count: int) -> torch.Tensor:
    """`count` of each person's choices, drawn at random with replacement. (people, count)"""
    import torch

    drawn = torch.rand(len(histories), count).numpy()
    own: list[Items] = [np.unique(history) for history in histories]
    chosen = [items[(row * len(items)).astype(np.int64)] for row, items in zip(drawn, own, strict=True)]
    return torch.from_numpy(np.stack(chosen))


def latents(said: torch.Tensor, *, training: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """z and KL(q(z | x) || N(0, I)) of mean and log variance side by side; drawn in training, else the mean.

    (..., 2 l) -> (..., l), (...): Kingma and Welling 2014, section 3 and appendix B.
    """
    import torch

    mean, log_variance = said.chunk(2, dim=-1)
    divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
    if not training:
        return mean, divergence
    return mean + torch.randn_like(mean) * (0.5 * log_variance).exp(), divergence


def last_layer(width: int, items: int) -> torch.nn.Linear:
    """A layer to all items whose weights lie item beside item: one person's scores take a third of the time.

    The same weights as those of `nn.Linear`, drawn alike and kept alike; only their order in memory differs.
    """
    from torch import nn

    layer = nn.Linear(width, items)
    layer.weight = nn.Parameter(layer.weight.detach().t().contiguous().t())
    return layer


def first_layer(layer: torch.nn.Linear, histories: Histories, *, unit: bool = False) -> torch.Tensor:
    """The layer's answer to rows of 0 and 1, `unit` to rows of length 1. (people, out)

    For a few people only the weights of what they chose are read: of 100,000 items those are few.
    """
    import torch
    from torch.nn.functional import normalize

    if len(histories) > FEW:
        rows = rows_of(histories, layer.in_features)
        answer: torch.Tensor = layer(normalize(rows, dim=1) if unit else rows)
        return answer
    own = [torch.from_numpy(np.unique(history)) for history in histories]
    sums = [layer.weight[:, items].sum(1) / (max(len(items), 1) ** 0.5 if unit else 1.0) for items in own]
    return torch.stack(sums) + layer.bias
