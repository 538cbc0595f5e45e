"""`/find`, `/identify`, `/uploads`, `/choices` and `/weights`: which model, and what somebody thinks of it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile

from palate.catalogue import choices as choice_rows
from palate.catalogue import conversations
from palate.catalogue import pictures as picture_rows
from palate.errors import PalateError
from palate.find.asking import learn_from
from palate.find.filters import Filters
from palate.find.requirement import Asked
from palate.find.scores import Weights, parse_weights
from palate.people import holdings, persons
from palate.people.gate import Principal, unknown
from palate.people.persons import OWNER
from palate.ranking import Ranking, Reason
from palate.serve import shapes
from palate.serve.library import Library
from palate.serve.looking import draws
from palate.serve.serving import Choosing, Here, Reading, Serving
from palate.serve.shapes import Items

routes = APIRouter(tags=["asking"])
SHOWN = 8
MOST_CHOICES = 100_000


def example_of(here: Serving, principal: Principal, id: str) -> str | Path:
    """An upload's file or a picture's id, if it is this person's to show."""
    if here.shelf.library.shares(id):
        return id
    with here.home.read() as connection:
        upload = holdings.upload_of(connection, principal.person, id)
        if upload is not None:
            return here.media.uploads / upload.id
        holdings.require_seen(connection, principal.person, id)
    return id


def own_person(principal: Principal, said: str | None) -> str | None:
    """Likings are asked about by oneself only; `me` is whoever asks."""
    if said is None:
        return None
    if said not in (OWNER, principal.person):
        raise unknown("person")
    return principal.person


def weights_for(here: Serving, principal: Principal, given: shapes.Weights | None) -> Weights:
    """What was asked for, else what this person's choices taught, else the home's."""
    if given is not None:
        return parse_weights((given.clip, given.mcos, given.popularity))
    return Weights(*(_learned(here, principal.person) or here.studio.settings.weights))


def _learned(here: Serving, person: str) -> tuple[float, ...] | None:
    """The weights that this person's choices taught."""

    def ask() -> persons.Person:
        with here.home.read() as connection:
            return persons.get(connection, person)

    return here.remembered.get("person", person, ask=ask).weights


def filters_of(here: Serving, asked: shapes.Find | shapes.Identify) -> Filters:
    return Filters(asked.base, (asked.tag,) if asked.tag else (), asked.safe or here.studio.settings.safe)


def reason_shown(reason: Reason) -> shapes.Reason:
    """Not checked again: it was made here."""
    return shapes.Reason.model_construct(
        text=reason.text,
        worth=reason.worth,
        pictures=list(reason.pictures),
        prompts=list(reason.prompts),
        kind=reason.kind,
        measure=reason.measure,
    )


def ranking_shown(library: Library, ranking: Ranking) -> shapes.Ranking:
    """The studio's ranking, with each model's best pictures and trigger words beside it."""
    rows = []
    for row in ranking:
        model = library.models[row.id]
        behind = dict.fromkeys(id for reason in row.reasons for id in reason.pictures)
        shown = list(dict.fromkeys((*behind, *library.best.get(row.id, []))))[:SHOWN]
        rows.append(
            shapes.Row.model_construct(
                id=row.id,
                name=row.name,
                score=row.score,
                reasons=[reason_shown(reason) for reason in row.reasons],
                pictures=shown,
                trigger_words=list(model.trigger_words),
                draws=draws(model),
            )
        )
    return shapes.Ranking.model_construct(
        by=ranking.by, ranking=rows, took_ms=round(ranking.took_ms, 3), warnings=list(ranking.warnings)
    )


@routes.post("/find")
def find(body: shapes.Find, here: Here, principal: Reading) -> shapes.Ranking:
    """Which models draw this? From words, example pictures, and what one liked, in one ranking with reasons."""
    started = time.perf_counter()
    library = here.shelf.library
    examples = tuple(example_of(here, principal, id) for id in body.pictures)
    asked = Asked(body.prompt, examples, person=own_person(principal, body.person))
    weights = weights_for(here, principal, body.weights)
    with here.asked:
        found = library.find(asked, filters_of(here, body), body.by, weights, body.top)
        return ranking_shown(library, replace(found, took_ms=(time.perf_counter() - started) * 1000))


@routes.post("/identify")
def identify(body: shapes.Identify, here: Here, principal: Reading) -> shapes.Ranking:
    """Which model draws like these pictures?"""
    library = here.shelf.library
    examples = tuple(example_of(here, principal, id) for id in body.pictures)
    asked = Asked(None, examples, tuple(body.captions))
    with here.asked:
        return ranking_shown(library, library.identify(asked, filters_of(here, body), body.by, body.top))


