"""Ask a server that may be slow, broken or hostile: limits on time and size, and every failure in one line."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from palate.errors import PalateError
from palate.importers.endpoints import key_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx
    from PIL import Image

LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes: a picture of 20 MB is 27 MB in base64, and a few may come together."""
SECONDS = 600.0
"""For one picture: large models on small machines take minutes."""
CONNECT_SECONDS = 10.0


class Endpoint:
    """One server, whose address a person gave: redirects are not followed, the environment's proxies not used."""

    def __init__(
        self,
        name: str,
        address: str,
        *,
        key: str | None = None,
        seconds: float = SECONDS,
        largest: int = LARGEST_ANSWER,
    ) -> None:
        self.name = name
        self.address = address.rstrip("/")
        self.seconds = seconds
        self.largest = largest
        self._key = key or key_for(address)
        self._client: httpx.Client | None = None

    def get(self, path: str, **query: str) -> bytes:
        return self._ask("GET", path, params=query)

    def get_json(self, path: str) -> Any:
        return self._as_json(self._ask("GET", path))

    def post_json(self, path: str, body: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> Any:
        return self._as_json(self._ask("POST", path, json=dict(body), headers=dict(headers or {})))

    def __enter__(self) -> Endpoint:
        import httpx

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx.Timeout(self.seconds, connect=min(CONNECT_SECONDS, self.seconds))
        self._client = httpx.Client(timeout=limits, follow_redirects=False, trust_env=False, headers=headers)
        return self

    def __exit__(self, *error: object) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def failed(self, reason: str, *, hint: str | None = None) -> PalateError:
        return PalateError("endpoint_failed", reason, about=f"{self.name} at {self.address}", hint=hint)

    def _ask(self, method: str, path: str, **options: Any) -> bytes:
        until = time.monotonic() + self.seconds
        pieces: list[bytes] = []
        size = 0
        assert self._client is not None, "ask within `with endpoint:`"
        with self._as_palate_errors(), self._client.stream(method, f"{self.address}{path}", **options) as response:
            # A stream that never ends sends every few bytes in time: the whole answer has a deadline and a size, too.
            for piece in response.iter_bytes():
                size += len(piece)
                if size > self.largest:
                    raise self.failed(f"the answer is larger than {self.largest // 1024} kB")
                if time.monotonic() > until:
                    raise self.failed(f"the answer did not end within {self.seconds:.0f} s")
                pieces.append(piece)
            body = b"".join(pieces)
            if response.status_code != 200:
                raise self.failed(f"it answered {response.status_code}{_said(body)}", hint=_hint(response.status_code))
        return body

    @contextmanager
    def _as_palate_errors(self) -> Iterator[None]:
        import httpx

        try:
            yield
        except httpx.ConnectError:
            raise self.failed("no server answers there", hint="is it running?") from None
        except httpx.TimeoutException:
            raise self.failed(f"no answer within {self.seconds:.0f} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.failed(f"the connection broke ({type(error).__name__})") from None

    def _as_json(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            kind = "a web page" if body.lstrip()[:1] == b"<" else "no JSON"
            raise self.failed(f"it answered with {kind}", hint="is it the kind of server it was added as?") from None

    def picture(self, content: bytes) -> Image.Image:
        """A picture that a server sent: a file nobody vouched for."""
        from palate.safety.pictures import open_picture

        try:
            return open_picture(content)
        except PalateError as error:
            raise self.failed(f"what it sent is no picture: {error.message}") from None

    def picture_of_base64(self, text: object) -> Image.Image:
        import base64
        import binascii

        if not isinstance(text, str):
            raise self.failed("its answer has no picture in it")
        try:
            return self.picture(base64.b64decode(text.rpartition("base64,")[2], validate=True))
        except binascii.Error:
            raise self.failed("the picture in its answer is no base64") from None


def one_line(text: object, longest: int = 200) -> str:
    """Printable, on one line and short, whatever a server said."""
    cleaned = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 20 * longest])
    return " ".join(cleaned.split())[:longest]


def message_in(answer: object) -> str | None:
    """What went wrong, where an answer says so: an `error` in any of the forms that servers use."""
    if not isinstance(answer, dict):
        return None
    error = answer.get("error") or answer.get("errors") or answer.get("detail")
    if isinstance(error, dict):
        error = error.get("message") or error.get("type") or "an error without words"
    return one_line(error) if error else None


def _said(body: bytes) -> str:
    try:
        said = message_in(json.loads(body[:100_000]))
    except (ValueError, RecursionError):
        said = None
    return f": {said}" if said else ""


def _hint(status: int) -> str | None:
    if status in (401, 403):
        return "it wants a key: set PALATE_ENDPOINT_KEY"
    return "it is busy: try again later" if status in (429, 503) else None
