"""The application: routes, guards, errors, metrics, and the web build."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncIterator, Iterable, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import FastAPI, Response
from fastapi.responses import FileResponse, HTMLResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from palate.people import errands as errand_rows
from palate.people.auditing import Entry
from palate.serve import asking, images, looking, making, personal, sign_in, steering, talking, tools
from palate.serve.errors import SAID, SAID_TO_PROGRAMS, answer_errors
from palate.serve.guarding import Guard
from palate.serve.serving import Here, Owning, Serving

log = logging.getLogger("palate.serve")
STATIC = Path(__file__).parent / "static"
THREADS = 8
"""Questions worked on at once: more would only take processor and connections from each other."""
AUDITED = frozenset(
    f"{action.split(' ')[0]} /api/v1{action.split(' ')[1]}"
    for action in (
        "POST /session",
        "DELETE /session",
        "GET /people",
        "POST /people",
        "PATCH /people/{id}",
        "DELETE /people/{id}",
        "POST /keys",
        "DELETE /keys/{id}",
        "GET /me/export",
        "DELETE /me",
        "POST /imports",
        "POST /specify",
        "GET /reports",
        "GET /settings",
        "GET /audit",
    )
)
"""What is written down for good: coming in, keys, leaving, and everything that needs the right to admin."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
NO_BUILD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Palate</title>
<h1>Palate is running</h1>
<p>The web application has not been built. Everything it does can be asked under <code>/api/v1</code>;
<code>make web</code> builds it.</p></html>"""


def routes_only() -> FastAPI:
    """The routes with their shapes, without anything to answer from: what the OpenAPI file is written from."""
    app = FastAPI(
        title="Palate",
        version="1",
        description="Which image model draws what you want. Errors are one plain sentence with what to do next.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=_lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # `/metrics` and the log are its own
        generate_unique_id_function=lambda route: f"{route.name}_{'v1' if route.path.startswith('/v1') else 'api'}",
        separate_input_output_schemas=False,
    )
    for part in (sign_in, looking, asking, making, steering, personal, talking):
        app.include_router(part.routes, prefix="/api/v1", responses=SAID)
    app.include_router(images.routes, prefix="/v1", responses=SAID_TO_PROGRAMS)
    app.include_router(tools.routes, responses=SAID)
    app.get(
        "/metrics",
        response_class=Response,
        responses={**SAID, 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
        tags=["running"],
    )(metrics)
    answer_errors(app)
    return app


def application(serving: Serving, *, hosts: Iterable[str] = LOOPBACK, static: Path = STATIC) -> Guard:
    """What a server serves. The serving is closed with it."""
    app = routes_only()
    app.state.serving = serving
    _add_web(app, static)

    def done(scope: MutableMapping[str, Any], status: int, seconds: float, id: str) -> None:
        route = _route_of(scope)
        serving.metrics.seen(route, scope["method"], status, seconds)
        person = scope.get("state", {}).get("person")
        if (audited := f"{scope['method']} {route}") in AUDITED:
            serving.audit.add(Entry(time.time(), person, audited, status, id))
        line = {"event": "request", "request": id, "method": scope["method"], "route": route, "status": status}
        log.info(json.dumps({**line, "ms": round(seconds * 1000, 1), "person": person}))

    return Guard(app, hosts, done)


def _route_of(scope: MutableMapping[str, Any]) -> str:
    """The route as it is written in the OpenAPI file, without anybody's ids."""
    path = getattr(scope.get("route"), "path", None)
    if path is None:
        return "other"
    prefix = next((part for part in ("/api/v1", "/v1") if scope["path"].startswith(part + "/")), "")
    return str(path) if path.startswith(prefix) else prefix + str(path)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    serving: Serving = app.state.serving
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    serving.errands.start()
    try:
        yield
    finally:
        serving.close()


def metrics(here: Here, _: Owning) -> Response:
    """For Prometheus, with a key that has the right to admin."""
    with here.home.read() as connection:
        counts = errand_rows.counts(connection)
    for state in ("waiting", "running", "paused", "done", "failed", "cancelled"):
        here.metrics.jobs.labels(state).set(counts.get(state, 0))
    return Response(here.metrics.text(), media_type="text/plain; version=0.0.4")


def _add_web(app: FastAPI, static: Path) -> None:
    """The build, and its one page for every other address that a person can have in the bar."""
    assets = static / "assets"
    if assets.is_dir():
        app.mount("/assets", StaticFiles(directory=assets), name="assets")

    @app.get("/{path:path}", include_in_schema=False)
    def page(path: str) -> Response:
        if path.split("/")[0] in ("api", "v1", "assets"):
            raise HTTPException(404, "there is nothing at this address")
        if not (static / "index.html").is_file():
            return HTMLResponse(NO_BUILD)
        top = {file.name for file in static.iterdir() if file.is_file()}
        return FileResponse(static / (path if path in top else "index.html"), headers={"Cache-Control": "no-cache"})
