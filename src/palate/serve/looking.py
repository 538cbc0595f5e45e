"""`/models`, `/prompts`, `/pictures`, `/map` and `/media`: what is here."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from palate.catalogue import pictures as picture_rows
from palate.catalogue.records import Model
from palate.people import holdings
from palate.people.gate import unknown
from palate.people.holdings import Upload
from palate.serve import shapes
from palate.serve.gallery import Gallery, Wanted, bars, mask, order, safety_of
from palate.serve.library import Library
from palate.serve.media import SIZES, gone
from palate.serve.serving import Here, Reading, Serving
from palate.serve.shapes import MOST_ROWS, Items
from palate.specify.orders import CANNOT_DRAW

routes = APIRouter(tags=["looking"])
AnId = Annotated[str, Path(max_length=64)]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS)]
Text = Annotated[str | None, Query(max_length=200)]
OneId = Annotated[str | None, Query(max_length=64)]
Level = Annotated[shapes.Safe | None, Query()]
Score = Annotated[float | None, Query(allow_inf_nan=False)]
BINS = 40


# -- models ------------------------------------------------------------------------------------------------------


def draws(model: Model) -> bool:
    return model.kind not in CANNOT_DRAW and model.state == "ready"


def _model_facts(library: Library, model: Model) -> dict[str, Any]:
    names = ("id", "name", "kind", "base", "downloads", "maker", "licence", "state", "full_hash")
    return {
        **{name: getattr(model, name) for name in names},
        "tags": list(model.tags),
        "trigger_words": list(model.trigger_words),
        "state_reason": model.state_reason,
        "pictures": library.counts.get(model.id, 0),
        "best": library.best.get(model.id, []),
        "draws": draws(model),
    }


@routes.get("/models")
def list_models(
    here: Here,
    _: Reading,
    q: Text = None,
    base: Text = None,
    tag: Text = None,
    safe: Level = None,
    sort: Annotated[str, Query(pattern="^(name|pictures|downloads)$")] = "name",
    offset: Offset = 0,
    limit: Limit = 100,
) -> Items[shapes.Model]:
    """Models whose name, maker, tags or trigger words hold every word of `q`."""
    from palate.find.filters import Filters

    library = here.shelf.library
    filters = Filters(base, (tag,) if tag else (), safe or here.studio.settings.safe)
    words = (q or "").lower().split()
    found = [model for model in library.models.values() if filters.passes(model) and _speaks_of(model, words)]
    keys = {
        "pictures": lambda model: -library.counts.get(model.id, 0),
        "downloads": lambda model: -(model.downloads or 0),
    }
    found.sort(key=keys[sort]) if sort in keys else None
    page = [shapes.Model.model_validate(_model_facts(library, model)) for model in found[offset : offset + limit]]
    return Items[shapes.Model](items=page, total=len(found))


def _speaks_of(model: Model, words: list[str]) -> bool:
    text = " ".join((model.name, model.maker or "", *model.tags, *model.trigger_words)).lower()
    return all(word in text for word in words)


@routes.get("/models/{id}")
def show_model(id: AnId, here: Here, _: Reading) -> shapes.ModelInFull:
    library = here.shelf.library
    model = library.models.get(id)
    if model is None:
        raise unknown("model")
    base = next((other for other in library.models.values() if other.location == model.base_location), None)
    facts = _model_facts(library, model)
    named = None if base is None else {"id": base.id, "name": base.name}
    extra = {"base_model": named, "known_hashes": list(model.known_hashes), "size": model.size}
    return shapes.ModelInFull.model_validate({**facts, **extra, "card": _without_paths(model.card)})


def _without_paths(card: Mapping[str, Any]) -> dict[str, Any]:
    """A card as its maker wrote it, less what names a place of this machine."""
    return {
        name: value for name, value in card.items() if not (isinstance(value, str) and value.startswith(("/", "~")))
    }


@routes.get("/bases")
def list_bases(here: Here, _: Reading) -> Items[str]:
    found = sorted({model.base for model in here.shelf.library.models.values() if model.base})
    return Items[str](items=found, total=len(found))


# -- prompts -----------------------------------------------------------------------------------------------------


@routes.get("/prompts")
def list_prompts(
    here: Here, _: Reading, tag: Text = None, q: Text = None, offset: Offset = 0, limit: Limit = 100
) -> Items[shapes.Prompt]:
    """Prompts that shared pictures were drawn for, those with most pictures first."""
    library = here.shelf.library
    words = (q or "").lower().split()
    found = [
        shapes.Prompt(
            id=id,
            text=prompt.text,
            tags=[prompt.tag] if prompt.tag else [],
            pictures=library.prompt_counts.get(id, 0),
        )
        for id, prompt in library.prompts.items()
        if (tag is None or (prompt.tag or "").lower() == tag.lower())
        and all(word in prompt.text.lower() for word in words)
    ]
    found.sort(key=lambda prompt: (-prompt.pictures, prompt.text, prompt.id))
    return Items[shapes.Prompt](items=found[offset : offset + limit], total=len(found))


@routes.get("/tags")
def list_tags(
    here: Here, _: Reading, of: Annotated[str, Query(pattern="^(prompts|models|both)$")] = "both"
) -> Items[str]:
    library = here.shelf.library
    ours = {prompt.tag for prompt in library.prompts.values() if prompt.tag} if of != "models" else set()
    theirs = {tag for model in library.models.values() for tag in model.tags} if of != "prompts" else set()
    found = sorted(ours | theirs)
    return Items[str](items=found, total=len(found))


# -- pictures ----------------------------------------------------------------------------------------------------


async def wanted_of(
    here: Here, prompt: OneId = None, model: OneId = None, tag: Text = None, base: Text = None, safe: Level = None
) -> Wanted:
    return Wanted(prompt, model, tag, base, safe or here.studio.settings.safe)


Filtered = Annotated[Wanted, Depends(wanted_of)]
"""What every look at pictures can be narrowed to."""


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 6)


def pictures_shown(library: Library, gallery: Gallery, rows: list[int], here: Serving) -> list[shapes.Picture]:
    """The cards of some rows of a gallery."""
    missing = {str(gallery.prompt[row]) for row in rows} - set(library.prompts) - {""}
    texts: Mapping[str, str] = library.texts
    if missing:  # prompts of pictures that are this person's own
        with here.home.read() as connection:
            texts = {
                **texts,
                **{id: prompt.text for id, prompt in picture_rows.prompts(connection, sorted(missing)).items()},
            }
    return [_card(library, gallery, row, texts) for row in rows]


def _card(library: Library, gallery: Gallery, row: int, texts: Mapping[str, str]) -> shapes.Picture:
    model, prompt, seed = library.models.get(gallery.model[row]), str(gallery.prompt[row]), str(gallery.seed[row])
    return shapes.Picture.model_construct(
        id=str(gallery.ids[row]),
        model=None if model is None else shapes.Named.model_construct(id=model.id, name=model.name),
        prompt=shapes.Asked.model_construct(id=prompt, text=texts[prompt]) if prompt in texts else None,
        seed=int(seed) if seed.lstrip("-").isdigit() and len(seed) < 17 else None,
        width=int(gallery.width[row]),
        height=int(gallery.height[row]),
        safety=safety_of(model),
        scores=shapes.Scores.model_construct(
            gre=_number(gallery.gre[row]),
            clip=_number(gallery.clip[row]),
            mcos=_number(gallery.mcos[row]),
            popularity=_number(gallery.popularity[row]),
        ),
        mine=bool(gallery.mine[row]),
    )


@routes.get("/pictures")
def list_pictures(
    here: Here,
    principal: Reading,
    filtered: Filtered,
    sort: shapes.Sort = "gre",
    low: Score = None,
    high: Score = None,
    offset: Offset = 0,
    limit: Limit = 100,
) -> Items[shapes.Picture]:
    """Shared pictures and one's own, highest score first, those without one last."""
    library = here.shelf.library
    gallery = library.seen_by(principal.person)
    wanted = replace(filtered, sort=sort, low=low, high=high)
    rows = order(gallery, mask(gallery, wanted, library.models, library.prompts), sort)
    page = [int(row) for row in rows[offset : offset + limit]]
    cards = pictures_shown(library, gallery, page, here)
    here.looks.ahead(card.id for card in cards)
    return Items[shapes.Picture](items=cards, total=len(rows))


