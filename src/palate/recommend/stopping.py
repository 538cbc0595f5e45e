"""When a training has had enough: what did best on held-out choices is kept, and what came after it is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from palate.metrics.cost import Cost
from palate.recommend.histories import State
from palate.recommend.learned import Learned

LOOKS = 20
"""So often a training is looked at, if it goes on to its last epoch."""
PATIENCE = 4
"""After so many looks in a row that found nothing better, it ends."""


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
        every = max(1, self.recommender.epochs // LOOKS)
        if done % every and done < self.recommender.epochs:
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
        return self._in_vain >= PATIENCE

    def keep_best(self) -> None:
        if self._state:
            self.recommender.restore(self._state)
