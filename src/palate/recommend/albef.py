"""ALBEF (Li et al. 2021): words and look of an item are aligned first and then fused by attention."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from palate.recommend.dense import Fused
from palate.recommend.histories import Histories, Scores
from palate.recommend.learned import PEOPLE_AT_A_TIME, Learned

if TYPE_CHECKING:
    import torch


@dataclass
class Fusion(Learned):
    """Three losses over items: contrast (ITC), whether words and picture belong together (ITM), hidden words (MLM).

    Slow copies of the encoders give softer answers to the first and the last (momentum distillation, section 3.3).
    "People" of a batch are single items. Word 0 is nothing.
    """

    remembered: ClassVar[tuple[str, ...]] = ("words", "pictures")
    words: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 0), np.int64), repr=False)
    """(items, t)"""
    pictures: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    """(items, d)"""
    width: int = 64
    heads: int = 4
    patches: int = 4
    """Words look at so many parts of a picture, each read from its vector."""
    masked: float = 0.15
    momentum: float = 0.995
    soft: float = 0.4
    """Where alpha ends: what the slow copies' answers weigh beside the true ones."""
    temperature: float = 0.07

    def build(self, items: int) -> torch.nn.Module:
        from torch import nn

        assert len(self.words) == len(self.pictures) == items
        vocabulary = int(self.words.max(initial=0)) + 1
        options = {"dropout": 0.0, "batch_first": True, "norm_first": True}
        layer = nn.TransformerEncoderLayer(self.width, self.heads, 2 * self.width, **options)  # type: ignore[arg-type]
        cross = nn.TransformerDecoderLayer(self.width, self.heads, 2 * self.width, **options)  # type: ignore[arg-type]
        encoders = nn.ModuleDict(
            {
                "word": nn.Embedding(vocabulary + 2, self.width, padding_idx=0),
                "reader": nn.TransformerEncoder(layer, 1, enable_nested_tensor=False),
                "picture": nn.Linear(self.pictures.shape[1], self.patches * self.width),
                "text_in": nn.Linear(self.width, self.width),
                "picture_in": nn.Linear(self.width, self.width),
                "fusing": nn.TransformerDecoder(cross, 1, nn.LayerNorm(self.width)),
                "hidden_word": nn.Linear(self.width, vocabulary),
            }
        )
        slow = copy.deepcopy(encoders).requires_grad_(False)
        return nn.ModuleDict({"quick": encoders, "slow": slow, "matching": nn.Linear(self.width, 2)})

    def told(self, items: torch.Tensor) -> torch.Tensor:
        """Words with one in front that stands for all, numbered last but one. (n,) -> (n, 1 + t)"""
        import torch

        words = self.network.get_buffer("words")[items]
        whole = torch.full((len(items), 1), self.network["quick"]["word"].num_embeddings - 2)
        return torch.cat([whole, words], 1)

    def read(self, which: str, words: torch.Tensor) -> torch.Tensor:
        """(n, 1 + t, width)"""
        network = self.network[which]
        found: torch.Tensor = network["reader"](network["word"](words), src_key_padding_mask=words == 0)
        return found

    def looked(self, which: str, items: torch.Tensor) -> torch.Tensor:
        """(n, patches, width)"""
        parts = self.network[which]["picture"](self.network.get_buffer("pictures")[items])
        found: torch.Tensor = parts.view(len(items), self.patches, self.width)
        return found

    def fused(self, which: str, read: torch.Tensor, words: torch.Tensor, look: torch.Tensor) -> torch.Tensor:
        """Words that have looked at the picture. (n, 1 + t, width)"""
        found: torch.Tensor = self.network[which]["fusing"](read, look, tgt_key_padding_mask=words == 0)
        return found

    def pair(self, which: str, read: torch.Tensor, look: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Unit vectors of words alone and of pictures alone. (n, width) twice"""
        from torch.nn.functional import normalize

        network = self.network[which]
        return normalize(network["text_in"](read[:, 0]), dim=1), normalize(network["picture_in"](look.mean(1)), dim=1)

    def loss(self, histories: Histories) -> torch.Tensor:
        """L = L_itc + L_mlm + L_itm (equation 5)."""
        import torch

        self._follow()
        items = torch.from_numpy(np.array([history[0] for history in histories]))
        words = self.told(items)
        read, look = self.read("quick", words), self.looked("quick", items)
        alpha = self.soft * min(1.0, 2 * self.progress)
        with torch.no_grad():
            slow = self.pair("slow", self.read("slow", words), self.looked("slow", items))
        contrast, alike = self._contrast(self.pair("quick", read, look), slow, alpha)
        return contrast + self._matching(read, words, look, alike) + self._hidden(words, look, items, alpha)

    def _follow(self) -> None:
        import torch

        with torch.no_grad():
            quick, slow = self.network["quick"].parameters(), self.network["slow"].parameters()
            for fast, late in zip(quick, slow, strict=True):
                late.lerp_(fast, 1 - self.momentum)

    def _contrast(
        self, quick: tuple[torch.Tensor, torch.Tensor], slow: tuple[torch.Tensor, torch.Tensor], alpha: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """ITC with soft targets (equations 1 and 6) over the batch, and how alike words and pictures are."""
        import torch
        from torch.nn.functional import cross_entropy

        alike = quick[0] @ quick[1].T / self.temperature
        with torch.no_grad():
            late = slow[0] @ slow[1].T / self.temperature
            own = torch.eye(len(alike))
            forth, back = ((1 - alpha) * own + alpha * one.softmax(1) for one in (late, late.T))
        return (cross_entropy(alike, forth) + cross_entropy(alike.T, back)) / 2, alike

    def _matching(
        self, read: torch.Tensor, words: torch.Tensor, look: torch.Tensor, alike: torch.Tensor
    ) -> torch.Tensor:
        """ITM (equation 2): true pairs, and for each text a picture that is hard to tell from its own."""
        import torch
        from torch.nn.functional import cross_entropy

        if len(words) < 2:
            return torch.zeros(())
        chances = alike.detach().fill_diagonal_(-torch.inf).softmax(1)
        wrong = torch.multinomial(chances, 1)[:, 0]
        both = self.fused("quick", read.repeat(2, 1, 1), words.repeat(2, 1), torch.cat([look, look[wrong]]))
        truth = torch.cat([torch.ones(len(words)), torch.zeros(len(words))]).long()
        return cross_entropy(self.network["matching"](both[:, 0]), truth)

    def _hidden(self, words: torch.Tensor, look: torch.Tensor, items: torch.Tensor, alpha: float) -> torch.Tensor:
        """MLM with the slow copies' guesses among the targets (equations 3 and 7)."""
        import torch
        from torch.nn.functional import cross_entropy, one_hot

        hidden = (torch.rand(words.shape) < self.masked) & (words != 0)
        hidden[:, 0] = False
        if not hidden.any():
            return torch.zeros(())
        network = self.network["quick"]
        seen = words.masked_fill(hidden, network["word"].num_embeddings - 1)
        guess = network["hidden_word"](self.fused("quick", self.read("quick", seen), seen, look)[hidden])
        with torch.no_grad():
            late = self.fused("slow", self.read("slow", seen), seen, self.looked("slow", items))[hidden]
            late = self.network["slow"]["hidden_word"](late).softmax(1)
            targets = (1 - alpha) * one_hot(words[hidden], guess.shape[1]) + alpha * late
        return cross_entropy(guess, targets)

    def vectors(self) -> Scores:
        """Of all items: words alone, look alone, and both fused, one after the other. (items, 3 width)"""
        import torch

        found = []
        with torch.inference_mode():
            for items in torch.arange(self.items).split(PEOPLE_AT_A_TIME):  # type: ignore[no-untyped-call]
                words = self.told(items)
                read, look = self.read("quick", words), self.looked("quick", items)
                fused = self.fused("quick", read, words, look)[:, 0]
                found.append(torch.cat([*self.pair("quick", read, look), fused / self.width**0.5], 1))
        vectors: Scores = torch.cat(found).numpy()
        return vectors

    def answer(self, histories: Histories) -> torch.Tensor:
        """How well each item's picture fits the first item's words."""
        import torch

        first = torch.from_numpy(np.array([history[0] if len(history) else 0 for history in histories]))
        everything = torch.arange(self.items)
        texts, _ = self.pair("quick", self.read("quick", self.told(first)), self.looked("quick", first))
        words = self.told(everything)
        _, looks = self.pair("quick", self.read("quick", words), self.looked("quick", everything))
        return texts @ looks.T


@dataclass
class ALBEF(Fused):
    """Items are what `Fusion` makes of their words and look."""

    words: NDArray[np.int64] | None = field(default=None, repr=False)
    pictures: Scores | None = field(default=None, repr=False)
    fusion: dict[str, Any] = field(default_factory=dict)
    """Settings of `Fusion`."""

    def item_vectors(self, items: int) -> Scores:
        assert self.words is not None
        assert self.pictures is not None
        singles = [np.array([item]) for item in range(items)]
        fusion = Fusion(words=self.words, pictures=self.pictures, seed=self.seed, **self.fusion)
        return fusion.fit(singles, items).vectors()
