"""A cross-encoder reranks (Nogueira and Cho 2019; survey, section 3.1.2): it reads choices and candidate together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from palate.recommend.histories import Histories, Items, Scores, State, checked
from palate.recommend.itemknn import ItemKNN
from palate.recommend.learned import Learned

if TYPE_CHECKING:
    import torch


@dataclass
class CrossEncoder(Learned):
    """One transformer reads the words of the latest choices and of the candidate; a head says how well they fit.

    It sees every word beside every other, which two towers cannot, and is too slow for a whole catalogue.
    """

    remembered: ClassVar[tuple[str, ...]] = ("words",)
    words: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64), repr=False)
    """(items, t), 0 for no word."""
    width: int = 32
    heads: int = 2
    layers: int = 1
    latest: int = 5
    """So many choices are read."""
    others: int = 7
    """Wrong candidates beside each right one."""

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        assert len(self.words) == items
        layer = nn.TransformerEncoderLayer(
            self.width, self.heads, 2 * self.width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        return nn.ModuleDict(
            {
                "word": nn.Embedding(int(self.words.max(initial=0)) + 1, self.width, padding_idx=0),
                "side": nn.Embedding(self.latest + 1, self.width),
                "reader": nn.TransformerEncoder(layer, self.layers, enable_nested_tensor=False),
                "head": nn.Sequential(nn.Linear(2 * self.width, self.width), nn.GELU(), nn.Linear(self.width, 1)),
            }
        )

    def fit_of(self, histories: Histories, candidates: torch.Tensor) -> torch.Tensor:
        """How well each candidate goes with what a person chose latest. (b, c) -> (b, c)"""
        import torch

        known = torch.full((len(histories), self.latest), -1)
        for row, history in zip(known, histories, strict=True):
            own = torch.as_tensor(np.asarray(history)[-self.latest :])
            row[self.latest - len(own) :] = own
        count = candidates.shape[1]
        ids = torch.cat([candidates.flatten()[:, None], known.repeat_interleave(count, 0)], 1)
        words = torch.where(ids[..., None] >= 0, self.network.get_buffer("words")[ids.clamp_min(0)], 0)
        seen = self.network["word"](words) + self.network["side"].weight[:, None, :]
        absent = (words == 0).flatten(1)
        absent[:, 0] = False
        read = self.network["reader"](seen.flatten(1, 2), src_key_padding_mask=absent)
        candidate = read[:, : words.shape[2]].mean(1)
        whole = (read * ~absent[..., None]).sum(1) / (~absent).sum(1, keepdim=True)
        found: torch.Tensor = self.network["head"](torch.cat([candidate, whole], 1)).view(len(histories), count)
        return found

    def teaches(self, history: Any) -> bool:
        return len(np.unique(history)) > 1

    def loss(self, histories: Histories) -> torch.Tensor:
        """The person's own item against others drawn at random, given what else they chose."""
        import torch
        from torch.nn.functional import cross_entropy

        at = [int(share * len(history)) for share, history in zip(torch.rand(len(histories)), histories, strict=True)]
        own = torch.tensor([int(history[one]) for history, one in zip(histories, at, strict=True)])
        rest: list[Items] = [np.delete(history, one) for history, one in zip(histories, at, strict=True)]
        other = torch.randint(0, self.items, (len(own), self.others))
        mine = torch.stack([torch.isin(row, torch.as_tensor(one)) for row, one in zip(other, histories, strict=True)])
        scores = self.fit_of(rest, torch.cat([own[:, None], other], 1))
        scores[:, 1:] = scores[:, 1:].masked_fill(mine, -torch.inf)
        return cross_entropy(scores, torch.zeros(len(own), dtype=torch.int64))

    def answer(self, histories: Histories) -> torch.Tensor:
        import torch

        everything = torch.arange(self.items).expand(len(histories), -1)
        return self.fit_of(histories, everything)


@dataclass
class Reranked:
    """Item-kNN finds candidates; the cross-encoder puts the best of them into order."""

    words: NDArray[np.int64] | None = field(default=None, repr=False)
    candidates: int = 50
    neighbours: int = 200
    encoder: dict[str, Any] = field(default_factory=dict)
    """Settings of `CrossEncoder`."""
    seed: int = 0
    first: ItemKNN = field(default_factory=ItemKNN, repr=False)
    second: CrossEncoder = field(default_factory=CrossEncoder, repr=False)

    def fit(self, histories: Histories, items: int) -> Self:
        assert self.words is not None
        histories = checked(histories, items)
        self.first = ItemKNN(self.neighbours).fit(histories, items)
        self.second = CrossEncoder(words=self.words, seed=self.seed, **self.encoder).fit(histories, items)
        return self

    def score(self, histories: Histories) -> Scores:
        """Candidates by the cross-encoder, above all others; those as the first stage has them."""
        import torch

        histories = checked(histories, len(self.first.nearest))
        scores = self.first.score(histories)
        scores /= scores.max(axis=1, keepdims=True).clip(1e-9)
        for row, history in zip(scores, histories, strict=True):
            new = row.copy()
            new[history] = -np.inf
            best = torch.from_numpy(new).topk(min(self.candidates, len(row))).indices.numpy()
            with torch.inference_mode():
                fits = self.second.fit_of([history], torch.from_numpy(best)[None])[0].numpy()
            row[best] = 1.0 + fits - fits.min()
        return scores

    def state(self) -> State:
        first = {f"first.{name}": value for name, value in self.first.state().items()}
        return first | {f"second.{name}": value for name, value in self.second.state().items()}

    def restore(self, state: State) -> Self:
        def part(name: str) -> State:
            return {key.removeprefix(name): value for key, value in state.items() if key.startswith(name)}

        self.first = ItemKNN(self.neighbours).restore(part("first."))
        self.second = CrossEncoder(seed=self.seed, **self.encoder).restore(part("second."))
        return self
