"""`/draw`, `/jobs`, `/imports`, `/specify`, `/reports` and `/settings`: what takes its time, and what it left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from palate.errors import PalateError
from palate.people.errands import DRAWING, Errand
from palate.people.gate import authorize
from palate.serve import shapes
from palate.serve.errands import ENDED, pictures_of, require_able
from palate.serve.reports import reports_of
from palate.serve.serving import DrawingRight, Here, Owning, Reading, Serving, principal_of
from palate.serve.shapes import Items

routes = APIRouter(tags=["making"])
AnId = Annotated[str, Path(max_length=64)]
LOOK_SECONDS = 0.1
ALIVE_SECONDS = 5.0
"""How often a silent stream says that it lives, and looks whether its listener may still listen."""


def job_of(here: Serving, errand: Errand, *, pictures: bool = False) -> shapes.Job:
    facts = {name: getattr(errand, name) for name in ("id", "kind", "state", "done", "total", "error", "made")}
    drawn = pictures_of(here.studio, errand) if pictures and errand.kind in DRAWING else []
    return shapes.Job.model_validate({**facts, "text": _text(here, errand), "pictures": drawn})


def _text(here: Serving, errand: Errand) -> str:
    plan = errand.plan
    if errand.kind == "draw":
        models = here.shelf.library.models
        names = ", ".join(models[id].name if id in models else id for id in plan["models"])
        return f"{plan['prompt']} ({names})"
    if errand.kind == "import":
        return f"{plan['kind']} of {plan['folder']}"
    if errand.kind == "steer":
        return str(plan["prompt"])
    if errand.kind == "personalise":
        return "from what you liked"
    return f"specify {len(plan['models']) or 'all'} models"


@routes.post("/draw", status_code=202)
def draw(body: shapes.Draw, here: Here, principal: DrawingRight) -> shapes.Job:
    """Draw with one or several models. The pictures are seen by nobody else."""
    if not body.prompt.strip():
        raise PalateError("empty_prompt", "say what to draw", about="prompt")
    require_able(here.shelf.library.models, body.models)
    errand = here.errands.add(principal.person, "draw", body.model_dump(), len(set(body.models)) * body.count)
    return job_of(here, errand)


@routes.get("/jobs")
def list_jobs(
    here: Here,
    principal: Reading,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=shapes.MOST_ROWS)] = 50,
) -> Items[shapes.Job]:
    """One's own jobs, newest first."""
    found, total = here.errands.listed(principal.person, offset, limit)
    return Items[shapes.Job](items=[job_of(here, errand) for errand in found], total=total)


@routes.get("/jobs/{id}")
def show_job(id: AnId, here: Here, principal: Reading) -> shapes.Job:
    return job_of(here, here.errands.get(id, principal.person), pictures=True)


@routes.post("/jobs/{id}/pause")
def pause_job(id: AnId, here: Here, principal: DrawingRight) -> shapes.Job:
    return job_of(here, here.errands.turn(id, principal.person, "pause"))


@routes.post("/jobs/{id}/resume")
def resume_job(id: AnId, here: Here, principal: DrawingRight) -> shapes.Job:
    return job_of(here, here.errands.turn(id, principal.person, "resume"))


@routes.post("/jobs/{id}/cancel")
def cancel_job(id: AnId, here: Here, principal: DrawingRight) -> shapes.Job:
    return job_of(here, here.errands.turn(id, principal.person, "cancel"))


@routes.get(
    "/jobs/{id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def listen(id: AnId, request: Request) -> StreamingResponse:
    """Server-sent events: `progress` {done, total, text}, `picture` {id}; at the end `done` or `failed` {state, error}.

    A conversation tells its `slate` {turn, columns} first, and of each picture also its turn, column and row.

    A listener that lost its connection says by Last-Event-ID what it has heard.
    """
    here: Serving = request.app.state.serving
    principal = authorize(await run_in_threadpool(principal_of, request), "read")
    errand = await run_in_threadpool(here.errands.get, id, principal.person)
    heard = request.headers.get("last-event-id", "0")
    start = int(heard) if heard.isascii() and heard.isdigit() and len(heard) < 9 else 0
    return StreamingResponse(_told(here, request, errand, start), media_type="text/event-stream")


async def _told(here: Serving, request: Request, errand: Errand, heard: int) -> AsyncIterator[str]:
    silent = 0.0
    while True:
        for number, name, said in await run_in_threadpool(here.errands.events_since, errand, heard):
            heard, silent = number, 0.0
            yield f"id: {number}\nevent: {name}\ndata: {json.dumps(said)}\n\n"
            if name in ("done", "failed"):
                return
        if here.closing or await request.is_disconnected():
            return
        await asyncio.sleep(LOOK_SECONDS)
        silent += LOOK_SECONDS
        if silent >= ALIVE_SECONDS:
            silent = 0.0
            try:
                errand = await run_in_threadpool(_still, here, request, errand)
            except PalateError:
                return
            yield ": still here\n\n"


def _still(here: Serving, request: Request, errand: Errand) -> Errand:
    """The errand as it is now, if the listener may still hear of it."""
    return here.errands.get(errand.id, authorize(principal_of(request), "read").person)


async def ended(here: Serving, errand: Errand, seconds: float) -> Errand:
    """Wait until an errand has ended, or so long."""
    for _ in range(int(seconds / LOOK_SECONDS)):
        errand = await run_in_threadpool(here.errands.get, errand.id, errand.person)
        if errand.state in ENDED:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return errand


# -- the owner's -------------------------------------------------------------------------------------------------


@routes.post("/imports", status_code=202)
def bring_in(body: shapes.Import, here: Here, principal: Owning) -> shapes.Job:
    """Models or pictures of a folder of this machine; the files stay where they are."""
    from palate.safety.paths import real_folder

    folder = real_folder(body.folder)
    errand = here.errands.add(principal.person, "import", {"folder": folder, "kind": body.kind}, 0)
    return job_of(here, errand)


@routes.post("/specify", status_code=202)
def specify(body: shapes.Specify, here: Here, principal: Owning) -> shapes.Job:
    """Draw with the models that have no pictures yet, and encode; what is drawn is everybody's."""
    require_able(here.shelf.library.models, body.models)
    errand = here.errands.add(principal.person, "specify", body.model_dump(), 0)
    return job_of(here, errand)


@routes.get("/reports")
def list_reports(here: Here, _: Owning) -> Items[shapes.Report]:
    """Evaluation runs of this home, newest first."""
    found = [shapes.Report.model_validate(report) for report in reports_of(here.home.runs)]
    return Items[shapes.Report](items=found, total=len(found))


@routes.get("/audit")
def show_audit(
    here: Here,
    _: Owning,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=shapes.MOST_ROWS)] = 100,
) -> shapes.AuditLog:
    """Who came in and what owners did, latest first; never what anybody asked, drew or chose."""
    found, total, whole = here.audit.read(offset, limit)
    items = [shapes.AuditEntry.model_validate(asdict(entry)) for entry in found]
    return shapes.AuditLog(items=items, total=total, whole=whole)


@routes.get("/settings")
def list_settings(here: Here, _: Owning) -> Items[shapes.Setting]:
    rows: list[dict[str, Any]] = here.studio.config_get()
    found = [shapes.Setting.model_validate(row) for row in rows]
    return Items[shapes.Setting](items=found, total=len(found))
