"""A server that runs until it is stopped: where it listens, and what it refuses to do."""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import uvicorn

from palate.errors import PalateError
from palate.people import persons
from palate.serve.app import LOOPBACK, application
from palate.serve.serving import Serving
from palate.studio import Studio

PORT = 8765
MOST_CONNECTIONS = 256
HAND_OVER_SECONDS = 0.001
"""A thread that computes lets the one that talks to everybody go on after so long; Python's own 0.005 add up."""
Announce = Callable[[str], None]
"""Given the address, with the one-time token in it where there is one."""


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def serve(
    studio: Studio,
    announce: Announce,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    names: Sequence[str] = (),
    behind_tls: bool = False,
) -> None:
    """Serve until Ctrl-C. On this machine alone the printed address lets in whoever opens it first; others log in."""
    public = not is_loopback(host) or bool(names)
    if public:
        _require_accounts(studio, behind_tls, names)
    listening = _listen(host, port)
    serving = Serving(studio, secure=behind_tls)
    token = None if public else serving.offer_token()
    port = listening.getsockname()[1]
    shown = f"https://{names[0]}/" if public else f"http://{_bracketed(host)}:{port}/"
    _log_to_standard_error()
    sys.setswitchinterval(HAND_OVER_SECONDS)
    threading.Thread(target=serving.warm, name="warm", daemon=True).start()
    config = uvicorn.Config(
        application(serving, hosts=(*LOOPBACK, *names)),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=behind_tls,
        forwarded_allow_ips="127.0.0.1",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=3,
        lifespan="on",
    )
    with listening, suppress(KeyboardInterrupt):  # which is how it is meant to end
        _Telling(config, lambda: announce(shown if token is None else f"{shown}#token={token}")).run([listening])


class _Telling(uvicorn.Server):
    """Says where it is once it can be reached."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _require_accounts(studio: Studio, behind_tls: bool, names: Sequence[str]) -> None:
    """What others can reach has a login, and nobody reads the passwords on their way."""
    with studio.home.write() as connection:
        persons.ensure_owner(connection)
        ready = persons.somebody_has_a_password(connection)
    if not ready:
        raise PalateError(
            "no_accounts",
            "other machines could reach this, and the owner has no password yet",
            about="host",
            hint="run `palate serve` without --host, and set a password under Studio, People",
        )
    if not behind_tls:
        raise PalateError(
            "no_tls",
            "passwords would travel in the open",
            about="host",
            hint="put a proxy that speaks TLS in front, and say --behind-tls",
        )
    if not names:
        raise PalateError("no_name", "it answers only to names it knows", about="name", hint="say --name HOST")


def _listen(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        # Named as TCP: only then does asyncio send at once what is small, and a client is not kept waiting for 40 ms.
        listening = socket.socket(found[0], found[1], found[2])
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(found[4])
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise PalateError("cannot_listen", said, about=f"{host}:{port}", hint="try another --port") from error
    return listening


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _log_to_standard_error() -> None:
    """One JSON object a line; what somebody asked is in none of them."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log = logging.getLogger("palate.serve")
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False
