"""What the auto-regressive methods share: at every place of a sequence, the next item among all items."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from palate.recommend.histories import Histories, Items
from palate.recommend.learned import Learned

if TYPE_CHECKING:
    import torch

BATCHES_AT_A_TIME = 32
"""Of so many batches' sequences those of one length are put together."""


@dataclass
class NextItem(Learned):
    """Scores are inner products with the items' own embeddings, learned by cross-entropy over the whole catalogue.

    SASRec's and GRU4Rec's own losses look at sampled items instead; over all of them both are better (Klenitskiy and
    Vasilev 2023), and the catalogues here are small enough. Item 0 of the embeddings is padding, put in front.
    """

    batch: int = 64
    rate: float = 2e-3
    width: int = 64
    longest: int = 50
    dropped: float = 0.2
    fresh: float = 1.0
    """The share of a whole window that it tells of. What it has in common with the one after it is only read there."""

    @abstractmethod
    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """What has been understood at each place. (b, t) with 0 for padding -> (b, t, width)"""

    def teaches(self, history: Any) -> bool:
        return len(history) > 1

    def lessons(self, histories: Histories) -> Histories:
        """Sequences longer than are read at once teach in parts, so that each choice is told of once an epoch."""
        parts = (part for history in histories for part in parts_of(history, self.longest, self.told_of))
        return [part for part in parts if self.teaches(part)]

    @property
    def told_of(self) -> int:
        """So many choices a whole window tells of, its last."""
        return max(1, round(self.fresh * self.longest))

    def order(self, lessons: Histories, draw: np.random.Generator) -> Items:
        """By chance, but a batch's sequences are about as long, so that little of it is padding."""
        sizes, found = np.array([len(lesson) for lesson in lessons]), []
        order, together = super().order(lessons, draw), BATCHES_AT_A_TIME * self.batch
        for start in range(0, len(order), together):
            some = order[start : start + together]
            some = some[np.argsort(sizes[some], kind="stable")]
            whole = len(some) // self.batch * self.batch
            found += [draw.permutation(some[:whole].reshape(-1, self.batch)).ravel(), some[whole:]]
        return np.concatenate(found)

    def padded(self, histories: Histories, length: int) -> torch.Tensor:
        """(b, length) item numbers + 1, the latest at the end, zeros before."""
        import torch

        ids = np.zeros((len(histories), length), np.int64)
        for row, history in zip(ids, histories, strict=True):
            latest = np.asarray(history)[-length:]
            if len(latest):
                row[-len(latest) :] = latest + 1
        return torch.from_numpy(ids)

    def loss(self, histories: Histories) -> torch.Tensor:
        from torch.nn.functional import cross_entropy

        length = min(self.longest, max(len(history) for history in histories) - 1) + 1
        ids = self.padded(histories, length)
        before, after = ids[:, :-1], ids[:, 1:]
        told = self.told(before)
        scores = self.states(before)[told] @ self.network["items_in"].weight[1:].T
        return cross_entropy(scores, after[told] - 1)

    def told(self, before: torch.Tensor) -> torch.Tensor:
        """At which places the next item is told: where one is known, and no other window tells of it. (b, t)"""
        import torch

        whole = (before[:, :1] != 0) & (before.shape[1] == self.longest)
        fresh = torch.arange(before.shape[1]) >= before.shape[1] - self.told_of
        told: torch.Tensor = (before != 0) & (fresh | ~whole)
        return told

    def answer(self, histories: Histories) -> torch.Tensor:
        length = min(self.longest, max(1, *(len(history) for history in histories)))
        latest = self.states(self.padded(histories, length))[:, -1]
        scores: torch.Tensor = latest @ self.network["items_in"].weight[1:].T
        return scores


def parts_of(history: Items, longest: int, told: int) -> list[Items]:
    """Windows of `longest` + 1 choices, counted from the end; each whole one tells of its last `told`.

    The first is shorter and tells of all that are left, so that each choice but the very first is told of once.
    """
    parts = [history[max(0, end - longest - 1) : end] for end in range(len(history), 1, -told)]
    return parts[: sum(len(part) > longest for part in parts) + 1] or [history]
