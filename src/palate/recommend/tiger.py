"""TIGER (Rajput et al. 2023): an item is a short word of codes, and the next one is spelt out code by code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from palate.recommend.histories import Histories, Scores, checked
from palate.recommend.learned import Learned
from palate.recommend.semanticids import Codes, Naming, by_company, semantic_ids

if TYPE_CHECKING:
    import torch

OUTSIDE = 1000.0
"""An item that the beam never reached is below all that it did, ordered by its first code."""


@dataclass
class Tiger(Learned):
    """Encoder and decoder read codes; the beam follows real items' names only, so nothing is invented.

    Names come from what is known of the items (`text`), and where nothing is, from who chose them.
    """

    remembered: ClassVar[tuple[str, ...]] = ("names",)
    text: Scores | None = field(default=None, repr=False)
    naming: dict[str, Any] = field(default_factory=dict)
    width: int = 64
    layers: int = 2
    heads: int = 4
    longest: int = 20
    beam: int = 30
    dropped: float = 0.1
    cuts: int = 4
    """So often an epoch cuts each sequence, at places that are drawn anew."""
    names: Codes = field(default_factory=lambda: np.empty((0, 0), np.int64), repr=False)
    """(items, levels + 1)"""

    def fit(self, histories: Histories, items: int) -> Self:
        histories = checked(histories, items)
        vectors = by_company(histories, items) if self.text is None else self.text
        self.names = semantic_ids(vectors, Naming(**self.naming), self.seed)
        return super().fit(histories, items)

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        assert len(self.names) == items
        options = {"dropout": self.dropped, "batch_first": True, "norm_first": True}
        self.children = children_of(self.names)
        self.sizes = [int(self.names[:, level].max(initial=0)) + 1 for level in range(self.names.shape[1])]
        wide = 4 * self.width
        encoder = nn.TransformerEncoderLayer(self.width, self.heads, wide, **options)  # type: ignore[arg-type]
        decoder = nn.TransformerDecoderLayer(self.width, self.heads, wide, **options)  # type: ignore[arg-type]
        network = nn.ModuleDict(
            {
                "codes": nn.ModuleList([nn.Embedding(size + 1, self.width, padding_idx=0) for size in self.sizes]),
                "places": nn.Embedding(self.longest, self.width),
                "begin": nn.Embedding(1, self.width),
                "levels": nn.Embedding(len(self.sizes), self.width),
                "encoder": nn.TransformerEncoder(encoder, self.layers, enable_nested_tensor=False),
                "decoder": nn.TransformerDecoder(decoder, self.layers, nn.LayerNorm(self.width)),
                "out": nn.ModuleList([nn.Linear(self.width, size) for size in self.sizes]),
            }
        )
        for name, weight in network.named_parameters():
            if name.startswith(("codes", "places", "begin", "levels")):
                nn.init.normal_(weight, std=0.1)
        return network

    def teaches(self, history: Any) -> bool:
        return len(history) > 1

    def lessons(self, histories: Histories) -> Histories:
        return [history for history in super().lessons(histories) for _ in range(self.cuts)]

    def read(self, histories: Histories) -> tuple[torch.Tensor, torch.Tensor]:
        """Histories as codes, encoded: (b, t levels, width), and which of them are padding."""
        import torch

        names = torch.from_numpy(self.names)
        length = min(self.longest, max(1, *(len(history) for history in histories), 1))
        ids = torch.full((len(histories), length), -1)
        for row, history in zip(ids, histories, strict=True):
            latest = torch.as_tensor(np.asarray(history)[-length:])
            if len(latest):
                row[-len(latest) :] = latest
        codes = torch.where(ids[..., None] >= 0, names[ids.clamp_min(0)] + 1, 0)
        seen = torch.stack([book(codes[..., level]) for level, book in enumerate(self.network["codes"])], dim=2)
        places = self.network["places"](torch.arange(length).flip(0))
        seen = seen + places[:, None, :] + self.network["levels"].weight
        absent = (ids < 0)[..., None].expand(codes.shape).flatten(1).clone()
        absent[:, -1] = False
        return self.network["encoder"](seen.flatten(1, 2), src_key_padding_mask=absent), absent

    def states(self, memory: torch.Tensor, absent: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """What the decoder thinks after the codes so far of each of a person's beams. (b, n, l) -> (b, n, l + 1, width)

        The beams lie one behind the other, each blind to the others, so that the history is read once for all.
        """
        import torch

        people, beams, length = codes.shape[0], codes.shape[1], codes.shape[2] + 1
        told = self.spelt(codes).flatten(1, 2)
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        others = torch.eye(beams, dtype=torch.bool).logical_not().repeat_interleave(length, 0)
        hidden = others.repeat_interleave(length, 1) | later.repeat(beams, beams)
        read = self.network["decoder"](told, memory, tgt_mask=hidden, memory_key_padding_mask=absent)
        found: torch.Tensor = read.view(people, beams, length, self.width)
        return found

    def spelt(self, codes: torch.Tensor) -> torch.Tensor:
        """A beginning and the codes so far. (b, n, l) -> (b, n, l + 1, width)"""
        import torch

        begin = self.network["begin"].weight.expand(*codes.shape[:2], 1, self.width)
        books = self.network["codes"]
        told = [books[level](codes[:, :, level] + 1)[:, :, None] for level in range(codes.shape[2])]
        found: torch.Tensor = torch.cat([begin, *told], dim=2) + self.network["levels"].weight[: codes.shape[2] + 1]
        return found

    def loss(self, histories: Histories) -> torch.Tensor:
        """The next item's codes after a cut: at any place, and one time in `cuts` at the last one."""
        import torch
        from torch.nn.functional import cross_entropy

        cuts = [
            len(history) - 1 if last < 1 / self.cuts else 1 + int(place * (len(history) - 1))
            for (last, place), history in zip(torch.rand(len(histories), 2).tolist(), histories, strict=True)
        ]
        memory, absent = self.read([history[:cut] for history, cut in zip(histories, cuts, strict=True)])
        wanted = torch.from_numpy(self.names[[int(history[cut]) for history, cut in zip(histories, cuts, strict=True)]])
        states = self.states(memory, absent, wanted[:, None, :-1])[:, 0]
        losses = [
            cross_entropy(out(states[:, level]), wanted[:, level]) for level, out in enumerate(self.network["out"])
        ]
        return torch.stack(losses).sum()

    def answer(self, histories: Histories) -> torch.Tensor:
        """log p(name) of what the beam reached (section 3.3), and less for everything else."""
        import torch

        memory, absent = self.read(histories)
        people = len(histories)
        codes = torch.zeros(people, 1, 0, dtype=torch.int64)
        at = torch.zeros(people, 1, dtype=torch.int64)
        so_far = torch.zeros(people, 1)
        scores = torch.empty(0)
        for level, children in enumerate(self.children):
            chances = self.network["out"][level](self.states(memory, absent, codes)[:, :, -1]).log_softmax(2)
            if level == 0:
                scores = chances[:, 0, torch.from_numpy(self.names[:, 0])] - OUTSIDE
            next_prefix = torch.from_numpy(children)[at.clamp_min(0)]
            real = (next_prefix >= 0) & (at >= 0)[..., None]
            total = torch.where(real, so_far[..., None] + chances, -torch.inf).flatten(1)
            so_far, best = total.topk(min(self.beam, total.shape[1]), dim=1)
            size = children.shape[1]
            parent = best // size
            codes = torch.cat([codes.gather(1, parent[..., None].expand(-1, -1, level)), (best % size)[..., None]], 2)
            at = torch.where(so_far.isfinite(), next_prefix.flatten(1).gather(1, best), -1)
        reached = torch.zeros_like(scores, dtype=torch.bool)
        for row, values, found, met in zip(scores, so_far, at, reached, strict=True):
            met[found[found >= 0]] = True
            row[found[found >= 0]] = values[found >= 0].clamp_min(1 - OUTSIDE)
        return scores


def children_of(names: Codes) -> list[NDArray[np.int64]]:
    """For each level which prefix each code leads to, -1 where no item's name goes on so; the last leads to items.

    Level l's array is (prefixes of length l, codes); prefixes are numbered in order, so one row of it is one place.
    """
    found = []
    parents = np.zeros(len(names), np.int64)
    for level in range(names.shape[1]):
        size = int(names[:, level].max(initial=0)) + 1
        keys = parents * size + names[:, level]
        last = level == names.shape[1] - 1
        prefixes, own = np.unique(keys, return_inverse=True)
        table = np.full((int(parents.max(initial=0)) + 1, size), -1, np.int64)
        table.ravel()[keys] = np.arange(len(names)) if last else own.ravel()
        found.append(table)
        parents = own.ravel().astype(np.int64)
        assert len(prefixes) == len(names) or not last
    return found
