"""`/taste`, `/recommend` and `/personalise`: what is believed of a person, and what there is or could be for them."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from palate.errors import PalateError
from palate.people.gate import Principal
from palate.ranking import Ranking
from palate.serve import shapes
from palate.serve import shapes_of_taste as tastes
from palate.serve.asking import ranking_shown, reason_shown
from palate.serve.library import Library
from palate.serve.looking import pictures_shown
from palate.serve.making import job_of
from palate.serve.serving import Choosing, DrawingRight, Here, Reading, Serving
from palate.steer import telling

routes = APIRouter(tags=["personal"])
QUICK = Literal["itemknn", "ease", "als", "popularity"]
"""Methods that are learned anew within an answer's time."""


# -- taste -------------------------------------------------------------------------------------------------------


def _taste(here: Serving, principal: Principal) -> tastes.Taste:
    library = here.shelf.library
    seen = library.seen_by(principal.person).ids.tolist()
    told = telling.show(here.home, library.grounds, library.encoder(), principal.person, among=seen)
    return tastes.Taste.model_validate({name: value for name, value in told.items() if name != "person"})


@routes.get("/taste")
def show_taste(here: Here, principal: Reading) -> tastes.Taste:
    """What is believed of whoever asks, in words with their uncertainty, and pictures they would like."""
    return _taste(here, principal)


@routes.patch("/taste")
def edit_taste(body: tastes.TasteChange, here: Here, principal: Choosing) -> tastes.Taste:
    """Say it yourself."""
    telling.edit(here.home, principal.person, more=body.more, less=body.less, drop=body.drop)
    return _taste(here, principal)


@routes.post("/taste/pause")
def pause_taste(here: Here, principal: Choosing) -> tastes.Taste:
    """What is chosen from now on is kept and teaches nothing."""
    telling.pause(here.home, principal.person, paused=True)
    return _taste(here, principal)


@routes.post("/taste/resume")
def resume_taste(here: Here, principal: Choosing) -> tastes.Taste:
    telling.pause(here.home, principal.person, paused=False)
    return _taste(here, principal)


@routes.post("/taste/reset")
def reset_taste(here: Here, principal: Choosing) -> tastes.Taste:
    """Begin anew: what was chosen stays on record and teaches nothing of taste."""
    telling.reset(here.home, principal.person)
    return _taste(here, principal)


# -- what there is -----------------------------------------------------------------------------------------------


@routes.get("/recommend")
def recommend(
    here: Here,
    principal: Reading,
    of: Annotated[Literal["pictures", "models"], Query()] = "pictures",
    by: Annotated[QUICK, Query()] = "itemknn",
    top: Annotated[int, Query(ge=1, le=100)] = 24,
) -> tastes.ForYou:
    """Pictures or models that go with what this person chose, from what everybody here chose."""
    started = time.perf_counter()
    library = here.shelf.library
    try:
        with here.asked:
            found = library.recommended(principal.person, of, by, top)
    except PalateError as error:
        if error.code != "nothing_chosen":
            raise
        found = Ranking(by, (), 0.0, (error.message,))
    pictures = _pictures(here, library, principal, found) if of == "pictures" else []
    models = ranking_shown(library, found).ranking if of == "models" else []
    took = round((time.perf_counter() - started) * 1000, 3)
    return tastes.ForYou.model_construct(
        by=by, pictures=pictures, models=models, took_ms=took, warnings=list(found.warnings)
    )


def _pictures(here: Serving, library: Library, principal: Principal, found: Ranking) -> list[tastes.ForYouPicture]:
    gallery = library.gallery
    if not all(row.id in gallery.place for row in found):
        gallery = library.seen_by(principal.person)
    ranked = [row for row in found if row.id in gallery.place]
    cards = pictures_shown(library, gallery, [gallery.place[row.id] for row in ranked], here)
    return [
        tastes.ForYouPicture.model_construct(
            picture=card,
            score=row.score,
            reasons=[reason_shown(reason) for reason in row.reasons],
        )
        for card, row in zip(cards, ranked, strict=True)
    ]


# -- what could be -----------------------------------------------------------------------------------------------


@routes.post("/personalise", status_code=202)
def personalise(body: tastes.Personalise, here: Here, principal: DrawingRight) -> shapes.Job:
    """New pictures straight from what this person liked; listen to the job's events."""
    seed = secrets.randbelow(2**31) if body.seed is None else body.seed
    plan = {"count": body.count, "seed": seed, "by": body.by}
    errand = here.errands.add(principal.person, "personalise", plan, body.count)
    return job_of(here, errand)
