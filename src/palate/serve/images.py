"""`/v1`: OpenAI's images, so that a program that draws there draws here by changing an address."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, UploadFile
from starlette.concurrency import run_in_threadpool

from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.find.filters import Filters
from palate.find.requirement import Asked
from palate.generators.protocol import CANNOT_CHANGE
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
NAME_ANOTHER = "name another model, or draw from words with /v1/images/generations"


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
    model = await run_in_threadpool(model_for, here, principal, body.model, body.prompt)
    return await _drawn(here, principal, model, body.prompt, body.n or 1, body.size)


async def _drawn(
    here: Serving, principal: Principal, model: str, prompt: str, count: int, size: str | None, **more: Any
) -> shapes.ImagesMade:
    """One job, waited for; `more` says what it begins from."""
    width, height = size_of(size)
    plan: dict[str, Any] = {"models": [model], "prompt": prompt, "negative": "", "count": count, **more}
    plan |= {"seed": secrets.randbelow(2**31), "width": width, "height": height}
    errand = await run_in_threadpool(here.errands.add, principal.person, "draw", plan, count)
    errand = await ended(here, errand, LONGEST_SECONDS)
    if errand.state != "done":
        said = errand.error or f"the job is {errand.state}"
        if CANNOT_CHANGE in said:
            raise PalateError("cannot_edit", CANNOT_CHANGE, about="model", hint=NAME_ANOTHER)
        raise PalateError("drawing_failed", said, about="model")
    return await run_in_threadpool(_made, here, errand, model, prompt)


def _made(here: Serving, errand: Errand, model: str, prompt: str) -> shapes.ImagesMade:
    said = words_drawn(here.studio, model, prompt)
    with here.home.read() as connection:
        drawn = holdings.drawn_for(connection, errand.id)
    data = [
        shapes.ImageMade(b64_json=base64.b64encode(here.home.blobs.get(id)).decode(), revised_prompt=said)
        for id in drawn
    ]
    return shapes.ImagesMade(created=int(time.time()), data=data)


def model_for(
    here: Serving, principal: Principal, wanted: str | None, prompt: str, able: Callable[[Model], bool] = draws
) -> str:
    """The model that was named by id or name, or the best one that is able, for these words and this person."""
    library = here.shelf.library
    if wanted is not None and wanted != AUTO:
        named = [model for model in library.models.values() if wanted in (model.id, model.name)]
        if not named:
            raise PalateError(
                "unknown_model", "there is no such model", about="model", hint="GET /v1/models lists them"
            )
        require_able(library.models, [named[0].id])
        if not able(named[0]):
            raise PalateError("cannot_edit", CANNOT_CHANGE, about="model", hint=NAME_ANOTHER)
        return named[0].id
    return best_model(here, principal, prompt, able)


def best_model(here: Serving, principal: Principal, prompt: str, able_to: Callable[[Model], bool] = draws) -> str:
    """The best one that can draw for these words and this person; any, where nothing is known of them.

    Never one that the home's level of safety hides, whatever the words say.
    """
    library, filters = here.shelf.library, Filters(safe=here.studio.settings.safe)
    able = [model.id for model in library.models.values() if able_to(model) and filters.passes(model)]
    if not able:
        raise PalateError("cannot_draw", "no model here can draw", about="model", hint="bring one in under Studio")
    asked = Asked(prompt, person=principal.person)
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


def changes(model: Model) -> bool:
    """Whether it may be able to change a picture: what is drawn elsewhere is asked for in words only."""
    return draws(model) and model.kind != "endpoint"


@routes.post("/images/edits")
async def edit(
    here: Here,
    principal: DrawingRight,
    prompt: Annotated[shapes.Words, Form()],
    image: Annotated[UploadFile | None, File()] = None,
    several: Annotated[list[UploadFile] | None, File(alias="image[]", max_length=16)] = None,
    mask: Annotated[UploadFile | None, File()] = None,
    model: Annotated[shapes.Word | None, Form()] = AUTO,
    n: Annotated[int, Form(ge=1, le=10)] = 1,
    size: Annotated[shapes.Size | None, Form()] = None,
    response_format: Annotated[Literal["b64_json", "url"] | None, Form()] = "b64_json",
    strength: Annotated[float, Form(ge=0.05, le=1, allow_inf_nan=False)] = 0.6,
) -> shapes.ImagesMade:
    """Draw what the words say, beginning from a picture. `strength`, which is ours, says how far from it."""
    if response_format == "url":
        raise PalateError("wrong_field", "pictures are answered as b64_json only", about="response_format")
    if mask is not None:
        raise PalateError("cannot_edit", "a part of a picture cannot be changed alone", about="mask")
    given = [one for one in (image, *(several or ())) if one is not None]
    if len(given) != 1:
        raise PalateError("cannot_edit", "send exactly one picture to begin from", about="image")
    size_of(size)
    chosen = await run_in_threadpool(model_for, here, principal, model, prompt, changes)
    here.rates.uploads.take(principal.person)
    kept = await run_in_threadpool(here.media.take, principal.person, await given[0].read())
    return await _drawn(here, principal, chosen, prompt, n, size, start=kept.id, strength=strength)
