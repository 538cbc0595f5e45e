"""A collection as one Janus sees it: each picture is looked at once, since the reading half never learns."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from palate.personalise.histories import Collection, Window
from palate.personalise.janus import Janus, Liked, Seen, Told

if TYPE_CHECKING:
    import torch
    from PIL import Image

KEPT_BYTES = 1_500_000_000
"""Of what pictures look like, in memory: all posters for the pocket, some 600 pictures for Janus-Pro."""


class Shelf:
    """`told` and `codes_of` answer for windows what training and drawing need."""

    def __init__(self, janus: Janus, collection: Collection, seen: Seen) -> None:
        self.janus, self.collection, self.seen = janus, collection, seen
        self._looks: OrderedDict[int, torch.Tensor] = OrderedDict()
        self._codes: dict[int, torch.Tensor] = {}

    def liked(self, history: Sequence[int]) -> list[Liked]:
        """The items of one history, which must have been looked at."""
        return [Liked(self.collection.items[item].words, self._looks[item]) for item in history]

    def told(self, histories: Sequence[Sequence[int]]) -> Told:
        self._fill(sorted({item for history in histories for item in history}), self._looks, self._look)
        told = self.janus.tell([self.liked(history) for history in histories])
        self._forget()
        return told

    def codes_of(self, items: Sequence[int]) -> torch.Tensor:
        """(n, codes) of the items' own pictures."""
        import torch

        self._fill(sorted(set(items)), self._codes, lambda part: list(self.janus.coded(part)))
        return torch.stack([self._codes[item] for item in items])

    def _look(self, pictures: Sequence[Image.Image]) -> list[torch.Tensor]:
        return list(self.janus.see(pictures, self.seen))

    def _fill(
        self,
        items: Sequence[int],
        known: dict[int, torch.Tensor],
        made: Callable[[list[Image.Image]], list[torch.Tensor]],
    ) -> None:
        new = [item for item in items if item not in known]
        if new:
            found = made([self.collection.picture(item) for item in new])
            known.update(zip(new, found, strict=True))

    def _forget(self) -> None:
        while self._looks and len(self._looks) * _bytes(next(iter(self._looks.values()))) > KEPT_BYTES:
            self._looks.popitem(last=False)


def histories_of(windows: Sequence[Window]) -> list[tuple[int, ...]]:
    return [window.history for window in windows]


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()
