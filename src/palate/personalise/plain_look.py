"""An encoder without weights: where a picture has which colours and which edges. No reward was ever trained on it.

Histograms of colour (Swain and Ballard 1991) and of oriented gradients (Dalal and Triggs 2005) in cells, each as the
root of its shares, so that a cosine is the mean Bhattacharyya coefficient of the cells of two pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.catalogue.records import digest
from palate.encoders.protocol import Vectors
from palate.errors import PalateError
from palate.metrics.likeness import grey

SIDE = 64
LEVELS = 4
"""Of each channel."""
CELLS = 4
"""A side, for colours and for edges."""
DIRECTIONS = 8


class PlainLook:
    """Keeps to `Encoder`; reads no words."""

    name = "plain-look"
    reads_words = False
    dim = CELLS * CELLS * (LEVELS**3 + DIRECTIONS)

    def __init__(self) -> None:
        self.id = digest("plain look", str(self.dim), str(SIDE))

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        rows = [_look(np.asarray(one.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX))) for one in pictures]
        return np.array(rows, np.float32).reshape(len(rows), self.dim)

    def encode_words(self, words: Sequence[str]) -> Vectors:
        raise PalateError("no_words", f"it sees pictures only, and was given {len(words)} texts", about=self.name)

    def cut(self, words: Sequence[str]) -> list[bool]:
        raise PalateError("no_words", f"it sees pictures only, and was given {len(words)} texts", about=self.name)


def _look(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(SIDE, SIDE, 3) -> (dim,) of unit length."""
    bins = (pixels // (256 // LEVELS)).astype(np.int64)
    colour = (bins[..., 0] * LEVELS + bins[..., 1]) * LEVELS + bins[..., 2]
    down, across = np.gradient(grey(pixels))
    length = np.hypot(down, across) + 1e-3
    turn = np.mod(np.arctan2(down, across), np.pi) / np.pi
    edge = np.minimum((turn * DIRECTIONS).astype(np.int64), DIRECTIONS - 1)
    parts = []
    for cell in range(CELLS * CELLS):
        size = SIDE // CELLS
        top, left = size * (cell // CELLS), size * (cell % CELLS)
        inside = (slice(top, top + size), slice(left, left + size))
        for values, weights, count in (
            (colour, np.ones_like(length), LEVELS**3),
            (edge, length, DIRECTIONS),
        ):
            shares = np.bincount(values[inside].ravel(), weights[inside].ravel(), count)
            parts.append(np.sqrt(shares / shares.sum()))
    whole = np.concatenate(parts)
    found: NDArray[np.float64] = whole / np.linalg.norm(whole)
    return found
