"""What a generator is: orders in, pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL import Image


@dataclass(frozen=True, slots=True)
class Order:
    """One picture to draw. None leaves a value to the model's own default."""

    text: str
    seed: int
    negative: str = ""
    width: int | None = None
    height: int | None = None
    steps: int | None = None
    cfg: float | None = None
    sampler: str | None = None


@runtime_checkable
class Generator(Protocol):
    """A model that is ready to draw. Each order's seed alone decides its picture, whatever batch it comes in."""

    @property
    def name(self) -> str: ...

    @property
    def batch(self) -> int:
        """How many orders at once serve it best on this machine."""

    def draw(self, orders: Sequence[Order]) -> list[Image.Image]:
        """One picture an order, in order."""

    def close(self) -> None:
        """Give its memory back."""
