"""Talks that are under way, in memory, and each exchange in the catalogue: a restarted service goes on with them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from palate.converse.making import Column, Slate
from palate.converse.state import Exchange, Talk, Thing, exchange_of
from palate.converse.talking import Conversing
from palate.converse.tools import Tools
from palate.find.hub import Hub
from palate.people import talks as rows
from palate.people.gate import Principal, unknown
from palate.people.secrets import fresh_id
from palate.serve.errands import finished, pictures_of
from palate.writers.speaking import open_speaker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from palate.serve.desks import ServedDesk, Shown
    from palate.serve.serving import Serving
    from palate.writers.speaking import Speaker

MOST_TALKS = 200
TALKING = 4
"""Answered at once: who has something drawn waits for it, and the service's other threads do not."""


class AsJobs:
    """What a talk has made, as jobs of the service: who asked waits for them, with the rights of whoever asks now."""

    def __init__(self, here: Serving, principal: Callable[[], Principal]) -> None:
        self._here, self._principal = here, principal

    def draw(self, model: str, words: str, negative: str, seed: int, count: int) -> list[str]:
        plan = {"models": [model], "prompt": words, "negative": negative, "seed": seed, "count": count}
        return self._done("draw", plan, count)

    def personalise(self, count: int, seed: int) -> list[str]:
        return self._done("personalise", {"count": count, "seed": seed}, count)

    def _done(self, kind: str, plan: dict[str, object], count: int) -> list[str]:
        errands = self._here.errands
        errand = errands.add(self._principal().person, kind, plan, count)
        return pictures_of(self._here.studio, finished(errands, errand))

    def begin(self, words: str) -> Slate:
        return _slate(self._desk.begin(words, None))

    def answer(self, conversation: str, column: int | None, wish: str) -> Slate:
        return _slate(self._desk.answer(conversation, column, wish))

    def back(self, conversation: str, turn: int) -> None:
        from palate.serve import shapes_of_taste as tastes
        from palate.serve.steering import go_back

        go_back(conversation, tastes.Back(turn=turn), self._here, self._principal())

    @property
    def _desk(self) -> ServedDesk:
        from palate.serve.desks import ServedDesk

        return ServedDesk(self._here, self._principal())


def _slate(shown: Shown) -> Slate:
    return Slate(shown.conversation, shown.turn, tuple(Column(*column) for column in shown.columns))


class ServedTools(Tools):
    """The same tools over what the service holds in memory; drawing is a job like any other."""

    def __init__(self, here: Serving, principal: Principal) -> None:
        studio, self._shelf = here.studio, here.shelf
        making = AsJobs(here, lambda: self.principal)
        super().__init__(studio.home, studio.settings, lambda: self._shelf.library.encoder(), principal, making)

    @property
    def hub(self) -> Hub:
        return self._shelf.library.asked_hub()


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

    def __init__(self, here: Serving) -> None:
        self._here, self._studio = here, here.studio
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._lock = threading.Lock()
        self._speaker: list[Speaker | None] = []
        self.answering = ThreadPoolExecutor(TALKING, thread_name_prefix="talk")

    def close(self) -> None:
        self.answering.shutdown(wait=True, cancel_futures=True)

    def begin(self, principal: Principal) -> str:
        id = fresh_id()
        self._hold(id, Held(principal.person, *self._talk(principal, None)))
        return id

    def get(self, id: str, principal: Principal) -> Held:
        """The talk as it is held, else as it was kept; somebody else's does not exist."""
        with self._lock:
            held = self._held.get(id)
            if held is not None:
                self._held.move_to_end(id)
        held = held or self._restored(id, principal)
        if held is None or held.person != principal.person:
            raise unknown("talk")
        return held

    def _restored(self, id: str, principal: Principal) -> Held | None:
        with self._studio.home.read() as connection:
            kept = rows.of_talk(connection, id, principal.person)
        if not kept:
            return None
        told = [exchange_of(said.body) for said in kept]
        talk = Talk(principal.person, holding(told, [said.holds for said in kept]))
        return self._hold(id, Held(principal.person, *self._talk(principal, talk), told))

    def _talk(self, principal: Principal, talk: Talk | None) -> tuple[ServedTools, ServedTalk]:
        tools = ServedTools(self._here, principal)
        return tools, ServedTalk(tools, speaker=self._opened_speaker(), talk=talk)

    def _hold(self, id: str, held: Held) -> Held:
        """Whoever came first is kept, where two restore it at the same time."""
        with self._lock:
            held = self._held.setdefault(id, held)
            while len(self._held) > MOST_TALKS:
                self._held.popitem(last=False)
        return held

    def say(self, id: str, principal: Principal, said: str) -> Exchange:
        """One thing after the other, each with the rights of whoever says it now."""
        held = self.get(id, principal)
        with held.lock:
            held.tools.principal = principal
            exchange = held.talk.say(said)
            kept = rows.Said(len(held.told) + 1, len(held.talk.talk.exchanges), asdict(exchange))
            with self._studio.home.write() as connection:
                rows.put(connection, id, principal.person, kept)
            held.told.append(exchange)
        return exchange

    def listed(self, person: str) -> list[rows.Card]:
        with self._studio.home.read() as connection:
            return rows.listed(connection, person)

    def forget(self, person: str, id: str | None = None) -> None:
        """One talk, or from memory all of a person's whose rows are gone."""
        if id is not None:
            with self._studio.home.write() as connection:
                rows.forget(connection, person, id)
        with self._lock:
            mine = [key for key, held in self._held.items() if held.person == person and id in (None, key)]
            for key in mine:
                del self._held[key]

    def _opened_speaker(self) -> Speaker | None:
        if not self._speaker:
            self._speaker.append(open_speaker(self._studio.settings.writer))
        return self._speaker[0]


def holding(told: Sequence[Exchange], holds: Sequence[int]) -> tuple[Exchange, ...]:
    """What of a talk still holds, from all that was told and how many exchanges held after each.

    What was undone falls from the end, and what only failed to be understood never came to hold.
    """
    kept: list[Exchange] = []
    for exchange, count in zip(told, holds, strict=True):
        if count > len(kept):
            kept.append(exchange)
        del kept[count:]
    return tuple(kept)
