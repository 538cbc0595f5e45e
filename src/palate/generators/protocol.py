"""What a generator is: orders in, pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from PIL import Image

from palate.errors import PalateError

CANNOT_CHANGE = "this model draws from words only and cannot change a picture"


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
    start: bytes | None = None
    """A picture (PNG or JPEG) to begin from in place of noise; a model that cannot do so refuses with `cannot_edit`."""
    strength: float = 0.6
    """How far to leave it, from 0 to 1; without a start it means nothing."""


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


@runtime_checkable
class FillsUp(Protocol):
    """A generator that fills a batch up, so that a picture's bits do not depend on how many are asked for."""

    def one_by_one(self) -> AbstractContextManager[None]:
        """As long as this is open, no batch is filled up: a single picture comes sooner, and may differ in a bit."""


def require_from_words(orders: Sequence[Order], name: str) -> None:
    """For generators that have no way to begin from a picture: never answer something else than was asked for."""
    if any(order.start is not None for order in orders):
        raise PalateError("cannot_edit", CANNOT_CHANGE, about=name)
