"""LLM2BERT4Rec (Harte et al. 2023): BERT4Rec whose items begin as what a language model says of their texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from palate.recommend.bert4rec import BERT4Rec
from palate.recommend.histories import Scores

if TYPE_CHECKING:
    import torch

SPREAD = 0.02
"""Of the embeddings' numbers, so that they begin as large as those that BERT4Rec draws at random."""


@dataclass
class LLM2BERT4Rec(BERT4Rec):
    text: Scores | None = field(default=None, repr=False)
    """(items, d); only needed to begin with."""

    def build(self, items: int) -> torch.nn.Module:
        import torch

        network = super().build(items)
        if self.text is not None:
            begin = principal(self.text, self.width)
            with torch.no_grad():
                table = network.get_parameter("items_in.weight")
                table[1:, : begin.shape[1]] = torch.from_numpy(begin * SPREAD / max(float(begin.std()), 1e-9))
        return network


def principal(vectors: Scores, width: int) -> Scores:
    """The rows along their directions of most variance (Pearson 1901). (n, d) -> (n, at most `width`)"""
    apart = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0)
    U, s, _ = np.linalg.svd(apart, full_matrices=False)
    rows: Scores = (U[:, :width] * s[:width]).astype(np.float32)
    return rows
