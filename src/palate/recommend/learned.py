"""What recommenders with a network share: one training loop, one way to be kept. A method says its network and loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from palate.errors import PalateError
from palate.recommend.histories import Histories, Items, Scores, State, checked

if TYPE_CHECKING:
    import torch

PEOPLE_AT_A_TIME = 512
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
    after: Callable[[int], bool] | None = field(default=None, repr=False, compare=False)
    """Told how many epochs are done, after each; whether it answers that they are enough ends the training."""
    ready: Any = field(default=None, repr=False, compare=False)
    """What answering makes of the weights once, and forgets when they move."""

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
            adam = torch.optim.AdamW(self.network.parameters(), lr=self.rate, weight_decay=self.decay, fused=True)
            lessons, draw = self.lessons(histories), np.random.default_rng(self.seed)
            for epoch in range(self.epochs if lessons else 0):
                self.network.train()
                self.ready = None
                self._read_once(lessons, self.order(lessons, draw), epoch, adam)
                self.network.eval()
                if self.after is not None and self.after(epoch + 1):
                    break
            self.network.eval()
        if not all(torch.isfinite(weight).all() for weight in self.network.parameters()):
            raise PalateError("not_a_number", f"{type(self).__name__} did not learn: try a lower rate than {self.rate}")
        return self

    def _read_once(self, lessons: Histories, order: Items, epoch: int, adam: torch.optim.Optimizer) -> None:
        """One epoch: a step for each batch."""
        import torch

        for start in range(0, len(lessons), self.batch):
            self.progress = (epoch + start / len(lessons)) / self.epochs
            loss = self.loss([lessons[at] for at in order[start : start + self.batch]])
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_GRADIENT)
            adam.step()

    def lessons(self, histories: Histories) -> Histories:
        """What an epoch goes through."""
        return [history for history in histories if self.teaches(history)]

    def order(self, lessons: Histories, draw: np.random.Generator) -> Items:
        """In which an epoch goes through them."""
        return draw.permutation(len(lessons))

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

        self.network, self.ready = self.build(items), None
        self.network.register_buffer("item_count", torch.tensor(items))
        for name in self.remembered:
            self.network.register_buffer(name, torch.from_numpy(np.array(getattr(self, name))))


def rows_of(histories: Histories, items: int) -> torch.Tensor:
    """(people, items) of 0 and 1."""
    import torch

    rows = torch.zeros(len(histories), items)
    flat, people = in_a_row(histories)
    rows[torch.from_numpy(people), torch.from_numpy(flat)] = 1.0
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
    """All items of all people in one row, each once a person, and where each person's begin."""
    import torch

    flat, people = in_a_row(histories)
    many = int(flat.max(initial=0)) + 1
    keys = np.sort(people * many + flat)
    keys = keys[np.diff(keys, prepend=-1) > 0]
    starts = np.searchsorted(keys, np.arange(len(histories)) * many)
    return torch.from_numpy(keys % many), torch.from_numpy(starts)


def in_a_row(histories: Histories) -> tuple[Items, Items]:
    """All choices of all people one after the other, and whose each is."""
    sizes = np.array([len(history) for history in histories], np.int64)
    return np.concatenate([*histories, np.empty(0, np.int64)]), np.repeat(np.arange(len(histories)), sizes)


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


def turned(before: int, after: int) -> torch.nn.ParameterDict:
    """A linear layer whose weights lie as (before, after), those of one input side by side; begun as Xavier's are.

    For a layer to all items one person's scores take a third of the time; of a layer from all items, `first_layer`
    reads the weights of what was chosen, and no others.
    """
    import torch
    from torch import nn

    weight = nn.init.xavier_normal_(torch.empty(before, after))
    return nn.ParameterDict({"weight": weight, "bias": torch.zeros(after)})


def through(layer: torch.nn.ParameterDict, x: torch.Tensor) -> torch.Tensor:
    """A `turned` layer's answer. (n, before) -> (n, after)"""
    import torch

    answer: torch.Tensor = torch.addmm(layer["bias"], x, layer["weight"])
    return answer


def first_layer(
    layer: torch.nn.ParameterDict, histories: Histories, *, unit: bool = False, dropped: float = 0.0
) -> torch.Tensor:
    """A `turned` layer's answer to rows of 0 and 1, `unit` to rows of length 1. (people, out)

    Of a row only what was chosen is read. `dropped` of it is hidden at random, the rest counts for more.
    """
    import torch
    from torch.nn.functional import embedding_bag

    flat, starts = flattened(histories)
    if not len(flat):
        nothing: torch.Tensor = layer["bias"].expand(len(histories), -1)
        return nothing
    sizes = torch.diff(starts, append=torch.tensor([len(flat)]))
    if dropped:
        seen = torch.rand(len(flat)) >= dropped
        starts = torch.cat([torch.zeros(1, dtype=torch.int64), seen.cumsum(0)])[starts]
        flat = flat[seen]
    sums = embedding_bag(flat, layer["weight"], starts, mode="sum")
    scale = sizes.clamp_min(1).rsqrt() if unit else torch.ones(len(sizes))
    answer: torch.Tensor = sums * (scale / (1 - dropped))[:, None] + layer["bias"]
    return answer


def chosen_of(values: torch.Tensor, histories: Histories) -> tuple[torch.Tensor, torch.Tensor]:
    """The values of what was chosen in one row, and how many each chose. (people, items) -> (n,), (people,)"""
    import torch

    flat, starts = flattened(histories)
    sizes = torch.diff(starts, append=torch.tensor([len(flat)]))
    people = torch.arange(len(sizes)).repeat_interleave(sizes)
    return values.reshape(-1).gather(0, people * values.shape[1] + flat), sizes


def multinomial(scores: torch.Tensor, histories: Histories) -> torch.Tensor:
    """sum_i x_i log softmax(scores)_i of everybody together, from what was chosen and one sum over all items."""
    told, sizes = chosen_of(scores, histories)
    total: torch.Tensor = told.sum() - (sizes * scores.logsumexp(1)).sum()
    return total
