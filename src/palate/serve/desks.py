"""For whom the tools of the Model Context Protocol work: the home's own user, or whoever shows a key over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from palate.catalogue import pictures as picture_rows
from palate.catalogue.conversations import Turn
from palate.errors import PalateError
from palate.find.asking import weights_of
from palate.find.scores import Weights
from palate.people import holdings
from palate.people.gate import ACTIONS, Principal, authorize
from palate.people.persons import OWNER
from palate.serve import shapes_of_taste as tastes
from palate.serve import steering
from palate.serve.asking import example_of, weights_for
from palate.serve.errands import finished, pictures_of
from palate.serve.images import model_for
from palate.serve.library import Library, Shelf
from palate.studio import Studio

if TYPE_CHECKING:
    from palate.serve.serving import Serving
    from palate.steer.steering import Steering

MOST_HELD = 20


@dataclass(frozen=True)
class Shown:
    """A slate: who drew which words, and the pictures of each column."""

    conversation: str
    turn: int
    columns: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Words, the model's name, and pictures."""


class Desk(Protocol):
    """What a tool needs. Every way through it asks the gate first."""

    principal: Principal

    @property
    def library(self) -> Library: ...

    def examples(self, ids: Sequence[str]) -> tuple[str | Path, ...]:
        """Pictures that may be shown as examples, by whole ids; anything else is refused, a path above all."""

    def sees(self, picture: str) -> bool: ...

    def weights(self) -> Weights: ...

    def draw(self, model: str, prompt: str, seed: int, count: int) -> list[str]:
        """Ids of the pictures, once they are drawn."""

    def begin(self, prompt: str, model: str | None) -> Shown: ...

    def answer(self, conversation: str, column: int | None, wish: str) -> Shown:
        """A column from 0, or none; the next slate, drawn."""

    def picture(self, id: str) -> bytes: ...


class OwnDesk:
    """The program runs as the home's own user; what it draws is the home's."""

    def __init__(self, studio: Studio) -> None:
        self.principal = Principal(OWNER, OWNER, "owner", frozenset(ACTIONS), "here")
        self._studio, self._shelf = studio, Shelf(studio)
        self._held: dict[str, Steering] = {}

    @property
    def library(self) -> Library:
        return self._shelf.library

    def examples(self, ids: Sequence[str]) -> tuple[str, ...]:
        with self._studio.home.read() as connection:
            found = [picture_rows.get(connection, id) for id in ids]
        if any(picture.id != id for picture, id in zip(found, ids, strict=True)):
            raise PalateError("unknown_picture", "give whole ids", about="pictures")
        return tuple(picture.id for picture in found)

    def sees(self, picture: str) -> bool:  # noqa: ARG002 - all of it
        return True

    def weights(self) -> Weights:
        return weights_of(self._studio.settings, None)

    def draw(self, model: str, prompt: str, seed: int, count: int) -> list[str]:
        return [row["id"] for row in self._studio.draw(model, prompt, seed=seed, count=count)]

    def begin(self, prompt: str, model: str | None) -> Shown:
        begun = self._studio.steer(prompt, model=model)
        self._held[begun.conversation.id] = begun
        while len(self._held) > MOST_HELD:
            del self._held[next(iter(self._held))]
        return self._next(begun, "")

    def answer(self, conversation: str, column: int | None, wish: str) -> Shown:
        held = self._held.get(conversation)
        if held is None:
            raise PalateError("unknown_conversation", "there is no such conversation", about="conversation")
        held.choose(column)
        return self._next(held, wish)

    def _next(self, held: Steering, wish: str) -> Shown:
        held.next_turn(wish)
        self._studio.draw_turn(held)
        turn = held.current
        assert isinstance(turn, Turn)
        models = self.library.models
        hands = [column.model_id or held.conversation.model_id or "" for column in turn.slate]
        names = [models[hand].name if hand in models else "" for hand in hands]
        columns = tuple(
            (column.text, name, tuple(column.pictures)) for column, name in zip(turn.slate, names, strict=True)
        )
        return Shown(held.conversation.id, turn.number, columns)

    def picture(self, id: str) -> bytes:
        return self._studio.home.blobs.get(id)


class ServedDesk:
    """One person's rights over a service: what they draw is theirs, and every drawing is a job like any other."""

    def __init__(self, here: Serving, principal: Principal) -> None:
        self._here, self.principal = here, principal

    @property
    def library(self) -> Library:
        return self._here.shelf.library

    def examples(self, ids: Sequence[str]) -> tuple[str | Path, ...]:
        return tuple(example_of(self._here, self.principal, id) for id in ids)

    def sees(self, picture: str) -> bool:
        with self._here.home.read() as connection:
            return holdings.may_see(connection, self.principal.person, picture)

    def weights(self) -> Weights:
        return weights_for(self._here, self.principal, None)

    def draw(self, model: str, prompt: str, seed: int, count: int) -> list[str]:
        authorize(self.principal, "draw")
        if not prompt.strip():
            raise PalateError("empty_prompt", "say what to draw", about="prompt")
        named = model_for(self._here, self.principal, model, prompt)
        plan = {"models": [named], "prompt": prompt, "negative": "", "seed": seed, "count": count}
        errand = self._here.errands.add(self.principal.person, "draw", plan, count)
        return pictures_of(self._here.studio, finished(self._here.errands, errand))

    def begin(self, prompt: str, model: str | None) -> Shown:
        authorize(self.principal, "draw")
        named = None if model is None else model_for(self._here, self.principal, model, prompt)
        body = tastes.NewConversation(prompt=prompt[:2000], model=named)
        return self._drawn(steering.begin_steering(body, self._here, self.principal))

    def answer(self, conversation: str, column: int | None, wish: str) -> Shown:
        authorize(self.principal, "draw")
        now = steering.shown(self._here, self.principal, conversation)
        body = tastes.Answer(turn=now.current or 1, column=column, wish=wish)
        return self._drawn(steering.answer_slate(conversation, body, self._here, self.principal))

    def _drawn(self, conversation: tastes.Conversation) -> Shown:
        errands = self._here.errands
        if conversation.job is not None:
            finished(errands, errands.get(conversation.job.id, self.principal.person))
        now = steering.shown(self._here, self.principal, conversation.id)
        turn = next(one for one in now.turns if one.number == now.current)
        columns = tuple(
            (column.text, column.model.name if column.model else "", tuple(column.pictures)) for column in turn.columns
        )
        return Shown(now.id, turn.number, columns)

    def picture(self, id: str) -> bytes:
        return self._here.media.of_picture(id, "full")[0]
