"""What the methods that make whole lists share: slates to learn from, and one way to be asked for a slate."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.recommend.histories import Histories, Items
from palate.recommend.learned import Learned, pooled

if TYPE_CHECKING:
    import torch


@dataclass
class Slates(Learned):
    """Files of choices hold no slates, so they are made: some of a person's own choices among items of nobody's asking.

    What is left of the history is what is known of the person; the answers are 1 where a slot holds their own choice.
    """

    width: int = 64
    slots: int = 5
    own: float = 0.7
    """Share of a slate's slots that hold the person's own choices."""

    @abstractmethod
    def slate(self, histories: Histories, slots: int) -> NDArray[np.int64]:
        """(people, slots): a list made as a whole, without repeats and without what is in a history."""

    def teaches(self, history: Any) -> bool:
        return len(np.unique(history)) > 1

    def made_up(self, histories: Histories) -> tuple[Histories, torch.Tensor, torch.Tensor]:
        """Who the person is without the slate, the slate (b, slots), and what they answer to it (b, slots)."""
        import torch

        known: list[Items] = []
        slates = torch.randint(0, self.items, (len(histories), self.slots))
        for row, history in zip(slates, histories, strict=True):
            own = np.unique(history)
            drawn = own[torch.randperm(len(own)).numpy()]
            count = min(len(own) - 1, int((torch.rand(self.slots) < self.own).sum()))
            row[torch.randperm(self.slots)[:count]] = torch.from_numpy(drawn[:count])
            known.append(drawn[count:])
        mine = [torch.isin(row, torch.as_tensor(history)) for row, history in zip(slates, histories, strict=True)]
        return known, slates, torch.stack(mine).float()

    def table(self) -> torch.Tensor:
        """(items, width)"""
        weight: torch.Tensor = self.network["items_in"].weight
        return weight

    def people(self, histories: Histories) -> torch.Tensor:
        """(people, width)"""
        found: torch.Tensor = self.network["person"](pooled(self.table(), histories))
        return found


def filled(chances: torch.Tensor, histories: Histories) -> NDArray[np.int64]:
    """Slot by slot the best item that is neither known nor in the slate yet. (b, slots, items) -> (b, slots)

    -1 where nothing is left.
    """
    import torch

    taken = torch.zeros(len(chances), chances.shape[2], dtype=torch.bool)
    for row, history in zip(taken, histories, strict=True):
        row[torch.as_tensor(history)] = True
    slate = np.empty(chances.shape[:2], np.int64)
    rows = torch.arange(len(chances))
    for slot in range(chances.shape[1]):
        best = chances[:, slot].masked_fill(taken, -torch.inf).argmax(1)
        slate[:, slot] = torch.where(taken[rows, best], -1, best).numpy()
        taken[rows, best] = True
    return slate
