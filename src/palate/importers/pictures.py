"""Pictures already made: found, identified and credited where they lie. Nothing is decoded, copied or touched."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from palate.catalogue.records import Credit, Drawing, FileSeen, Picture, Prompt, canonical, digest
from palate.errors import PalateError
from palate.importers.listing import ListedPicture, Listing
from palate.importers.metadata import Reading, UnreadableError, read_metadata, read_texts
from palate.importers.metadata.embedded import MOST_TEXT
from palate.importers.metadata.exif import plain_text
from palate.safety.paths import FileFound, FileSkipped, read_regular, real_folder, walk
from palate.safety.pictures import LIMITS, PictureLimits, picture_facts, require_size

SUFFIXES = frozenset({".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".avif"})
OTHER_SUFFIXES = frozenset({".gif", ".bmp", ".tif", ".tiff", ".svg", ".heic", ".heif", ".jxl", ".psd"})
"""Pictures too, but not of a format we open; said rather than passed over."""
AHEAD = 4
"""Files a worker that are read before the caller has taken the ones before."""

Known = Callable[[str], tuple[int, int] | None] | Mapping[str, tuple[int, int]]
"""Path to (size, mtime_ns) of the files that an earlier scan took in."""


@dataclass(frozen=True, slots=True)
class PictureFound:
    """A new or changed file. `drawing` is None where nothing says how it was drawn, and `reason` says so."""

    file: FileSeen
    picture: Picture
    drawing: Drawing | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PictureUnchanged:
    """Same path, size and time as an earlier scan knew; not a byte of it was read."""

    path: str


@dataclass(frozen=True, slots=True)
class PictureRefused:
    """A file that cannot be taken in, and why, in a plain sentence."""

    path: str
    code: str
    reason: str


Scanned = PictureFound | PictureUnchanged | PictureRefused


def scan_pictures(
    folder: str | os.PathLike[str],
    *,
    known: Known | None = None,
    listing: Listing | None = None,
    workers: int = 2,
    limits: PictureLimits = LIMITS,
) -> Iterator[Scanned]:
    """Every picture below the folder in the order of the paths, one answer a file, whatever the others are like.

    The caller's pace is the scan's: a few files are read ahead and no more, and stopping the iteration stops the scan.
    """
    root = real_folder(folder)
    scan = _Scan(root, listing, limits)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="scan") if workers > 1 else None
    try:
        jobs = scan.jobs(_known(known))
        yield from _in_order(pool, jobs, AHEAD * workers) if pool else (job() for job in jobs)
        yield from scan.missing()
    finally:
        if pool:
            pool.shutdown(wait=True, cancel_futures=True)


def _in_order(pool: ThreadPoolExecutor, jobs: Iterable[Callable[[], Scanned]], ahead: int) -> Iterator[Scanned]:
    """The jobs' answers in their order, `ahead` of them under way at a time."""
    waiting: deque[Future[Scanned]] = deque()
    for job in jobs:
        waiting.append(pool.submit(job))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _known(known: Known | None) -> Callable[[str], tuple[int, int] | None]:
    if known is None:
        return lambda _: None
    return known.get if isinstance(known, Mapping) else known


