"""Pictures of ours in an object store: S3 and what speaks like it, Google's, Azure's, or a folder that hosts share.

The same names and the same checks as `catalogue.blobs`. A store answers a `put` when the object is whole and kept, so
there is nothing to sync or to sweep; what was fetched is kept in the home's `derived` folder, checked by its name.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from palate.catalogue.blobs import content_id
from palate.errors import PalateError

RETRIES = 3
SCHEMES = ("s3://", "gs://", "az://", "file://")


class ObjectBlobs:
    """Objects named by content, two letters a prefix, under the address `s3://bucket/prefix` or its like."""

    def __init__(self, place: str, cache: Path) -> None:
        try:
            from obstore.store import from_url
        except ImportError as error:
            raise PalateError(
                "not_installed", "object stores need the package obstore", hint='pip install "palate[objects]"'
            ) from error
        if place.startswith("file://"):
            Path(place.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
        try:
            self._store = from_url(place, **_from_environment(place))
        except Exception as error:
            raise PalateError("wrong_setting", "this is no address of an object store", about="blobs") from error
        self.cache = cache
        self.reserve = 0

    def put(self, data: bytes) -> str:
        """Kept when this answers; the same bytes twice are one object, and an object that is there is not written."""
        import obstore
        from obstore.exceptions import AlreadyExistsError

        name = content_id(data)
        try:
            obstore.put(self._store, _key(name), data, mode="create")
        except AlreadyExistsError:
            if obstore.head(self._store, _key(name))["size"] != len(data):  # not from us: an upload that was cut
                self._asked(lambda: obstore.put(self._store, _key(name), data))
        except Exception as error:
            raise _failed(error) from error
        return name

    def get(self, id: str) -> bytes:
        """Its bytes as the store has them; bytes that are not of this name are an error, never an answer."""
        data = self._fetched(id)
        if data is None:
            raise PalateError("picture_missing", "its object is gone", about=id, hint="run `palate check`")
        return data

    def path(self, id: str) -> Path:
        """A file with its bytes, fetched when it is first asked for; a path where nothing is, if there is no object."""
        target = self.cache / id[:2] / id
        if not target.exists():
            data = self._fetched(id)
            if data is not None:
                target.parent.mkdir(parents=True, exist_ok=True)
                scratch = target.with_name(f".{id}.{secrets.token_hex(4)}")
                scratch.write_bytes(data)
                os.replace(scratch, target)  # noqa: PTH105 - whole or not at all
        return target

    def remove(self, id: str) -> None:
        import obstore

        (self.cache / id[:2] / id).unlink(missing_ok=True)
        try:
            self._asked(lambda: obstore.delete(self._store, _key(id)))
        except FileNotFoundError:
            return

    def __iter__(self) -> Iterator[str]:
        """Every object's id."""
        import obstore

        names = self._asked(lambda: [entry["path"] for part in obstore.list(self._store) for entry in part])
        yield from sorted(name.rpartition("/")[2] for name in names)

    def sweep(self) -> int:
        """An object is whole or not there."""
        return 0

    def _fetched(self, id: str) -> bytes | None:
        import obstore

        try:
            data = bytes(self._asked(lambda: obstore.get(self._store, _key(id)).bytes()))
        except FileNotFoundError:
            return None
        if content_id(data) != id:
            raise PalateError("picture_damaged", "its object holds other bytes", about=id, hint="run `palate check`")
        return data

    def _asked(self, ask: Any) -> Any:
        try:
            return ask()
        except FileNotFoundError:
            raise
        except Exception as error:
            raise _failed(error) from error


def _key(id: str) -> str:
    return f"{id[:2]}/{id}"


def _from_environment(place: str) -> dict[str, Any]:
    """Where the store is and who asks, as every tool of that store is told."""
    if not place.startswith("s3://"):
        return {}
    retries = {"retry_config": {"max_retries": RETRIES}}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    if endpoint is None:
        return {"region": region, **retries}
    plain = endpoint.startswith("http://")
    return {"region": region, "endpoint": endpoint, "client_options": {"allow_http": plain}, **retries}


def _failed(error: Exception) -> PalateError:
    """Without the store's own words, which may hold addresses and names of keys."""
    kind = type(error).__name__
    if "Permission" in kind or "Unauthenticated" in kind:
        return PalateError("storage_unwritable", "the object store refuses", hint="check the key and its rights")
    return PalateError("storage_unreachable", f"the object store failed ({kind})", hint="nothing of it was stored")
