"""What a running service holds, and how a route gets at it and at who asks."""

from __future__ import annotations

import gc
import sys
import threading
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from palate.errors import PalateError
from palate.people import entering, persons
from palate.people.auditing import Audit
from palate.people.gate import Action, Principal, authorize
from palate.people.secrets import fresh, kept_digest, pepper, private_file, same
from palate.quiet import quietly
from palate.serve.errands import Errands
from palate.serve.library import Shelf
from palate.serve.looks import Looks
from palate.serve.media import Media
from palate.serve.metrics import Metrics
from palate.serve.rates import Rate
from palate.serve.remembering import Remembered
from palate.serve.talks import Talks
from palate.specify.again import at_hand, maker_of
from palate.studio import Studio

COOKIE = "palate_visit"
SECURE_COOKIE = "__Host-palate_visit"
CSRF = "X-CSRF-Token"
TOKEN = "serve-token"  # noqa: S105 - the name of a file
ASKED_AT_ONCE = 2
"""Rankings worked out side by side. They share one interpreter: more at once would each only take longer, and keep
the thread that talks to everybody waiting for its turn."""


@dataclass
class Rates:
    """What may come how often; a test makes its own."""

    sign_in: Rate = field(default_factory=lambda: Rate(10, 1 / 10))
    sign_in_anywhere: Rate = field(default_factory=lambda: Rate(100, 1.0))
    requests: Rate = field(default_factory=lambda: Rate(600, 200.0))
    uploads: Rate = field(default_factory=lambda: Rate(60, 0.5))


class Serving:
    """One studio, opened for writing as long as the service runs: the home's one writing process."""

    def __init__(self, studio: Studio, *, secure: bool = False, rates: Rates | None = None) -> None:
        self.studio = studio
        self.home = studio.home
        self.secure = secure
        self.rates = rates or Rates()
        self.closing = False
        self._open = ExitStack()
        self._open.enter_context(self.home.writing())
        try:
            self.pepper = pepper(self.home.folder)
            with self.home.write() as connection:
                self.owner = persons.ensure_owner(connection)
            self.token: str | None = None
            self.remembered = Remembered(self.home.database)
            self.asked = threading.BoundedSemaphore(ASKED_AT_ONCE)
            self.shelf = Shelf(studio)
            self.metrics = Metrics()
            self.audit = Audit(self.home.folder)
            self.errands = Errands(studio, self.shelf)
            self._open.callback(self.errands.close)
            self.looks = Looks(
                self.errands.look,
                maker=lambda id: maker_of(self.home, id),
                waits=lambda id: at_hand(self.home, id) is None,
                idle=lambda: self.errands.idle,
            )
            self._open.callback(self.looks.close)
            self.media = Media(self.home, self.looks.look)
            self._open.callback(self.media.close)
            self.talks = Talks(self)
            self._open.callback(self.talks.close)
        except BaseException:
            self._open.close()
            raise

    @property
    def cookie(self) -> str:
        return SECURE_COOKIE if self.secure else COOKIE

    def close(self) -> None:
        self.closing = True
        self._drop_token()
        self.errands.end()
        self._open.close()

    def offer_token(self) -> str:
        """A new one-time token, printed for the person at this machine and kept in a file only they can read."""
        self.token = fresh()
        private_file(self.home.folder / TOKEN, self.token.encode())
        return self.token

    def take_token(self, said: str) -> str:
        """The owner's id for the one-time token, which is gone afterwards."""
        kept = self.token
        if kept is None or not same(kept, said):
            raise PalateError("wrong_token", "this token is not valid, or was used before", hint="restart for another")
        self._drop_token()
        return self.owner.id

    def _drop_token(self) -> None:
        self.token = None
        (self.home.folder / TOKEN).unlink(missing_ok=True)

    def warm(self) -> None:
        """What the first question would otherwise wait for."""
        with suppress(PalateError):
            self.shelf.library.warm()
        gc.collect()
        gc.freeze()  # what is held from here on for good is not searched for rubbish again and again
        if "transformers" in sys.modules and not self.closing:
            self._open.enter_context(quietly())
        if "torch" in sys.modules:  # many small questions side by side: a thread each is quicker than threads for each
            sys.modules["torch"].set_num_threads(1)


def serving_of(request: Request) -> Serving:
    found: Serving = request.app.state.serving
    return found


async def here(request: Request) -> Serving:
    """The same as a dependency; it waits for nothing, so it needs no thread."""
    return serving_of(request)


Here = Annotated[Serving, Depends(here)]


def principal_of(request: Request) -> Principal | None:
    """Who asks: by key if one is shown, else by visit. A key that is wrong is an error, never somebody else."""
    shown = _shown(request)
    return None if shown is None else _admitted(request, _entered(serving_of(request), *shown))


async def asker_of(request: Request) -> Principal | None:
    """`principal_of`, which takes a thread only where the catalogue has to be asked."""
    shown = _shown(request)
    if shown is None:
        return None
    here = serving_of(request)
    known = here.remembered.known(*_name_of(here, *shown))
    if isinstance(known, Principal):
        return _admitted(request, known)
    return _admitted(request, await run_in_threadpool(_entered, here, *shown))


def _shown(request: Request) -> tuple[str, str] | None:
    """What a request shows to be let in with, a key or a visit's word, and the words of it."""
    written = request.headers.get("authorization")
    if written is not None:
        return "key", written
    word = request.cookies.get(serving_of(request).cookie)
    return None if word is None else ("visit", word)


def _name_of(here: Serving, kind: str, word: str) -> tuple[str, ...]:
    """What it is remembered by: not the words themselves, which are a secret."""
    return kind, kept_digest(here.pepper, word)


def _entered(here: Serving, kind: str, word: str) -> Principal | None:
    ask = _by_key if kind == "key" else _by_visit
    return here.remembered.get(*_name_of(here, kind, word), ask=lambda: ask(here, word))


def _by_key(here: Serving, written: str) -> Principal:
    kind, _, key = written.partition(" ")
    with here.home.read() as connection:
        found = entering.by_key(connection, here.pepper, key.strip()) if kind.lower() == "bearer" else None
    if found is None:
        raise PalateError("wrong_key", "this key is not valid, has expired, or was revoked")
    principal, due = found
    if due:
        with here.home.write() as connection:
            entering.seen_key(connection, principal.entry)
    return principal


def _by_visit(here: Serving, word: str) -> Principal | None:
    with here.home.read() as connection:
        return entering.by_visit(connection, here.pepper, word)


def _admitted(request: Request, found: Principal | None) -> Principal | None:
    """A visit says in each change that it is the page which the session was given to."""
    if found is not None and found.by == "visit" and request.method not in ("GET", "HEAD"):
        assert found.csrf is not None
        if not same(found.csrf, request.headers.get(CSRF, "")):
            raise PalateError("wrong_csrf", f"send the session's csrf value as {CSRF}", hint="ask /session for it")
    return found


class May:
    """A dependency: the asker, if they may do this at all. Whose thing it is, the route asks the gate about."""

    def __init__(self, action: Action) -> None:
        self.action = action

    async def __call__(self, request: Request) -> Principal:
        principal = authorize(await asker_of(request), self.action)
        request.state.person = principal.person
        serving_of(request).rates.requests.take(principal.person)
        return principal


Reading = Annotated[Principal, Depends(May("read"))]
Choosing = Annotated[Principal, Depends(May("choose"))]
DrawingRight = Annotated[Principal, Depends(May("draw"))]
Owning = Annotated[Principal, Depends(May("admin"))]