@routes.get("/pictures/histogram")
def histogram(
    here: Here,
    principal: Reading,
    filtered: Filtered,
    sort: shapes.Sort = "gre",
    bins: Annotated[int, Query(ge=2, le=200)] = BINS,
) -> shapes.Histogram:
    library = here.shelf.library
    gallery = library.seen_by(principal.person)
    scores = gallery.scores(sort)[mask(gallery, replace(filtered, sort=sort), library.models, library.prompts)]
    counts, edges = bars(scores[~np.isnan(scores)], bins)
    return shapes.Histogram(
        sort=sort, edges=edges.tolist(), counts=counts.tolist(), unscored=int(np.isnan(scores).sum())
    )


@routes.get("/pictures/{id}")
def show_picture(id: AnId, here: Here, principal: Reading) -> shapes.PictureInFull:
    """With how it came to be. Drawings of others for themselves are not told."""
    library = here.shelf.library
    gallery = library.seen_by(principal.person)
    row = gallery.place.get(id)
    if row is None:
        raise unknown("picture")
    [card] = pictures_shown(library, gallery, [row], here)
    with here.home.read() as connection:
        holdings.require_seen(connection, principal.person, id)
        drawings = holdings.drawings_seen(connection, principal.person, id)
    told = [
        {
            "source": one.source,
            "tool": one.tool,
            "prompt": one.prompt.text if one.prompt else None,
            "negative": one.prompt.negative if one.prompt else None,
            "seed": one.seed,
            "settings": dict(one.settings),
            "credits": [
                {"name": c.name, "role": c.role, "weight": c.weight, "model": c.model_id, "matched": c.matched}
                for c in one.credits
            ],
        }
        for one in drawings
    ]
    return shapes.PictureInFull.model_validate({**card.model_dump(), "drawings": told})


