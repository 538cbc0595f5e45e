"""Talks that are under way, in memory: a restart of the service begins them anew; what was chosen in them is kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from palate.converse.speaking import open_speaker
from palate.converse.state import Exchange, Thing
from palate.converse.talking import Conversing
from palate.converse.tools import Tools
from palate.find.hub import Hub
from palate.people.gate import Principal, unknown
from palate.people.secrets import fresh_id
from palate.serve.errands import Errands, finished, pictures_of
from palate.serve.library import Shelf
from palate.studio import Studio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from palate.converse.speaking import Speaker

MOST_TALKS = 200
TALKING = 4
"""Answered at once: who has something drawn waits for it, and the service's other threads do not."""


class ServedTools(Tools):
    """The same tools over what the service holds in memory; drawing is a job like any other."""

    def __init__(self, studio: Studio, shelf: Shelf, errands: Errands, principal: Principal) -> None:
        super().__init__(studio.home, studio.settings, lambda: shelf.library.encoder(), principal, draw=self._as_job)
        self._shelf, self._errands, self._studio = shelf, errands, studio

    @property
    def hub(self) -> Hub:
        return self._shelf.library.asked_hub()

    def _as_job(self, model: str, words: str, negative: str, seed: int, count: int) -> list[str]:
        plan = {"models": [model], "prompt": words, "negative": negative, "seed": seed, "count": count}
        errand = self._errands.add(self.person, "draw", plan, count)
        return pictures_of(self._studio, finished(self._errands, errand))


class ServedTalk(Conversing):
    """Pictures are asked for by their ids, so no file has to be made ready for an answer."""

    def _with_files(self, things: Sequence[Thing]) -> tuple[Thing, ...]:
        return tuple(things)


@dataclass
class Held:
    person: str
    tools: ServedTools
    talk: ServedTalk
    told: list[Exchange] = field(default_factory=list)
    """All that was said, also what was undone."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Talks:
    """Each belongs to one person; the one that was silent longest is let go of when there are too many."""

    def __init__(self, studio: Studio, shelf: Shelf, errands: Errands) -> None:
        self._studio, self._shelf, self._errands = studio, shelf, errands
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._lock = threading.Lock()
        self._speaker: list[Speaker | None] = []
        self.answering = ThreadPoolExecutor(TALKING, thread_name_prefix="talk")

    def close(self) -> None:
        self.answering.shutdown(wait=True, cancel_futures=True)

    def begin(self, principal: Principal) -> str:
        tools = ServedTools(self._studio, self._shelf, self._errands, principal)
        held = Held(principal.person, tools, ServedTalk(tools, speaker=self._opened_speaker()))
        id = fresh_id()
        with self._lock:
            self._held[id] = held
            while len(self._held) > MOST_TALKS:
                self._held.popitem(last=False)
        return id

    def get(self, id: str, person: str) -> Held:
        with self._lock:
            held = self._held.get(id)
            if held is None or held.person != person:
                raise unknown("talk")
            self._held.move_to_end(id)
        return held

    def say(self, id: str, principal: Principal, said: str) -> Exchange:
        """One thing after the other, each with the rights of whoever says it now."""
        held = self.get(id, principal.person)
        with held.lock:
            held.tools.principal = principal
            exchange = held.talk.say(said)
            held.told.append(exchange)
        return exchange

    def forget(self, person: str, id: str | None = None) -> None:
        with self._lock:
            mine = [key for key, held in self._held.items() if held.person == person and id in (None, key)]
            for key in mine:
                del self._held[key]

    def _opened_speaker(self) -> Speaker | None:
        if not self._speaker:
            self._speaker.append(open_speaker(self._studio.settings.writer))
        return self._speaker[0]
