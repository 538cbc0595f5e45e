"""Queries as inputs beside choices (Query-SeqRec, He et al. 2022; survey, 3.2): a causal Transformer reads both.

A person's past is q_1, x_1, q_2, x_2, ..., q_now: what they searched for, in their own words or a language model's
(`prompting.queries_by`), encoded, before each thing that they chose. What is read at the end is near the next thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Reading:
    """How sequences are read and learned from."""

    longest: int = field(default=20, metadata={"help": "things of a past that are read, the latest"})
    heads: int = field(default=2, metadata={"help": "of attention; they divide the vectors' width"})
    sharpness: float = field(default=10.0, metadata={"help": "log-odds of a whole cosine's difference"})
    steps: int = field(default=200, metadata={"help": "steps of Adam"})
    batch: int = field(default=64, metadata={"help": "people a step"})
    rate: float = field(default=3e-3, metadata={"help": "Adam's"})
    seed: int = field(default=0, metadata={"help": "of the weights and of the order"})


DEFAULT = Reading()


def interleaved(things: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
    """(n, t, d) and (n, t + 1, d) -> (n, 2 t + 1, d): q_1, x_1, ..., q_now; zeros stand where nobody searched."""
    import torch

    pairs = torch.stack([queries[:, :-1], things], dim=2).flatten(1, 2)
    return torch.cat([pairs, queries[:, -1:]], dim=1)


class QueryAware:
    """One layer of causal attention over things and queries, which have an embedding of their kind each."""

    def __init__(self, width: int, reading: Reading = DEFAULT) -> None:
        import torch

        torch.manual_seed(reading.seed)
        self.reading = reading
        self.layer = torch.nn.TransformerEncoderLayer(
            width, reading.heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.kinds = torch.nn.Parameter(0.02 * torch.randn(2, width))
        self.places = torch.nn.Parameter(0.02 * torch.randn(2 * reading.longest + 1, width))

    @property
    def weights(self) -> list[torch.nn.Parameter]:
        return [*self.layer.parameters(), self.kinds, self.places]

    def read(self, things: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
        """(n, d) of unit length: where the next thing is looked for. The latest place is the same for any length."""
        import torch

        kept = min(self.reading.longest, things.shape[1])
        things, queries = things[:, things.shape[1] - kept :], queries[:, queries.shape[1] - kept - 1 :]
        told = interleaved(things, queries)
        size = told.shape[1]
        kind = torch.arange(size) % 2  # queries first
        told = told + self.kinds[kind] + self.places[:size].flip(0)
        mask = torch.triu(torch.full((size, size), float("-inf")), diagonal=1)
        return torch.nn.functional.normalize(self.layer(told, src_mask=mask)[:, -1], dim=-1)

    def scores(self, things: torch.Tensor, queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        """(n, m) over candidates (m, d) of unit length."""
        return self.reading.sharpness * self.read(things, queries) @ candidates.T


def train_query_aware(
    network: QueryAware, things: torch.Tensor, queries: torch.Tensor, candidates: torch.Tensor, chosen: Sequence[int]
) -> list[float]:
    """Lower -log p(x_next | past and queries) by softmax over all candidates; the loss of every step."""
    import torch

    reading = network.reading
    optimiser = torch.optim.Adam(network.weights, lr=reading.rate)
    order = torch.Generator().manual_seed(reading.seed)
    targets = torch.tensor(list(chosen))
    losses = []
    for _ in range(reading.steps):
        rows = torch.randperm(len(targets), generator=order)[: reading.batch]
        scores = network.scores(things[rows], queries[rows], candidates)
        loss = torch.nn.functional.cross_entropy(scores, targets[rows])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses
