"""What generators behind a server share: one picture a request, so that each order's seed alone decides it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from palate.generators.endpoints import SECONDS, Endpoint
from palate.generators.protocol import Order, require_from_words

if TYPE_CHECKING:
    from PIL import Image


class PictureByPicture(ABC):
    """A generator whose orders go to one server, each by itself."""

    batch = 1

    def __init__(
        self,
        name: str,
        address: str,
        checkpoint: str,
        *,
        adapters: Sequence[tuple[str, float]] = (),
        key: str | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self.name = name
        self.checkpoint = checkpoint
        self.adapters = tuple(adapters)
        self._endpoint = Endpoint(name, address, key=key, seconds=seconds)

    def draw(self, orders: Sequence[Order]) -> list[Image.Image]:
        require_from_words(orders, self.name)
        with self._endpoint:
            return [self.draw_one(order) for order in orders]

    def close(self) -> None:
        """Nothing is held between drawings; a drawing that was cut off lets go of the server here."""
        self._endpoint.__exit__()

    @abstractmethod
    def draw_one(self, order: Order) -> Image.Image:
        """The picture of one order, asked of the server while its connection is open."""
