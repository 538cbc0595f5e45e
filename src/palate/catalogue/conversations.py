"""Conversations that steer: turns, the candidates of each, what was shown with which pictures, what was picked.

Turns make a tree: who goes back and answers otherwise begins a branch, and the old one stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, select, update

from palate.catalogue import tables
from palate.catalogue.database import now, upsert
from palate.errors import PalateError

TurnState = Literal["open", "picked", "none"]


@dataclass(frozen=True, slots=True)
class Conversation:
    """One person's way from a first prompt to a picture."""

    id: str
    person: str
    prompt: str
    model_id: str | None
    seed: int
    current: int | None = None
    """The number of the turn that the person is at."""
    varies: bool = False
    """Whether candidates may name other models than `model_id`, which begins."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A prompt that might be shown: `value` to this person, how uncertain that is, and the column it was shown in."""

    text: str
    category: str
    value: float
    doubt: float
    column: int | None = None
    pictures: tuple[str, ...] = ()
    model_id: str | None = None
    """Who draws it; None for the conversation's own model."""


@dataclass(frozen=True, slots=True)
class Turn:
    number: int
    prompt: str
    wish: str
    writer: str
    fallback: str | None
    candidates: tuple[Candidate, ...]
    state: TurnState = "open"
    picked: int | None = None
    parent: int | None = None
    """The turn that led here, and by `via`, the column that was picked there (none: by a wish alone)."""
    via: int | None = None

    @property
    def slate(self) -> list[Candidate]:
        """The columns that were shown, in their order."""
        shown = [candidate for candidate in self.candidates if candidate.column is not None]
        return sorted(shown, key=lambda candidate: candidate.column or 0)


def put(connection: Connection, conversation: Conversation) -> None:
    connection.execute(tables.conversations.insert().values(made=now(connection), **asdict(conversation)))


def get(connection: Connection, id: str, person: str) -> Conversation:
    """Another person's conversation does not exist."""
    columns = tables.conversations.c
    row = connection.execute(select(tables.conversations).where(columns.id == id, columns.person == person)).first()
    if row is None:
        raise PalateError("unknown_conversation", "there is no such conversation", about=id[:64])
    return _conversation(row)


def of_person(connection: Connection, person: str) -> list[Conversation]:
    """Oldest first."""
    columns = tables.conversations.c
    query = select(tables.conversations).where(columns.person == person).order_by(columns.made, columns.id)
    rows = connection.execute(query)
    return [_conversation(row) for row in rows]


def _conversation(row: Row[Any]) -> Conversation:
    return Conversation(row.id, row.person, row.prompt, row.model_id, row.seed, row.current, bool(row.varies))


def set_current(connection: Connection, conversation: str, number: int) -> None:
    columns = tables.conversations.c
    connection.execute(update(tables.conversations).where(columns.id == conversation).values(current=number))


def put_turn(connection: Connection, conversation: str, turn: Turn) -> None:
    """The turn with its candidates; put again with pictures, it is the same turn."""
    put_answer(connection, conversation, turn)
    _put_candidates(connection, conversation, turn)


def put_answer(connection: Connection, conversation: str, turn: Turn) -> None:
    """The turn alone, its candidates being there and as they were."""
    row = {"conversation_id": conversation, "number": turn.number, "prompt": turn.prompt, "wish": turn.wish}
    row |= {"writer": turn.writer, "fallback": turn.fallback, "state": turn.state, "picked": turn.picked}
    row |= {"parent": turn.parent, "via": turn.via}
    upsert(connection, tables.turns, [row])


def _put_candidates(connection: Connection, conversation: str, turn: Turn) -> None:
    rows = [
        {
            "conversation_id": conversation,
            "turn": turn.number,
            "place": place,
            "text": candidate.text,
            "category": candidate.category,
            "value": candidate.value,
            "doubt": candidate.doubt,
            "column": candidate.column,
            "pictures": list(candidate.pictures),
            "model_id": candidate.model_id,
        }
        for place, candidate in enumerate(turn.candidates)
    ]
    upsert(connection, tables.candidates, rows)


def turns_of(connection: Connection, conversation: str) -> list[Turn]:
    """In their order."""
    of, columns = tables.candidates.c, tables.turns.c
    made: dict[int, list[Candidate]] = {}
    query = select(tables.candidates).where(of.conversation_id == conversation).order_by(of.turn, of.place)
    for row in connection.execute(query):
        shown = tuple(row.pictures)
        candidate = Candidate(row.text, row.category, row.value, row.doubt, row.column, shown, row.model_id)
        made.setdefault(row.turn, []).append(candidate)
    rows = select(tables.turns).where(columns.conversation_id == conversation).order_by(columns.number)
    return [
        Turn(
            row.number,
            row.prompt,
            row.wish,
            row.writer,
            row.fallback,
            tuple(made.get(row.number, ())),
            row.state,
            row.picked,
            row.parent,
            row.via,
        )
        for row in connection.execute(rows)
    ]


def path(turns: Sequence[Turn], number: int) -> list[Turn]:
    """The turns from the first to this one, each led to by the one before."""
    by_number = {turn.number: turn for turn in turns}
    found: list[Turn] = []
    at: int | None = number
    while at in by_number:
        found.append(by_number[at])
        at = by_number[at].parent
    return found[::-1]


@dataclass(frozen=True, slots=True)
class Stated:
    """What a person said of their own taste, and which choices count no more."""

    words: dict[str, float]
    after: int = 0


def stated(connection: Connection, person: str) -> Stated:
    row = connection.execute(select(tables.tastes).where(tables.tastes.c.person == person)).first()
    return Stated(dict(row.words), row.after) if row else Stated({})


def put_stated(connection: Connection, person: str, said: Stated) -> None:
    upsert(connection, tables.tastes, [{"person": person, "words": said.words, "after": said.after}])


def last_choice(connection: Connection) -> int:
    """The sequence of the latest choice of anybody, 0 before the first."""
    return connection.execute(select(func.max(tables.choices.c.sequence))).scalar() or 0


def forget(connection: Connection, person: str) -> dict[str, int]:
    """Conversations, stated taste and choices of a person, for good; how many rows of each there were."""
    ids = [conversation.id for conversation in of_person(connection, person)]
    counts = {"conversations": len(ids)}
    for id in ids:
        forget_one(connection, id)
    for table in (tables.tastes, tables.choices):
        counts[table.name] = connection.execute(delete(table).where(table.c.person == person)).rowcount
    return counts


def forget_one(connection: Connection, id: str) -> None:
    for table in (tables.candidates, tables.turns):
        connection.execute(delete(table).where(table.c.conversation_id == id))
    connection.execute(delete(tables.conversations).where(tables.conversations.c.id == id))


def put_pictures(connection: Connection, id: str, turn: int, columns: Mapping[int, Sequence[str]]) -> None:
    """What stands in a turn's columns so far; whatever else the turn is stays as it is."""
    of = tables.candidates.c
    for column, pictures in columns.items():
        shown = (of.conversation_id == id) & (of.turn == turn) & (of.column == column)
        connection.execute(update(tables.candidates).where(shown).values(pictures=list(pictures)))


def shown_texts(turns: Sequence[Turn]) -> tuple[str, ...]:
    return tuple(candidate.text for turn in turns for candidate in turn.slate)
