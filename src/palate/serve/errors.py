"""Errors as answers: the studio's sentences, with a status, and without what only the home's own user may see."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from palate.errors import PalateError
from palate.serve.rates import TooOftenError
from palate.serve.shapes import ProgramRefusal, Refusal

log = logging.getLogger("palate.serve")

STATUS = {
    "not_signed_in": 401,
    "wrong_key": 401,
    "wrong_password": 401,
    "cannot_edit": 400,
    "wrong_token": 401,
    "not_allowed": 403,
    "wrong_csrf": 403,
    "unknown_thing": 404,
    "unknown_turn": 404,
    "no_open_turn": 409,
    "turn_open": 409,
    "nothing_to_undo": 409,
    "conversation_long": 409,
    "unknown_model": 404,
    "unknown_picture": 404,
    "picture_missing": 404,
    "library_in_use": 409,
    "name_taken": 409,
    "last_owner": 409,
    "wrong_state": 409,
    "nothing_specified": 409,
    "nothing_credited": 409,
    "nothing_chosen": 409,
    "encoder_mismatch": 409,
    "picture_too_large": 413,
    "too_often": 429,
    "quota": 429,
    "too_busy": 503,
    "storage_full": 507,
    "storage_failed": 500,
    "storage_corrupt": 500,
    "storage_unwritable": 500,
}
REFUSED = 422
"""What the other codes are: understood, and not possible."""
SAID: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": what}
    for status, what in {
        400: "It cannot be read",
        401: "Nobody is signed in",
        403: "Not allowed",
        404: "There is no such thing, or it is somebody else's",
        409: "It does not fit what is there",
        413: "Too large",
        415: "Another kind of body than the one that is taken",
        422: "A field is wrong, or what is asked is not possible",
        429: "Too often, or more than a day's share",
        503: "Too much is under way",
    }.items()
}
SAID_TO_PROGRAMS: dict[int | str, dict[str, Any]] = {
    status: {**about, "model": ProgramRefusal} for status, about in SAID.items()
}


def answer_errors(app: FastAPI) -> None:
    """Every error of every route becomes one of these."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, PalateError)
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, TooOftenError) else {}
        return refusal(request, STATUS.get(error.code, REFUSED), told(error), headers)

    async def wrong_field(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        said = {"code": "wrong_field", "message": str(first["msg"]), "about": where[:200], "hint": None}
        return refusal(request, 422, said)

    async def plain(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        code = {404: "unknown_address", 405: "wrong_method"}.get(error.status_code, "refused")
        said = {"code": code, "message": str(error.detail), "about": None, "hint": None}
        return refusal(request, error.status_code, said, error.headers)

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        id = request.state.request_id
        frames = error.__traceback__
        while frames is not None and frames.tb_next is not None:
            frames = frames.tb_next
        where = "" if frames is None else f"{frames.tb_frame.f_code.co_filename}:{frames.tb_lineno}"
        log.error(json.dumps({"event": "fault", "request": id, "error": type(error).__name__, "where": where}))
        hint = f"the log says more under {id}"
        return refusal(request, 500, {"code": "fault", "message": "that was our fault", "about": None, "hint": hint})

    app.add_exception_handler(PalateError, ours)
    app.add_exception_handler(RequestValidationError, wrong_field)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, unforeseen)


def told(error: PalateError) -> dict[str, str | None]:
    """The error for somebody elsewhere: names of fields and ids stay, paths of this machine do not."""
    about = error.about if error.about is None or not _is_path(error.about) else None
    message = error.message if not any(_is_path(word) for word in error.message.split()) else "it cannot be read here"
    return {"code": error.code, "message": message, "about": about, "hint": error.hint}


def _is_path(text: str) -> bool:
    return text.startswith(("/", "~", "\\\\")) or text[1:3] in (":\\", ":/")


def refusal(
    request: Request, status: int, error: Mapping[str, str | None], headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """In the form of whoever asks: ours, or OpenAI's with our code inside."""
    if request.url.path.startswith("/v1/"):
        kind = "invalid_request_error" if status < 500 else "server_error"
        body = {"message": error["message"], "type": kind, "param": error["about"], "code": error["code"]}
        return JSONResponse({"error": body}, status, headers)
    return JSONResponse({"error": dict(error)}, status, headers)
