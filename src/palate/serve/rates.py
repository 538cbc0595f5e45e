"""How often somebody may knock."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from palate.errors import PalateError

MOST_NAMES = 10_000


class TooOftenError(PalateError):
    """Says when it is worth trying again."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__("too_often", message, hint=f"try again in {math.ceil(seconds)} seconds")
        self.seconds = math.ceil(seconds)


class Rate:
    """So many at once, and so many a second after that, for each name by itself (a token bucket)."""

    def __init__(self, burst: float, a_second: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.burst, self.a_second, self.clock = burst, a_second, clock
        self._left: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str, count: float = 1.0) -> None:
        """Raises where there is not enough left; what was refused costs nothing."""
        with self._lock:
            now = self.clock()
            left, since = self._left.get(name, (self.burst, now))
            left = min(self.burst, left + (now - since) * self.a_second)
            if left < count:
                self._left[name] = (left, now)
                raise TooOftenError("too many of these in so short a time", (count - left) / self.a_second)
            if len(self._left) >= MOST_NAMES:
                self._forget_the_rested(now)
            self._left[name] = (left - count, now)

    def _forget_the_rested(self, now: float) -> None:
        full = [name for name, (left, at) in self._left.items() if left + (now - at) * self.a_second >= self.burst]
        for name in full:
            del self._left[name]
