"""When a training has had enough: what did best on held-out choices is kept, and what came after it is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from palate.metrics.cost import Cost
from palate.recommend.histories import State
from palate.recommend.learned import Learned

FIRST = 10
"""After each of so many epochs a training is looked at: many people may need no more than three."""
LOOKS = 20
"""So often it is looked at altogether, if there are many more."""
PATIENCE = 4
"""After so many looks in a row that found nothing better it ends, if they are a tenth of all epochs."""


@dataclass
class Stopping:
    """Joins a training by `Learned.after`."""

    recommender: Learned
    judge: Callable[[], float]
    """How good the recommender is on what is held out, higher is better."""
    best: float = -1.0
    epochs: int = 0
    """That were done when it was best."""
    cost: Cost = field(default_factory=Cost)
    """What looking took, which is no part of the training."""
    _state: State = field(default_factory=dict, repr=False)
    _in_vain: int = 0

    def __call__(self, done: int) -> bool:
        epochs = self.recommender.epochs
        if done > FIRST and done % max(1, epochs // LOOKS) and done < epochs:
            return False
        began, worked = time.perf_counter(), time.process_time()
        score = self.judge()
        if score > self.best:
            self.best, self.epochs, self._in_vain = score, done, 0
            self._state = self.recommender.state()
        else:
            self._in_vain += 1
        self.cost.seconds += time.perf_counter() - began
        self.cost.cpu_seconds += time.process_time() - worked
        return self._in_vain >= PATIENCE and done - self.epochs >= epochs / 10

    def keep_best(self) -> None:
        if self._state:
            self.recommender.restore(self._state)
