"""Bytes of pictures: uploads decoded in a process of their own, small versions made once and kept."""

from __future__ import annotations

import io
import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import TimeoutError as TooLongError
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from palate.catalogue.home import Home
from palate.errors import PalateError
from palate.people import holdings, persons
from palate.people.holdings import Upload
from palate.people.secrets import fresh_id, private_file
from palate.safety.pictures import confine_this_process, picture_facts, reencoded
from palate.specify.again import at_hand

SIZES = ("128", "256", "512", "full")
UPLOADS_A_PERSON = 500_000_000
DECODE_SECONDS = 30.0
UPLOADS_A_PROCESS = 40
"""A decoding process has so much processor time and no more, so it is replaced now and then."""
Look = Callable[[str], Path | None]
KINDS = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


def nowhere(_: str) -> Path | None:
    return None


class Media:
    """`look` makes a file for a picture that is known by its key alone; what it draws, it draws elsewhere."""

    def __init__(self, home: Home, look: Look = nowhere) -> None:
        self.home = home
        self.look = look
        self.uploads = home.uploads
        self.thumbs = home.derived / "thumbs"
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._making = threading.Semaphore(2)
        self.sweep()

    def close(self) -> None:
        with self._lock:
            if self._pool is not None:
                self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    # -- uploads ------------------------------------------------------------------------------------------------

    def sweep(self) -> None:
        """Remove what has expired, and files that no row speaks of."""
        with self.home.write() as connection:
            holdings.take_expired(connection)
            people = [person.id for person in persons.listed(connection)]
            known = {upload.id for person in people for upload in holdings.uploads_of(connection, person)}
        for path in self.uploads.glob("*") if self.uploads.exists() else ():
            if path.name not in known:
                path.unlink(missing_ok=True)

    def take(self, person: str, data: bytes) -> Upload:
        """Decode, write anew without anything but pixels, and keep it for its person for a week."""
        with self.home.read() as connection:
            if holdings.room_taken(connection, person) + len(data) > UPLOADS_A_PERSON:
                said = f"your uploads may take {UPLOADS_A_PERSON // 1_000_000} MB together"
                raise PalateError("quota", said, hint="they expire after a week")
        clean = self._decoded_elsewhere(data)
        facts = picture_facts(clean)
        id = fresh_id()
        self.uploads.mkdir(mode=0o700, exist_ok=True)
        private_file(self.uploads / id, clean)
        upload = Upload(id, person, facts.width, facts.height, facts.format, len(clean), 0.0)
        with self.home.write() as connection:
            return holdings.put_upload(connection, upload)

    def _decoded_elsewhere(self, data: bytes) -> bytes:
        picture_facts(data)  # what is no picture within the limits costs no process
        try:
            return self._workers().submit(reencoded, data).result(timeout=DECODE_SECONDS)
        except (BrokenProcessPool, TooLongError):
            with self._lock:
                if self._pool is not None:
                    self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = None
            raise PalateError("picture_corrupt", "it takes more memory or time to decode than a picture may") from None

    def _workers(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    1,
                    mp_context=get_context("spawn"),
                    initializer=confine_this_process,
                    max_tasks_per_child=UPLOADS_A_PROCESS,
                )
            return self._pool

    # -- looking ------------------------------------------------------------------------------------------------

    def of_upload(self, upload: Upload, size: str) -> tuple[bytes, str]:
        data = (self.uploads / upload.id).read_bytes()
        return (data, KINDS[upload.format]) if size == "full" else (small(data, int(size)), "image/webp")

    def of_picture(self, id: str, size: str) -> tuple[bytes, str]:
        """A small version, made once; in full, our own drawing's bytes, or somebody's original written anew."""
        blob = self.home.blobs.path(id)
        if size == "full" and blob.exists():
            data = blob.read_bytes()
            return data, KINDS[picture_facts(data).format]
        path = self.thumbs / size / id[:2] / id
        try:
            kept = path.read_bytes()
        except FileNotFoundError:
            whole = self.original(id)
            with self._making:
                kept = reencoded(whole) if size == "full" else small(whole, int(size))
            _keep(path, kept)
        return kept, KINDS[picture_facts(kept).format]

    def waits(self, id: str, size: str) -> bool:
        """Whether it has to be drawn before it can be shown."""
        return not (self.thumbs / size / id[:2] / id).is_file() and at_hand(self.home, id) is None

    def original(self, id: str) -> bytes:
        place = at_hand(self.home, id) or self.look(id)
        if place is not None:
            return place.read_bytes()
        raise gone(id)


def gone(id: str) -> PalateError:
    return PalateError("picture_missing", "its file is gone", about=id, hint="run `palate check`")


def small(data: bytes, side: int) -> bytes:
    """WebP of at most `side` pixels a side, without metadata; a picture that is smaller keeps its size."""
    from PIL import Image

    from palate.safety.pictures import open_picture

    picture = open_picture(data)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    target = io.BytesIO()
    picture.save(target, "WEBP", quality=82, method=3)
    return target.getvalue()


def _keep(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        scratch.write_bytes(data)
        os.replace(scratch, path)  # noqa: PTH105 - atomic on every system
    except OSError:
        return  # a disk that is full shows pictures all the same