@routes.post("/uploads", status_code=201)
def upload(file: Annotated[UploadFile, File()], here: Here, principal: Reading) -> shapes.Upload:
    """A picture to ask with. Only its pixels are kept, for a week, for this person."""
    here.rates.uploads.take(principal.person)
    kept = here.media.take(principal.person, file.file.read())
    return shapes.Upload(id=kept.id, width=kept.width, height=kept.height, expires=kept.expires)


# -- choosing ----------------------------------------------------------------------------------------------------


@routes.post("/choices", status_code=201)
def choose(body: shapes.NewChoice, here: Here, principal: Choosing) -> shapes.Choice:
    """Record what one thought; it counts in `find` with `person`, and in the weights that are learned."""
    payload = body.payload.model_dump(exclude_none=True)
    said = body.payload
    named = {said.picture, said.winner, said.loser, *(said.pictures or ())} - {None}
    with here.home.write() as connection:
        for picture in sorted(id for id in named if id is not None):
            holdings.require_seen(connection, principal.person, picture)
        before = choice_rows.of_person(connection, principal.person)
        if len(before) >= MOST_CHOICES:
            raise PalateError("quota", f"at most {MOST_CHOICES} choices a person")
        choice_rows.append(connection, choice_rows.Choice(principal.person, body.kind, payload))
        kept = choice_rows.of_person(connection, principal.person)[-1]
    return _choice(kept)


def _choice(choice: choice_rows.Choice) -> shapes.Choice:
    return shapes.Choice(sequence=choice.sequence, kind=choice.kind, at=choice.at, payload=dict(choice.payload))


@routes.get("/choices")
def list_choices(
    here: Here,
    principal: Reading,
    kind: Annotated[shapes.ChoiceKind | None, Query()] = None,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=shapes.MOST_ROWS)] = 100,
) -> Items[shapes.Choice]:
    """One's own choices, latest first."""
    with here.home.read(person=principal.person) as connection:
        found = choice_rows.of_person(connection, principal.person)
    mine = [choice for choice in reversed(found) if kind is None or choice.kind == kind]
    return Items[shapes.Choice](items=[_choice(one) for one in mine[offset : offset + limit]], total=len(mine))


def _weights(weights: Weights | tuple[float, ...]) -> shapes.Weights:
    clip, mcos, popularity = weights
    return shapes.Weights(clip=clip, mcos=mcos, popularity=popularity)


@routes.get("/weights")
def show_weights(here: Here, principal: Reading) -> shapes.LearnedWeights:
    """What counts how much in this person's rankings."""
    learned = _learned(here, principal.person)
    return shapes.LearnedWeights(weights=_weights(learned or here.studio.settings.weights), learned=learned is not None)


@routes.post("/weights/learn")
def learn_weights(body: shapes.LearnWeights, here: Here, principal: Choosing) -> shapes.LearnedWeights:
    """The weights under which the pictures that this person preferred stand highest among those of their prompt.

    What was taken back, chosen during a pause, or chosen before one began anew teaches nothing here either.
    """
    with here.home.read() as connection:
        after = conversations.stated(connection, principal.person).after
        standing = choice_rows.standing(choice_rows.of_person(connection, principal.person))
        preferred = preferred_pictures([choice for choice in standing if choice.sequence > after])
        seen = {id for id in preferred if picture_rows.drawings_of(connection, id)}
    learned = learn_from(here.shelf.library.asked_hub(), seen, body.by)
    weights = (learned["weight_clip"], learned["weight_mcos"], learned["weight_popularity"])
    with here.home.write() as connection:
        persons.set_weights(connection, principal.person, weights)
    return shapes.LearnedWeights(
        weights=_weights(weights), learned=True, selected=learned["selected"], prompts=learned["prompts"]
    )


def preferred_pictures(made: list[choice_rows.Choice]) -> set[str]:
    """Pictures that were selected or liked and not disliked later, that won a battle, or stand first in a sorting."""
    preferred: set[str] = set()
    for choice in made:
        payload = choice.payload
        if choice.kind in ("select", "like", "pick") and isinstance(payload.get("picture"), str):
            preferred.add(payload["picture"])
        elif choice.kind in ("dislike", "skip"):
            preferred.discard(str(payload.get("picture")))
        elif choice.kind == "battle" and not payload.get("tie") and isinstance(payload.get("winner"), str):
            preferred.add(payload["winner"])
        elif choice.kind in ("sort", "pick") and payload.get("pictures"):
            preferred.add(payload["pictures"][0])
    return preferred