class _Scan:
    """One pass over one folder: what each of its files turns out to be."""

    def __init__(self, root: str, listing: Listing | None, limits: PictureLimits) -> None:
        self.root = root
        self.listing = listing
        self.limits = limits
        self.listed: set[int] = set()

    def jobs(self, known: Callable[[str], tuple[int, int] | None]) -> Iterator[Callable[[], Scanned]]:
        for entry in walk(self.root):
            name = os.path.basename(entry.path)  # noqa: PTH119 - str paths keep odd bytes and cost less
            suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
            if name.startswith("._"):  # what macOS keeps beside files on foreign disks
                continue
            if suffix in OTHER_SUFFIXES:
                reason = f"{suffix[1:].upper()} is not opened; PNG, JPEG, WebP and AVIF are"
                yield partial(PictureRefused, entry.path, "not_a_picture", reason)
            elif isinstance(entry, FileSkipped):
                if not suffix or suffix in SUFFIXES:
                    yield partial(PictureRefused, entry.path, entry.code, entry.reason)
            elif suffix in SUFFIXES:
                row = self._row(entry.path)
                if row is None and known(entry.path) == (entry.size, entry.mtime_ns):
                    yield partial(PictureUnchanged, entry.path)
                else:
                    yield partial(self.look_at, entry, row)

    def _row(self, path: str) -> ListedPicture | None:
        row = self.listing.row_for(self.root, path) if self.listing else None
        if row is not None:
            self.listed.add(row.line)
        return row

    def look_at(self, entry: FileFound, row: ListedPicture | None) -> Scanned:
        """Read the file once, and let the same bytes give its identity, its size and its metadata."""
        try:
            require_size(entry.size, None, self.limits)
            data, about = read_regular(self.root, entry.path, self.limits.bytes)
            facts = picture_facts(data, limits=self.limits)
        except PalateError as error:
            return PictureRefused(entry.path, error.code, error.message)
        except (OSError, ValueError) as error:
            return PictureRefused(entry.path, "picture_unreadable", f"it cannot be read: {error}")
        if len(data) != about.st_size:
            return PictureRefused(entry.path, "picture_changed", "it was being written while it was read")
        picture = Picture(
            id=hashlib.sha256(data).hexdigest()[:32],
            width=facts.width,
            height=facts.height,
            format=facts.format,
            size=facts.size,
        )
        reading: Reading | None = None
        reason: str | None = None
        try:
            reading = read_metadata(data, facts.format)
        except UnreadableError as error:
            reading = self._beside(entry.path)
            reason = str(error) if reading is None else None
        seen = FileSeen(entry.path, picture.id, about.st_size, about.st_mtime_ns)
        if reading is None and row is None:
            return PictureFound(seen, picture, None, reason)
        return PictureFound(seen, picture, _drawing(picture.id, reading, row))

    def _beside(self, path: str) -> Reading | None:
        """The text file that A1111 and Easy Diffusion write beside a picture on demand."""
        text_path = os.path.splitext(path)[0] + ".txt"  # noqa: PTH122
        with suppress(OSError, ValueError, PalateError):
            data, _ = read_regular(self.root, text_path, MOST_TEXT)
            return read_texts({"parameters": plain_text(data[:MOST_TEXT])})
        return None

    def missing(self) -> Iterator[PictureRefused]:
        """Rows of the listing that no file answered to."""
        for row in self.listing.rows if self.listing else ():
            if row.line not in self.listed:
                reason = f"line {row.line} of the listing names it, and it is not in the folder"
                yield PictureRefused(row.file, "listed_missing", reason)


def _drawing(picture_id: str, reading: Reading | None, row: ListedPicture | None) -> Drawing:
    """Provenance from what the file says and what the person says, who knows better."""
    reading = reading or Reading(tool="")
    text, negative, seed, tag = reading.text, reading.negative, reading.seed, None
    settings: dict[str, Any] = dict(reading.settings)
    credits = reading.credits
    if row is not None:
        text = text if row.prompt is None else row.prompt
        negative = negative if row.negative is None else row.negative
        seed = seed if row.seed is None else row.seed
        tag = row.tag
        settings.update(row.settings)
        credits = (Credit(row.model, "checkpoint", matched="given"),)
    prompt = None if text is None else Prompt(text, negative, tag=tag)
    said = {
        "credits": [[each.role, each.name, each.weight, each.hash] for each in credits],
        "prompt": prompt.id if prompt else None,
        "seed": str(seed),
        "settings": settings,
        "tool": reading.tool,
    }
    return Drawing(
        id=digest("drawing", picture_id, canonical(said)),
        picture_id=picture_id,
        source="imported",
        credits=credits,
        prompt=prompt,
        seed=seed,
        settings=settings,
        tool=reading.tool or None,
    )
