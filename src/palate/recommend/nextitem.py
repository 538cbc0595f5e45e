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

    @abstractmethod
    def states(self, ids: torch.Tensor) -> torch.Tensor:
        """What has been understood at each place. (b, t) with 0 for padding -> (b, t, width)"""

    def teaches(self, history: Any) -> bool:
        return len(history) > 1

    def lessons(self, histories: Histories) -> Histories:
        """Sequences longer than are read at once teach in parts, so that each choice is told of once an epoch."""
        return [part for history in histories for part in parts_of(history, self.longest) if self.teaches(part)]

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
        told = before != 0
        scores = self.states(before)[told] @ self.network["items_in"].weight[1:].T
        return cross_entropy(scores, after[told] - 1)

    def answer(self, histories: Histories) -> torch.Tensor:
        length = min(self.longest, max(1, *(len(history) for history in histories)))
        latest = self.states(self.padded(histories, length))[:, -1]
        scores: torch.Tensor = latest @ self.network["items_in"].weight[1:].T
        return scores


def parts_of(history: Items, longest: int) -> list[Items]:
    """Windows of `longest` + 1 choices, counted from the end; each ends with the choice that the next begins with."""
    ends = range(len(history), 1, -longest)
    return [history[max(0, end - longest - 1) : end] for end in ends] or [history]
