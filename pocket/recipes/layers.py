"""Layers that torch lacks; imported only where torch is."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize


class UnitLength(torch.nn.Module):
    """Scales each row to length 1."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return normalize(rows, dim=-1)
