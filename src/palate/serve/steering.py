"""`/steer`: conversations of slates. Each slate is a job, whose events tell every picture as it is drawn."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Path, Query

from palate.catalogue import conversations
from palate.catalogue.conversations import Conversation, Turn
from palate.errors import PalateError
from palate.people import errands as errand_rows
from palate.people.errands import Errand
from palate.people.gate import Principal, authorize, unknown
from palate.serve import shapes, slates
from palate.serve import shapes_of_taste as tastes
from palate.serve.errands import require_able, require_share
from palate.serve.images import best_model
from palate.serve.making import job_of
from palate.serve.serving import Choosing, DrawingRight, Here, Reading, Serving
from palate.serve.shapes import Items
from palate.steer import answering
from palate.steer.steering import begin

routes = APIRouter(prefix="/steer", tags=["steering"])
AnId = Annotated[str, Path(max_length=64)]
MOST_SEEDS = 2**20


def conversation_of(here: Serving, principal: Principal, id: str) -> tuple[Conversation, list[Turn]]:
    with here.home.read() as connection:
        try:
            found = conversations.get(connection, id, principal.person)
        except PalateError:
            raise unknown("conversation") from None
        return found, conversations.turns_of(connection, id)


def _job(here: Serving, conversation: Conversation) -> Errand | None:
    """The latest that was asked to draw for this conversation."""
    with here.home.read() as connection:
        mine = errand_rows.of_kind(connection, conversation.person, "steer")
    return next((errand for errand in mine if errand.plan["conversation"] == conversation.id), None)


def shown(here: Serving, principal: Principal, id: str) -> tastes.Conversation:
    conversation, turns = conversation_of(here, principal, id)
    errand = _job(here, conversation)
    if errand is not None and errand.state != "done":  # what is drawn is written down when all of it is
        settings = here.studio.settings
        for place, turn in enumerate(turns):
            if turn.number == conversation.current:
                with suppress(PalateError):  # the model may be gone, the words are still there
                    turns[place] = slates.with_drawn(here.home, settings, conversation, turn)
    return tastes.Conversation(
        id=conversation.id,
        prompt=conversation.prompt,
        model=_named(here, conversation.model_id),
        current=conversation.current,
        turns=[_turn(here, conversation, turn) for turn in turns],
        job=None if errand is None else job_of(here, here.errands.get(errand.id, principal.person)),
    )


def _named(here: Serving, id: str | None) -> shapes.Named | None:
    model = here.shelf.library.models.get(id or "")
    return None if model is None else shapes.Named(id=model.id, name=model.name)


def _turn(here: Serving, conversation: Conversation, turn: Turn) -> tastes.Turn:
    columns = [
        tastes.Column(
            text=column.text,
            category=column.category,
            value=column.value,
            doubt=column.doubt,
            model=_named(here, column.model_id or conversation.model_id),
            pictures=list(column.pictures),
        )
        for column in turn.slate
    ]
    names = ("number", "parent", "via", "prompt", "wish", "writer", "fallback", "state", "picked")
    return tastes.Turn.model_validate({**{name: getattr(turn, name) for name in names}, "columns": columns})


def _next(here: Serving, conversation: Conversation, wish: str) -> None:
    """Have the next slate made, or what is missing of this one."""
    plan = {"conversation": conversation.id, "prompt": conversation.prompt, "wish": wish}
    here.errands.add(conversation.person, "steer", plan, slates.SIZE)


def _leave(here: Serving, conversation: Conversation, turns: list[Turn]) -> None:
    """What is still being drawn for a slate that nobody looks at any more is not wanted; what was drawn is kept."""
    errand = _job(here, conversation)
    if errand is not None and errand.state in errand_rows.OPEN:
        here.errands.turn(errand.id, conversation.person, "cancel")
    if errand is not None and errand.state != "done":
        for turn in turns:
            if turn.number == conversation.current:
                with suppress(PalateError):
                    slates.keep_drawn(here.home, here.studio.settings, conversation, turn)


@routes.post("", status_code=202)
def begin_steering(body: tastes.NewConversation, here: Here, principal: DrawingRight) -> tastes.Conversation:
    """Begin: four prompts in four pictures each are made for these words and this person's taste."""
    authorize(principal, "choose")
    with here.home.read() as connection:
        require_share(connection, principal.person, "steer", slates.SIZE)
    model = body.model or best_model(here, principal, body.prompt)
    require_able(here.shelf.library.models, [model])
    seed = secrets.randbelow(MOST_SEEDS) if body.seed is None else body.seed
    varies = not body.model
    conversation = begin(here.home, principal.person, body.prompt, model_id=model, seed=seed, varies=varies)
    _next(here, conversation, "")
    return shown(here, principal, conversation.id)


