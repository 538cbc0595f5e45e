"""Words and pictures of items in one space (CLIP, Radford et al. 2021; survey, section 4.3), and people in it too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from palate.recommend.contrastvae import info_nce
from palate.recommend.dense import Fused
from palate.recommend.histories import Histories, Scores
from palate.recommend.learned import Learned

if TYPE_CHECKING:
    import torch


@dataclass
class Alignment(Learned):
    """Two projections under which an item's text and picture find each other; "people" of a batch are single items."""

    remembered: ClassVar[tuple[str, ...]] = ("text", "pictures")
    text: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    pictures: Scores = field(default_factory=lambda: np.empty((0, 0), np.float32), repr=False)
    width: int = 64

    def build(self, items: int) -> torch.nn.Module:
        import torch
        from torch import nn

        assert len(self.text) == len(self.pictures) == items
        network = nn.ModuleDict(
            {
                "text_in": nn.Linear(self.text.shape[1], self.width),
                "picture_in": nn.Linear(self.pictures.shape[1], self.width),
            }
        )
        network.register_parameter("scale", nn.Parameter(torch.tensor(2.0)))
        return network

    def both(self, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n,) -> (n, width) of texts and of pictures."""
        words = self.network["text_in"](self.network.get_buffer("text")[items])
        return words, self.network["picture_in"](self.network.get_buffer("pictures")[items])

    def loss(self, histories: Histories) -> torch.Tensor:
        """The symmetric cross-entropy over all pairs of the batch, its temperature learned, at least 1/100."""
        import torch

        words, look = self.both(torch.from_numpy(np.array([history[0] for history in histories])))
        return info_nce(words, look, (-self.network.get_parameter("scale")).exp().clamp_min(0.01))

    def answer(self, histories: Histories) -> torch.Tensor:
        import torch
        from torch.nn.functional import normalize

        first = torch.from_numpy(np.array([history[0] if len(history) else 0 for history in histories]))
        words, _ = self.both(first)
        _, look = self.both(torch.arange(self.items))
        return normalize(words, dim=1) @ normalize(look, dim=1).T

    def asked(self, text: Scores | None, picture: Scores | None, weight: float = 0.5) -> Scores:
        """A question in words, by a picture, or "this, but red": `weight` is what the words count. -> (n, width)"""
        import torch
        from torch.nn.functional import normalize

        found = torch.zeros(())
        with torch.inference_mode():
            for given, name, share in ((text, "text_in", weight), (picture, "picture_in", 1 - weight)):
                if given is not None:
                    made = self.network[name](torch.from_numpy(np.asarray(given, np.float32)))
                    found = found + share * normalize(made, dim=1)
            whole: Scores = normalize(found, dim=1).numpy()
        return whole

    def vectors(self) -> Scores:
        """Of all items: the middle between their words and their look, at unit length. (items, width)"""
        return self.asked(self.text, self.pictures)


@dataclass
class Aligned(Fused):
    """Items are the middle of their aligned words and look."""

    text: Scores | None = field(default=None, repr=False)
    pictures: Scores | None = field(default=None, repr=False)
    alignment: dict[str, Any] = field(default_factory=dict)
    """Settings of `Alignment`."""

    def item_vectors(self, items: int) -> Scores:
        assert self.text is not None
        assert self.pictures is not None
        singles = [np.array([item]) for item in range(items)]
        aligned = Alignment(text=self.text, pictures=self.pictures, seed=self.seed, **self.alignment)
        return aligned.fit(singles, items).vectors()
