"""Going back in a conversation: a turn is open again, and another answer to it begins a branch beside the old one."""

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
            payload = {**choice_of(conversation, way[-1], way[-1].picked).payload}
            choice_rows.append(connection, Choice(conversation.person, "undo", payload))
            conversations.put_answer(connection, conversation.id, target)
        conversations.set_current(connection, conversation.id, number)
    return target


def before(turns: list[Turn], number: int) -> int:
    """The turn whose answer led to this one: where undoing leads."""
    for turn in turns:
        if turn.number == number and turn.parent is not None:
            return turn.parent
    raise PalateError("nothing_to_undo", "nothing was answered yet in this conversation")
