"""What was read from the catalogue, for as long as it cannot have changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from palate.catalogue.database import Database

Value = TypeVar("Value")
SECONDS = 1.0
"""What another process wrote, and what ends by the clock, is seen after so long."""
MOST = 10_000


class Remembered:
    """Answers of a database, each until anything is written from here, and for a second at most.

    The service is the only writer of a home of its own, so what is remembered of one is what a question would answer.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._kept: dict[tuple[str, ...], tuple[int, float, object]] = {}

    def known(self, *name: str) -> object | None:
        """What is remembered, without asking anybody; None where it has to be asked for."""
        written, since, value = self._kept.get(name, (-1, 0.0, None))
        fresh = written == self._database.written and self._clock() - since < SECONDS
        return value if fresh else None

    def get(self, *name: str, ask: Callable[[], Value]) -> Value:
        """What is remembered by this name, else what is answered now; None is asked for again."""
        value = self.known(*name)
        if value is not None:
            return value  # type: ignore[return-value]
        written, since = self._database.written, self._clock()  # before it is read: a write in between is noticed
        answer = ask()
        if answer is not None:
            if len(self._kept) >= MOST:
                self._kept = {}
            self._kept[name] = (written, since, answer)
        return answer
