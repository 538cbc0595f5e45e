"""What errands have told so far. Whoever does one tells here, and whoever listens reads along."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

EVENTS_KEPT = 2000
TOLD_KEPT = 500
"""Of how many errands it is remembered what they told; what an older one drew, and how it ended, its rows say."""
ENDS = ("done", "failed")
Event = tuple[str, dict[str, Any]]
"""Its name, and what is said of it."""


@dataclass
class Telling:
    """Of one errand."""

    events: list[Event] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)
    far: tuple[int, int] | None = None
    """How much is done, of how much; kept here while it runs, since whoever tells may be reading the catalogue."""

    def tell(self, name: str, said: dict[str, Any]) -> None:
        if name == "progress" and self.events and self.events[-1][0] == "progress" and len(self.events) > EVENTS_KEPT:
            return
        self.events.append((name, said))

    @property
    def ended(self) -> bool:
        return bool(self.events) and self.events[-1][0] in ENDS

    def since(self, seen: int) -> list[tuple[int, str, dict[str, Any]]]:
        """What was told after the first `seen`, numbered from one."""
        return [(seen + number, name, said) for number, (name, said) in enumerate(self.events[seen:], 1)]


class Tellings:
    """Of all errands, the latest of them kept."""

    def __init__(self) -> None:
        self._by_id: dict[str, Telling] = {}

    def of(self, id: str) -> Telling:
        """One for both who tells and who listens, whichever comes first."""
        return self._by_id.setdefault(id, Telling())

    def far(self, id: str) -> tuple[int, int] | None:
        """How much is done of how much, while somebody knows."""
        return self._by_id[id].far if id in self._by_id else None

    def forget_old(self) -> None:
        for id in list(self._by_id)[:-TOLD_KEPT]:
            del self._by_id[id]

    def __contains__(self, id: object) -> bool:
        return id in self._by_id
