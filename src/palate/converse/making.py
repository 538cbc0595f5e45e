"""Where what a talk asks for is made: here and now, by the studio's own verbs; a service does the same as jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from palate.catalogue import models as model_rows
from palate.errors import PalateError

if TYPE_CHECKING:
    from pathlib import Path

    from palate.catalogue.home import Home
    from palate.encoders.protocol import Encoder
    from palate.personalise.drawing import Drawn
    from palate.steer.steering import Steering

MOST_SLATES = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a slate: its words, the name of who drew it, and the pictures, the first one first."""

    words: str
    model: str
    pictures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Slate:
    """What is to be chosen from, and at which turn of which steering."""

    conversation: str
    turn: int
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        return f"{self.conversation}:{self.turn}"


def slate_of(name: str) -> tuple[str, int]:
    """Which steering, and which of its turns."""
    steering, _, turn = name.rpartition(":")
    return steering, int(turn)


class Making(Protocol):
    """Each answers ids once the pictures are there and can be looked for; a PalateError says why they are not."""

    def draw(self, model: str, words: str, negative: str, seed: int, count: int) -> list[str]: ...

    def personalise(self, count: int, seed: int) -> list[str]: ...

    def begin(self, words: str) -> Slate: ...

    def answer(self, conversation: str, column: int | None, wish: str) -> Slate: ...

    def back(self, conversation: str, turn: int) -> None:
        """A turn that was answered waits for an answer again."""


class Verbs(Protocol):
    """What of a studio a talk uses to make something."""

    home: Home

    @property
    def encoder(self) -> Encoder: ...

    def draw(
        self, model: str, prompt: str, *, seed: int = 1, count: int = 1, negative: str = ""
    ) -> list[dict[str, Any]]: ...

    def personalise(self, person: str = "me", *, count: int = 4, seed: int = 0) -> Drawn: ...

    def steer(self, prompt: str, *, person: str = "me") -> Steering: ...

    def draw_turn(self, steering: Steering) -> Path: ...


class Here:
    """For one person, in this process; whoever asks waits."""

    def __init__(self, verbs: Verbs, person: str) -> None:
        self._verbs, self._person = verbs, person
        self._held: dict[str, Steering] = {}

    def draw(self, model: str, words: str, negative: str, seed: int, count: int) -> list[str]:
        return self._encoded(self._verbs.draw(model, words, seed=seed, count=count, negative=negative))

    def personalise(self, count: int, seed: int) -> list[str]:
        return self._encoded(self._verbs.personalise(self._person, count=count, seed=seed).pictures)

    def _encoded(self, rows: Sequence[dict[str, Any]]) -> list[str]:
        from palate.specify.encoding import encode_missing

        encode_missing(self._verbs.home, self._verbs.encoder)
        return [str(row["id"]) for row in rows]

    def begin(self, words: str) -> Slate:
        steering = self._verbs.steer(words, person=self._person)
        self._held[steering.conversation.id] = steering
        while len(self._held) > MOST_SLATES:
            del self._held[next(iter(self._held))]
        return self._next(steering, "")

    def answer(self, conversation: str, column: int | None, wish: str) -> Slate:
        steering = self._steering(conversation)
        steering.choose(column)
        return self._next(steering, wish)

    def back(self, conversation: str, turn: int) -> None:
        self._steering(conversation).back_to(turn)

    def _next(self, steering: Steering, wish: str) -> Slate:
        turn = steering.next_turn(wish)
        self._verbs.draw_turn(steering)
        turn = steering.turns[turn.number - 1]
        hands = [one.model_id or steering.conversation.model_id or "" for one in turn.slate]
        with self._verbs.home.read() as connection:
            known = {hand: model_rows.get(connection, hand) for hand in set(hands)}
        names = [model.name if (model := known[hand]) is not None else "" for hand in hands]
        columns = (Column(one.text, name, one.pictures) for one, name in zip(turn.slate, names, strict=True))
        return Slate(steering.conversation.id, turn.number, tuple(columns))

    def _steering(self, conversation: str) -> Steering:
        if conversation not in self._held:
            raise PalateError("no_open_turn", "these variations are no longer at hand", hint="ask for variations again")
        return self._held[conversation]
