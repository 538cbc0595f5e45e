"""What every request passes before a route sees it: host, origin, kind and size of its body; and what goes out with
every answer. Pure ASGI, so that streams stay streams (THREATS T14, T16)."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]
Done = Callable[[MutableMapping[str, Any], int, float, str], None]
"""Told the scope, the status, how many seconds it took, and the request's id."""

CHANGING = frozenset(("POST", "PUT", "PATCH", "DELETE"))
LARGEST_BODY = 1_000_000
LARGEST_UPLOAD = 21_000_000
BODY_SECONDS = 30.0
"""A body that dribbles in for longer is not waited for."""
WITH_FILES = frozenset(("/api/v1/uploads", "/v1/images/edits"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


class Guard:
    """Wraps the application; `hosts` are the names it answers to, with or without a port."""

    def __init__(self, app: App, hosts: Iterable[str], done: Done) -> None:
        self.app = app
        self.hosts = frozenset(host.lower() for host in hosts)
        self.done = done

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, id, status = time.perf_counter(), secrets.token_hex(8), 500
        scope.setdefault("state", {})["request_id"] = id

        async def out(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*_with_ours(message.get("headers", [])), (b"x-request-id", id.encode())]
            await send(message)

        try:
            self.require_allowed(scope)
            body = await _body(scope, receive) if scope["method"] in CHANGING else b""
            await self.app(scope, _again(body, receive), out)
        except Refused as refused:
            await _refuse(out, refused)
        finally:
            self.done(scope, status, time.perf_counter() - began, id)

    def require_allowed(self, scope: MutableMapping[str, Any]) -> None:
        """A page of another site may know our address; it cannot know our name in Host, nor forge its Origin."""
        hosts = _header(scope, b"host")
        if len(hosts) != 1 or not self.knows(hosts[0]):
            raise Refused(403, "wrong_host", "this address is not one that the service answers to")
        if scope["method"] not in CHANGING:
            return
        origins = _header(scope, b"origin")
        if len(origins) > 1 or (origins and not self.same_origin(origins[0], hosts[0])):
            raise Refused(403, "wrong_origin", "this comes from a page of another site")
        if _header(scope, b"sec-fetch-site")[:1] == ["cross-site"]:
            raise Refused(403, "wrong_origin", "this comes from a page of another site")
        kinds = [kind.partition(";")[0].strip().lower() for kind in _header(scope, b"content-type")]
        allowed = {"multipart/form-data"} if scope["path"] in WITH_FILES else {"application/json"}
        if len(kinds) > 1 or (kinds and kinds[0] not in allowed):
            raise Refused(415, "wrong_kind", f"send {' or '.join(sorted(allowed))}")

    def knows(self, host: str) -> bool:
        name = host.lower()
        return name in self.hosts or _without_port(name) in self.hosts

    def same_origin(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
            _ = parts.port  # a malformed port is an error only when it is looked at
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and not parts.path and parts.netloc.lower() == host.lower()


def _without_port(host: str) -> str:
    if host.startswith("["):  # [::1]:8000
        name, bracket, port = host.partition("]")
        right = not port or (port.startswith(":") and port[1:].isascii() and port[1:].isdigit())
        return name + bracket if right else host
    name, _, port = host.rpartition(":")
    return name if name and port.isascii() and port.isdigit() else host


def _header(scope: MutableMapping[str, Any], name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _with_ours(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The route's own headers, and ours where it has none."""
    theirs = list(headers)
    said = {name.lower() for name, _ in theirs}
    extra = () if b"cache-control" in said else ((b"cache-control", b"no-store"),)
    return [*theirs, *(pair for pair in (*HEADERS, *extra) if pair[0] not in said)]


async def _body(scope: MutableMapping[str, Any], receive: Receive) -> bytes:
    """The whole body, within the limit and the time."""
    most = LARGEST_UPLOAD if scope["path"] in WITH_FILES else LARGEST_BODY
    too_large = Refused(413, "too_large", f"at most {most} bytes")
    for said in _header(scope, b"content-length"):
        if not said.isdigit() or int(said[:20]) > most:
            raise too_large
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "cut_off", "the request ended before its body did")
                piece = message.get("body", b"")
                size += len(piece)
                if size > most:
                    raise too_large
                pieces.append(piece)
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError:
        raise Refused(408, "too_slow", f"the body took longer than {BODY_SECONDS:g} seconds") from None


def _again(body: bytes, receive: Receive) -> Receive:
    """What was read, once more; afterwards whatever else comes (that the other side went away)."""
    given = False

    async def once() -> Message:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return once


async def _refuse(send: Send, refused: Refused) -> None:
    error = {"code": refused.code, "message": refused.message, "about": None, "hint": None}
    body = json.dumps({"error": error}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
