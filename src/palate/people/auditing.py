"""Who came in, and what owners and keys did: lines that are only ever added, each bound to the one before it.

Actions, ids and outcomes; no words of anybody. A line that was changed or taken out shows, as the digests after it do
not fit any more.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FILE = "audit.jsonl"
FIRST = "0" * 64
FIELDS = ("at", "person", "action", "status", "request")


@dataclass(frozen=True, slots=True)
class Entry:
    """`action` is a method and a route as it is described, without anybody's ids."""

    at: float
    person: str | None
    action: str
    status: int
    request: str


def digest_of(before: str, entry: Mapping[str, Any]) -> str:
    """SHA-256 of the digest before and of this line's fields."""
    said = json.dumps([before, *(entry[name] for name in FIELDS)], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


class Audit:
    """The log of one home; its one writing process appends."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._lock = threading.Lock()
        self._last: str | None = None

    def add(self, entry: Entry) -> None:
        """A disk that is full does not keep anybody from what they may do."""
        with self._lock, suppress(OSError):
            if self._last is None:
                self._last = next(reversed([line["digest"] for line in self._lines()]), FIRST)
            line = asdict(entry)
            digest = digest_of(self._last, line)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**line, "digest": digest}) + "\n")
            self.path.chmod(0o600)
            self._last = digest

    def read(self, offset: int, limit: int) -> tuple[list[Entry], int, bool]:
        """Entries, latest first; how many there are; and whether each is bound to the one before it."""
        with self._lock:
            lines = list(self._lines())
        before, whole = FIRST, True
        for line in lines:
            whole = whole and line["digest"] == digest_of(before, line)
            before = line["digest"]
        page = lines[::-1][offset : offset + limit]
        return [Entry(**{name: line[name] for name in FIELDS}) for line in page], len(lines), whole

    def _lines(self) -> Iterator[dict[str, Any]]:
        """What cannot be read counts as a line that fits nothing."""
        with suppress(FileNotFoundError), self.path.open(encoding="utf-8") as file:
            for text in file:
                broken = {"at": 0.0, "person": None, "action": "unreadable", "status": 0, "request": "", "digest": ""}
                try:
                    line = json.loads(text)
                except ValueError:
                    line = broken
                fits = isinstance(line, dict) and {*FIELDS, "digest"} <= set(line)
                yield line if fits else broken
