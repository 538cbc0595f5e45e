"""What an encoder is: pictures or words in, unit vectors of one space out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Vectors = NDArray[np.float32]


@runtime_checkable
class Encoder(Protocol):
    """Vectors of two encoders are never compared: every stored vector carries its encoder's `id`."""

    @property
    def id(self) -> str:
        """Identity of the space: weights, preprocessing, library major version, dimension, norm (THREATS T24)."""

    @property
    def name(self) -> str:
        """The name it was opened by: a hub id, a folder, or `pocket`."""

    @property
    def dim(self) -> int: ...

    @property
    def reads_words(self) -> bool:
        """False for picture-only encoders (DINO-shaped)."""

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        """(n, dim) float32, rows of unit length, all finite."""

    def encode_words(self, words: Sequence[str]) -> Vectors:
        """(n, dim) float32 in the same space; raises `PalateError('no_words')` where it reads pictures only."""

    def cut(self, words: Sequence[str]) -> list[bool]:
        """Whether each text is longer than what the encoder reads: what is beyond is not in its vector."""
