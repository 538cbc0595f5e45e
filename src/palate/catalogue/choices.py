"""What people chose: an append-only record that every method learns from and none rewrites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, delete, select

from palate.catalogue import tables
from palate.catalogue.database import now
from palate.errors import PalateError

ChoiceKind = Literal["select", "like", "dislike", "rate", "battle", "sort", "pick", "skip", "undo", "pause", "resume"]
KINDS: tuple[str, ...] = get_args(ChoiceKind)
ALONE = ("like", "dislike", "select", "skip", "rate")
"""What is said of one picture."""
MOST_PICTURES = {"battle": 2, "sort": 64}
"""What is said of several, the best first."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One event: who, what kind, and the things it was about."""

    person: str
    kind: ChoiceKind
    payload: Mapping[str, Any]
    sequence: int = 0
    at: float = 0.0


def append(connection: Connection, choice: Choice) -> None:
    if choice.kind not in KINDS:
        raise PalateError("unknown_choice", f"'{choice.kind}' is none of {', '.join(KINDS)}")
    row = {"person": choice.person, "kind": choice.kind, "payload": dict(choice.payload)}
    connection.execute(tables.choices.insert().values(at=now(connection), **row))


def about(kind: str, pictures: Sequence[str], *, value: float | None = None, tie: bool = False) -> dict[str, Any]:
    """The payload of what somebody chose outside of a slate; `pictures` best first."""
    most, fewest = MOST_PICTURES.get(kind, 1), 2 if kind in MOST_PICTURES else 1
    if kind not in ALONE and kind not in MOST_PICTURES:
        known = ", ".join((*ALONE, *MOST_PICTURES))
        raise PalateError("unknown_choice", f"'{kind}' is none of {known}", hint="steer answers slates")
    if not fewest <= len(set(pictures)) == len(pictures) <= most:
        wanted = (
            "one picture" if most == 1 else f"{fewest} to {most} different pictures" if most > 2 else "two pictures"
        )
        raise PalateError("choice_invalid", f"'{kind}' is about {wanted}", about=", ".join(pictures))
    if (value is None) == (kind == "rate"):
        raise PalateError("choice_invalid", "a value is said with a rating, and with nothing else", hint="--value 4")
    if tie and kind != "battle":
        raise PalateError("choice_invalid", "only a battle ends in a tie", about=kind)
    if kind == "battle":
        return {"pictures": list(pictures), "tie": True} if tie else {"pictures": list(pictures), "winner": pictures[0]}
    if kind == "sort":
        return {"pictures": list(pictures)}
    return {"picture": pictures[0], **({} if value is None else {"value": value})}


def forget(connection: Connection, sequences: Iterable[int]) -> None:
    """For good, because their person wants it so."""
    for sequence in sequences:
        connection.execute(delete(tables.choices).where(tables.choices.c.sequence == sequence))


def of_person(connection: Connection, person: str) -> list[Choice]:
    """In the order of their sequence, never of a clock."""
    columns = tables.choices.c
    query = select(tables.choices).where(columns.person == person).order_by(columns.sequence)
    return [Choice(row.person, row.kind, row.payload, row.sequence, row.at) for row in connection.execute(query)]


def standing(made: Iterable[Choice]) -> list[Choice]:
    """What counts: of several answers to one slate the last unless taken back, and nothing said during a pause."""
    counted: dict[object, Choice] = {}
    paused = False
    for place, choice in enumerate(made):
        slate = (choice.payload.get("conversation"), choice.payload.get("turn"))
        key: object = place if slate[0] is None else slate
        if choice.kind in ("pause", "resume"):
            paused = choice.kind == "pause"
        elif choice.kind == "undo":
            counted.pop(key, None)
        elif not paused:
            counted.pop(key, None)
            counted[key] = choice
    return list(counted.values())


def is_paused(made: Iterable[Choice]) -> bool:
    """Whether this person wants nothing more to be learned from what they choose."""
    turns = [choice.kind for choice in made if choice.kind in ("pause", "resume")]
    return turns[-1:] == ["pause"]


def liked_pictures(connection: Connection, person: str) -> list[str]:
    """Pictures this person selected or liked and did not dislike later, latest first."""
    return list(reversed(_liked(of_person(connection, person))))


def disliked_pictures(connection: Connection, person: str) -> list[str]:
    """Pictures whose last word from this person was a dislike."""
    last = {_picture(choice): choice.kind for choice in standing(of_person(connection, person))}
    return [picture for picture, kind in last.items() if picture is not None and kind == "dislike"]


def likings(connection: Connection) -> dict[str, list[str]]:
    """What each person selected or liked and did not dislike later, oldest first."""
    query = select(tables.choices).order_by(tables.choices.c.sequence)
    own: dict[str, list[Choice]] = {}
    for row in connection.execute(query):
        own.setdefault(row.person, []).append(Choice(row.person, row.kind, row.payload, row.sequence, row.at))
    return {person: liked for person, made in own.items() if (liked := _liked(made))}


def _liked(made: Iterable[Choice]) -> list[str]:
    liked: dict[str, None] = {}
    for choice in standing(made):
        picture = _picture(choice)
        if picture is None:
            continue
        liked.pop(picture, None)
        if choice.kind in ("select", "like", "pick"):
            liked[picture] = None
    return list(liked)


def _picture(choice: Choice) -> str | None:
    picture = choice.payload.get("picture")
    return picture if isinstance(picture, str) else None