@routes.get("/pictures/{id}/similar")
def similar(
    id: AnId, here: Here, principal: Reading, top: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 24
) -> Items[shapes.Picture]:
    """More like this picture or upload, across models, nearest first."""
    from palate.serve.asking import example_of

    library = here.shelf.library
    found = library.similar(example_of(here, principal, id), principal.person, top)
    gallery = library.seen_by(principal.person)
    rows = [gallery.place[name] for name, _ in found if name in gallery.place]
    cards = pictures_shown(library, gallery, rows, here)
    return Items[shapes.Picture](items=cards, total=len(cards))


@routes.get("/map")
def map_of_pictures(here: Here, _: Reading, filtered: Filtered) -> shapes.MapPoints:
    """Where the shared pictures lie when likeness is laid out flat, the most popular last so that they are on top."""
    library = here.shelf.library
    gallery = library.gallery
    kept = mask(gallery, filtered, library.models, library.prompts)
    rows = order(gallery, kept, "popularity")[::-1]
    popularity = np.nan_to_num(gallery.popularity)
    shown = [
        (id, library.places[id], float(popularity[row]))
        for row in rows
        if (id := str(gallery.ids[row])) in library.places
    ]
    return shapes.MapPoints.model_construct(
        ids=[id for id, _, _ in shown],
        x=[x for _, (x, _), _ in shown],
        y=[y for _, (_, y), _ in shown],
        popularity=[round(value, 3) for _, _, value in shown],
    )


# -- bytes -------------------------------------------------------------------------------------------------------


@routes.get(
    "/media/{id}",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "You have it"},
    },
)
async def media(
    id: AnId,
    request: Request,
    here: Here,
    principal: Reading,
    size: Annotated[str, Query(pattern=f"^({'|'.join(SIZES)})$")] = "256",
) -> Response:
    """A picture or an upload of one's own, small or in full."""
    upload = await run_in_threadpool(_upload_or_seen, here, principal.person, id)
    headers = {
        "ETag": f'"{id}-{size}"',
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": "inline",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if upload is not None:
        data, kind = await run_in_threadpool(here.media.of_upload, upload, size)
        return Response(data, media_type=kind, headers=headers)
    if await run_in_threadpool(here.media.waits, id, size):
        drawn = await asyncio.wrap_future(here.looks.want(id))  # those who wait hold no thread
        if drawn is None:
            raise gone(id)
    data, kind = await run_in_threadpool(here.media.of_picture, id, size)
    return Response(data, media_type=kind, headers=headers)


def _upload_or_seen(here: Serving, person: str, id: str) -> Upload | None:
    with here.home.read() as connection:
        upload = holdings.upload_of(connection, person, id)
        if upload is None:
            holdings.require_seen(connection, person, id)
    return upload
