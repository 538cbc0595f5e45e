"""Answers to a slate, and going back: a turn that is open again can be answered otherwise, beside the old branch."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from palate.catalogue import choices as choice_rows
from palate.catalogue import conversations
from palate.catalogue.choices import Choice
from palate.catalogue.conversations import Conversation, Turn
from palate.catalogue.home import Home
from palate.errors import PalateError
from palate.steer.steering import answered, choice_of


def answer(home: Home, conversation: Conversation, number: int, column: int | None) -> Turn:
    """A column of the turn that the person is at was picked, or none; what it teaches is worked out when needed."""
    with home.write() as connection:
        turns = conversations.turns_of(connection, conversation.id)
        turn = next((turn for turn in turns if turn.number == number), None)
        if turn is None or turn.state != "open" or number != conversation.current:
            raise PalateError("no_open_turn", "this slate is not waiting for an answer", about=str(number))
        if column is not None and not 0 <= column < len(turn.slate):
            raise PalateError("no_such_column", f"there are columns 1 to {len(turn.slate)}", about=str(column + 1))
        choice_rows.append(connection, choice_of(conversation, turn, column))
        conversations.put_answer(connection, conversation.id, answered(turn, column))
    return answered(turn, column)


def go_to(home: Home, conversation: Conversation, number: int) -> Turn:
    """Be at this turn, unanswered; the answers that led to it are those that count, and its own is taken back."""
    with home.write() as connection:
        way = conversations.path(conversations.turns_of(connection, conversation.id), number)
        if not way:
            raise PalateError("unknown_turn", "there is no such turn", about=str(number))
        for turn, follower in pairwise(way):
            if turn.state == "open" or turn.picked != follower.via:
                choice_rows.append(connection, choice_of(conversation, turn, follower.via))
                conversations.put_answer(connection, conversation.id, answered(turn, follower.via))
        target = replace(way[-1], state="open", picked=None)
        if way[-1].state != "open":
            payload = choice_of(conversation, way[-1], way[-1].picked).payload
            choice_rows.append(connection, Choice(conversation.person, "undo", payload))
            conversations.put_answer(connection, conversation.id, target)
        conversations.set_current(connection, conversation.id, number)
    return target


def before(turns: list[Turn], number: int | None) -> int:
    """The turn whose answer led to this one: where undoing leads."""
    for turn in turns:
        if turn.number == number and turn.parent is not None:
            return turn.parent
    raise PalateError("nothing_to_undo", "nothing was answered yet in this conversation")


def forget(home: Home, conversation: Conversation) -> None:
    """The turns, and what was chosen in them; it teaches nothing from then on. Pictures stay whose they are."""
    with home.write() as connection:
        conversations.forget_one(connection, conversation.id)
        made = choice_rows.of_person(connection, conversation.person)
        own = [choice.sequence for choice in made if choice.payload.get("conversation") == conversation.id]
        choice_rows.forget(connection, own)
