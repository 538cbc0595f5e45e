"""`/converse`: a talk in words, each answer with what it rests on."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool

from palate.converse.state import Exchange, Thing
from palate.serve import shapes_of_taste as tastes
from palate.serve.serving import Here, Reading
from palate.serve.shapes import MOST_ROWS, Items

routes = APIRouter(prefix="/converse", tags=["talking"])
AnId = Annotated[str, Path(max_length=64)]


def told(exchange: Exchange) -> tastes.Exchange:
    reply = exchange.reply
    return tastes.Exchange(
        said=exchange.said,
        intent=exchange.intent,
        prompt=exchange.wanted.prompt,
        negative=exchange.wanted.negative,
        text=reply.text,
        claims=[tastes.Claim(text=claim.text, rests_on=list(claim.rests_on)) for claim in reply.claims],
        models=[_thing(thing) for thing in reply.models],
        pictures=[_thing(thing) for thing in reply.pictures],
        notes=list(reply.notes),
        question=None if reply.question is None else reply.question.text,
        options=[] if reply.question is None else list(reply.question.options),
        writer=reply.writer,
        fallback=reply.fallback,
    )


def _thing(thing: Thing) -> tastes.Thing:
    """Without the place of its file."""
    return tastes.Thing(id=thing.id, name=thing.name, score=thing.score)


@routes.post("")
async def say(body: tastes.Saying, here: Here, principal: Reading) -> tastes.Said:
    """Say something; without a `talk` a new one begins. Drawing is waited for, and needs the right to draw."""
    talk = body.talk if body.talk is not None else await run_in_threadpool(here.talks.begin, principal)
    await run_in_threadpool(here.talks.get, talk, principal)
    loop = asyncio.get_running_loop()
    exchange = await loop.run_in_executor(here.talks.answering, here.talks.say, talk, principal, body.said)
    return tastes.Said(talk=talk, exchange=told(exchange))


@routes.get("")
def list_talks(
    here: Here,
    principal: Reading,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 20,
) -> Items[tastes.TalkCard]:
    """One's own, latest first."""
    mine = here.talks.listed(principal.person)
    cards = [tastes.TalkCard.model_validate(asdict(card)) for card in mine[offset : offset + limit]]
    return Items[tastes.TalkCard](items=cards, total=len(mine))


@routes.get("/{id}")
def show_talk(id: AnId, here: Here, principal: Reading) -> tastes.Talk:
    """All that was said in it since it began."""
    held = here.talks.get(id, principal)
    return tastes.Talk(talk=id, exchanges=[told(exchange) for exchange in list(held.told)])


@routes.delete("/{id}", status_code=204)
def forget_talk(id: AnId, here: Here, principal: Reading) -> None:
    """What was chosen in it is kept, under `/choices`."""
    here.talks.get(id, principal)
    here.talks.forget(principal.person, id)
