"""Does a training picture come back? The monitor of the paper's failure "memorises training images"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from palate.personalise.course import Row
from palate.personalise.histories import Windows
from palate.personalise.shelf import Shelf, histories_of

if TYPE_CHECKING:
    import torch

MOST_PICTURES = 4000
RARELY = 0.99


def nearest_share(codes: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """(n,) the largest share of places in which a picture of `codes` (n, c) has the code of one of `known` (m, c)."""
    import torch

    return torch.stack([(row == known).float().mean(1).max() for row in codes])


class Memory:
    """Codes are compared place by place: what agrees with a training picture more than real pictures do is a copy.

    `limit` is what 99 % of real held-out pictures stay below towards their nearest training picture.
    """

    def __init__(self, shelf: Shelf, parts: Windows, watched: int) -> None:
        self.shelf, self.watched = shelf, list(parts.valid[:watched])
        taught = {item for window in parts.train for item in (*window.history, window.target)}
        new = {window.target for window in parts.valid} - taught
        chance = np.random.default_rng(0)
        self._taught = sorted(chance.permutation(sorted(taught))[:MOST_PICTURES].tolist())
        self._new = sorted(chance.permutation(sorted(new))[:200].tolist())
        self._known: tuple[torch.Tensor, float] | None = None

    def measured(self, step: int) -> Row:
        """`nearest`, the mean share of codes that drawn pictures have in common with their nearest training picture."""
        from palate.personalise.sampling import sample

        if not self.watched:
            return {}
        known, limit = self._measure()
        told = self.shelf.told(histories_of(self.watched))
        drawn = sample(self.shelf.janus, told, guidance=1.0, seed=step).codes
        nearest = nearest_share(drawn, known)
        return {
            "nearest": float(nearest.mean()),
            "nearest_limit": limit,
            "memorised": float((nearest > limit).float().mean()),
        }

    def _measure(self) -> tuple[torch.Tensor, float]:
        """Training pictures' codes, and the limit; among themselves where hardly a held-out picture is new."""
        import torch

        if self._known is None:
            known = self.shelf.codes_of(self._taught)
            if len(self._new) >= 20:
                real = nearest_share(self.shelf.codes_of(self._new), known)
            else:
                others = [torch.cat([known[:at], known[at + 1 :]]) for at in range(min(len(known), 200))]
                real = torch.cat([nearest_share(known[at : at + 1], rest) for at, rest in enumerate(others)])
            self._known = known, float(torch.quantile(real, RARELY))
        return self._known
