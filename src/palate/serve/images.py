"""`/v1`: OpenAI's images, so that a program that draws there draws here by changing an address."""

from __future__ import annotations

import base64
import secrets
import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from palate.errors import PalateError
from palate.find.filters import Filters
from palate.find.requirement import Asked
from palate.people import holdings
from palate.people.errands import Errand
from palate.people.gate import Principal
from palate.serve import shapes
from palate.serve.errands import require_able, words_drawn
from palate.serve.library import EMPTY
from palate.serve.looking import draws
from palate.serve.making import ended
from palate.serve.serving import DrawingRight, Here, Reading, Serving

routes = APIRouter(tags=["as OpenAI has it"])
AUTO = "auto"
LONGEST_SECONDS = 600.0
SIDES = range(8, 2049, 8)


@routes.get("/models")
def list_models(here: Here, _: Reading) -> shapes.ModelCards:
    able = [model for model in here.shelf.library.models.values() if draws(model)]
    cards = [shapes.ModelCard(id=model.id, owned_by=model.maker or "palate") for model in able]
    return shapes.ModelCards(data=[shapes.ModelCard(id=AUTO, owned_by="palate"), *cards])


@routes.post("/images/generations")
async def generate(body: shapes.ImagesOrder, here: Here, principal: DrawingRight) -> shapes.ImagesMade:
    """Draw and wait. `model: "auto"` lets Palate choose for the words and for whoever asks."""
    if body.response_format == "url":
        raise PalateError("wrong_field", "pictures are answered as b64_json only", about="response_format")
    width, height = size_of(body.size)
    model = await run_in_threadpool(model_for, here, principal, body)
    plan: dict[str, Any] = {"models": [model], "prompt": body.prompt, "negative": "", "count": body.n or 1}
    plan |= {"seed": secrets.randbelow(2**31), "width": width, "height": height}
    errand = await run_in_threadpool(here.errands.add, principal.person, "draw", plan, body.n or 1)
    errand = await ended(here, errand, LONGEST_SECONDS)
    if errand.state != "done":
        raise PalateError("drawing_failed", errand.error or f"the job is {errand.state}", about="model")
    return await run_in_threadpool(_made, here, errand, model, body.prompt)


def _made(here: Serving, errand: Errand, model: str, prompt: str) -> shapes.ImagesMade:
    said = words_drawn(here.studio, model, prompt)
    with here.home.read() as connection:
        drawn = holdings.drawn_for(connection, errand.id)
    data = [
        shapes.ImageMade(b64_json=base64.b64encode(here.home.blobs.get(id)).decode(), revised_prompt=said)
        for id in drawn
    ]
    return shapes.ImagesMade(created=int(time.time()), data=data)


def model_for(here: Serving, principal: Principal, body: shapes.ImagesOrder) -> str:
    """The model that was named by id or name, or the best one that can draw for these words and this person."""
    library = here.shelf.library
    wanted = body.model or AUTO
    if wanted != AUTO:
        named = [model for model in library.models.values() if wanted in (model.id, model.name)]
        if not named:
            raise PalateError(
                "unknown_model", "there is no such model", about="model", hint="GET /v1/models lists them"
            )
        require_able(library.models, [named[0].id])
        return named[0].id
    return best_model(here, principal, body.prompt)


def best_model(here: Serving, principal: Principal, prompt: str) -> str:
    """The best one that can draw for these words and this person; any, where nothing is known of them."""
    library = here.shelf.library
    able = [model.id for model in library.models.values() if draws(model)]
    if not able:
        raise PalateError("cannot_draw", "no model here can draw", about="model", hint="bring one in under Studio")
    asked = Asked(prompt, person=principal.person)
    filters = Filters(safe=here.studio.settings.safe)
    try:
        found = library.find(asked, filters, "gre", _weights(here, principal), len(library.models), explained=False)
    except PalateError as error:
        if error.code not in EMPTY:
            raise
        return able[0]
    return next((row.id for row in found if row.id in able), able[0])


def _weights(here: Serving, principal: Principal) -> Any:
    from palate.serve.asking import weights_for

    return weights_for(here, principal, None)


def size_of(size: str | None) -> tuple[int, int]:
    """Width and height; 0 and 0 leave it to the model."""
    if size is None or size == "auto":
        return 0, 0
    width, height = (int(side) for side in size.split("x"))
    if width not in SIDES or height not in SIDES:
        said = f"sides are multiples of {SIDES.step} from {SIDES.start} to {SIDES.stop - 1}"
        raise PalateError("wrong_field", said, about="size")
    return width, height


@routes.post(
    "/images/edits",
    openapi_extra={
        "requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object"}}}, "required": False}
    },
    status_code=200,
)
async def edit(request: Request, _: DrawingRight) -> shapes.ImagesMade:  # noqa: ARG001
    """Not possible: no generator here changes a picture yet, and the answer says so."""
    raise PalateError("cannot_edit", "no model here can change a picture yet", hint="use /v1/images/generations")
