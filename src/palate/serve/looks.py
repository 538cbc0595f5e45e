"""Pictures that are known by their key alone, drawn because somebody looks: those waited for, then those next in sight.

Whoever looks at a wall asks for many at once. They are drawn one model after the other, the longest awaited first.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from pathlib import Path

from palate.errors import PalateError

log = logging.getLogger("palate.serve")

MOST_AT_ONCE = 16
MOST_AHEAD = 24
"""Of a wall so many are drawn before anybody asks: what is in sight, and a little below."""
MOST_LISTED = 240
"""Of a wall so many are looked through for those."""
LOOK_AGAIN_SECONDS = 0.5
Draw = Callable[[Sequence[str]], Mapping[str, Path]]


class Looks:
    """`draw` answers files, `maker` the model that drew a picture, `waits` whether it has no file yet, and `idle`
    whether nothing else is being drawn."""

    def __init__(
        self,
        draw: Draw,
        maker: Callable[[str], str | None],
        waits: Callable[[str], bool],
        idle: Callable[[], bool],
    ) -> None:
        self._draw, self._maker, self._waits, self._idle = draw, maker, waits, idle
        self._wanted: dict[str, list[Future[Path | None]]] = {}
        self._ahead: list[str] = []
        self._more = 0
        """How many of those may still be drawn."""
        self._settled: set[str] = set()
        """Of what was ahead: what has a file now, or never will."""
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closing = False

    def want(self, picture: str) -> Future[Path | None]:
        """Its file once it is drawn; None where it cannot be."""
        wanted: Future[Path | None] = Future()
        with self._wake:
            if self._closing:
                wanted.set_result(None)
                return wanted
            self._wanted.setdefault(picture, []).append(wanted)
            self._go_on()
        return wanted

    def look(self, picture: str) -> Path | None:
        return self.want(picture).result()

    def ahead(self, pictures: Iterable[str]) -> None:
        """What will be looked at soon, in this order. Only the latest wall counts."""
        with self._wake:
            listed = islice(pictures, MOST_LISTED)
            self._ahead = [picture for picture in listed if picture not in self._settled]
            self._more = MOST_AHEAD
            if self._ahead:
                self._go_on()

    def close(self) -> None:
        with self._wake:
            self._closing = True
            self._ahead = []
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._answer(list(self._wanted), {})

    def _go_on(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._work, name="looks", daemon=True)
            self._thread.start()
        self._wake.notify_all()

    def _work(self) -> None:
        while not self._closing:
            with self._wake:
                wanted, ahead = list(self._wanted), self._ahead[: min(1, self._more)]
                if not wanted and not (ahead and self._idle()):
                    self._wake.wait(LOOK_AGAIN_SECONDS if ahead else None)
                    continue
            if wanted:
                self._draw_wanted(wanted)
            else:
                self._draw_ahead(ahead[0])

    def _draw_wanted(self, wanted: Sequence[str]) -> None:
        """Those of the model that somebody waits for longest."""
        part = list(wanted[:1])
        try:
            maker = self._maker(wanted[0])
            part += [picture for picture in wanted[1:] if self._maker(picture) == maker][: MOST_AT_ONCE - 1]
            self._answer(part, self._draw(part))
        except Exception as failure:
            self._answer(part, failure)

    def _draw_ahead(self, ahead: str) -> None:
        try:
            if self._waits(ahead):
                self._more -= 1
                self._draw([ahead])
        except Exception as failure:
            code = failure.code if isinstance(failure, PalateError) else type(failure).__name__
            log.error(json.dumps({"event": "look ahead", "error": code}))
        with self._wake:
            self._settled.add(ahead)
            self._ahead = [picture for picture in self._ahead if picture not in self._settled]

    def _answer(self, pictures: Sequence[str], found: Mapping[str, Path] | Exception) -> None:
        with self._wake:
            waiting = [(picture, one) for picture in pictures for one in self._wanted.pop(picture, ())]
        for picture, one in waiting:
            if not one.set_running_or_notify_cancel():
                continue
            if isinstance(found, Exception):
                one.set_exception(found)
            else:
                one.set_result(found.get(picture))