@routes.get("")
def list_conversations(
    here: Here,
    principal: Reading,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=shapes.MOST_ROWS)] = 20,
) -> Items[tastes.ConversationCard]:
    """One's own, latest first."""
    with here.home.read() as connection:
        mine = conversations.of_person(connection, principal.person)[::-1]
        page = [(one, conversations.turns_of(connection, one.id)) for one in mine[offset : offset + limit]]
    cards = [
        tastes.ConversationCard(
            id=one.id,
            prompt=one.prompt,
            model=_named(here, one.model_id),
            models=_hands(here, one, turns),
            turns=len(turns),
            picture=_last_picture(turns),
        )
        for one, turns in page
    ]
    return Items[tastes.ConversationCard](items=cards, total=len(mine))


def _hands(here: Serving, conversation: Conversation, turns: list[Turn]) -> list[shapes.Named]:
    """Everyone who drew a column that was shown."""
    ids = dict.fromkeys(hand for turn in turns for hand in slates.hands_of(conversation, turn))
    return [named for id in ids if (named := _named(here, id)) is not None]


def _last_picture(turns: list[Turn]) -> str | None:
    for turn in reversed(turns):
        columns = turn.slate if turn.picked is None else [turn.slate[turn.picked]]
        for column in columns:
            if column.pictures:
                return column.pictures[0]
    return None


@routes.get("/{id}")
def show_conversation(id: AnId, here: Here, principal: Reading) -> tastes.Conversation:
    """All its turns; together they are a tree, `current` being where one is."""
    return shown(here, principal, id)


@routes.post("/{id}/answer", status_code=202)
def answer_slate(id: AnId, body: tastes.Answer, here: Here, principal: DrawingRight) -> tastes.Conversation:
    """Pick a column or none, wish something, and the next slate is made. Nobody has to wait for all pictures first."""
    authorize(principal, "choose")
    conversation, turns = conversation_of(here, principal, id)
    _leave(here, conversation, turns)
    with here.home.read() as connection:
        require_share(connection, principal.person, "steer", slates.SIZE)
    answering.answer(here.home, conversation, body.turn, body.column)
    _next(here, conversation, body.wish.strip())
    return shown(here, principal, id)


@routes.post("/{id}/back")
def go_back(id: AnId, body: tastes.Back, here: Here, principal: Choosing) -> tastes.Conversation:
    """Undo the last answer, or go to any turn: it waits for an answer again, and what came of the old one stays."""
    conversation, turns = conversation_of(here, principal, id)
    number = answering.before(turns, conversation.current) if body.turn is None else body.turn
    if number not in {turn.number for turn in turns}:
        raise unknown("turn")
    _leave(here, conversation, turns)
    answering.go_to(here.home, conversation, number)
    return shown(here, principal, id)


@routes.post("/{id}/draw", status_code=202)
def draw_slate(id: AnId, here: Here, principal: DrawingRight) -> tastes.Conversation:
    """Draw what is missing of the slate, after it failed or one came back to it."""
    conversation, _ = conversation_of(here, principal, id)
    errand = _job(here, conversation)
    if errand is None or errand.state not in errand_rows.OPEN:
        _next(here, conversation, "")
    return shown(here, principal, id)


@routes.delete("/{id}", status_code=204)
def forget_conversation(id: AnId, here: Here, principal: Choosing) -> None:
    """With what was chosen in it: it teaches nothing from then on. The pictures stay one's own."""
    conversation, turns = conversation_of(here, principal, id)
    _leave(here, conversation, turns)
    answering.forget(here.home, conversation)
