"""A home: one folder with the database, the blobs, what is derived from them, and the settings.

Database and blobs may lie elsewhere (`Places`); the folder then holds the settings and what is derived.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from palate import settings as settings_file
from palate.catalogue import outbox, postgres
from palate.catalogue.blobs import Blobs, BlobStore
from palate.catalogue.database import Database
from palate.catalogue.lock import WriterLock
from palate.catalogue.migrations import STEPS, version_of
from palate.catalogue.nearest import Nearest
from palate.catalogue.vectors import Space
from palate.errors import PalateError

DATABASE = "palate.db"
HERE = "here"
CELLS = "cells"
"""An index that needs no server: styles in files beside the home (`find.many`); `similar` looks at every vector."""
LINES_A_QUESTION = 20_000
"""Changes that an index is told of before a question is put to it; what remains is told before the next."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a home keeps its rows, its pictures and an index of their vectors; `here` is its own folder."""

    database: str = HERE
    blobs: str = HERE
    index: str = HERE

    @classmethod
    def of(cls, folder: Path) -> Places:
        """As its settings say, or the environment."""
        settings = settings_file.read(folder)
        return cls(settings.database, settings.blobs, settings.index)


class Home:
    """Opened for reading by anyone; for writing by one process at a time, or by many where its rows lie in Postgres."""

    def __init__(self, folder: Path, places: Places | None = None) -> None:
        self.folder = folder
        self.places = places or Places.of(folder)
        self.database = _database(folder, self.places.database)
        self.blobs = _blobs(folder, self.places.blobs)
        self._nearest: dict[str, Nearest] = {}
        self._entered = False

    @classmethod
    def create(cls, folder: Path, places: Places | None = None) -> Home:
        """Make the folder and its database; an existing home is opened and brought up to date."""
        try:
            (folder / "blobs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PalateError("storage_unwritable", f"cannot be made: {error.strerror}", about=str(folder)) from error
        home = cls(folder, places)
        with home.writing():
            pass
        return home

    @classmethod
    def open(cls, folder: Path, places: Places | None = None) -> Home:
        places = places or Places.of(folder)
        if not (folder / DATABASE).is_file() if places.database == HERE else not folder.is_dir():
            raise PalateError("no_home", "there is no home here", about=str(folder), hint="make one with `palate init`")
        home = cls(folder, places)
        home.bring_up_to_date()
        return home

    def bring_up_to_date(self) -> None:
        """A home of an older version gets today's tables before anybody reads them."""
        with self.read() as connection:
            found = version_of(connection)
        if found < len(STEPS):
            with self.writing():
                pass

    def nearest(self, space: Space) -> Nearest | None:
        """The index of this space's pictures that is kept elsewhere, told of what changed; None where there is none."""
        if self.places.index in (HERE, CELLS):
            return None
        if space.id not in self._nearest:
            outbox.begin(self.database)
            self._nearest[space.id] = _nearest(self, space)
        outbox.feed(self.database, space, self._nearest[space.id], lines=LINES_A_QUESTION)
        return self._nearest[space.id]

    @property
    def runs(self) -> Path:
        """Evaluation runs: folders of plain files."""
        return self.folder / "runs"

    @property
    def uploads(self) -> Path:
        """Pictures that people showed, each its person's own; rows say whose and for how long."""
        return self.folder / "uploads"

    @property
    def derived(self) -> Path:
        """What can be made again from the database at any time."""
        return self.folder / "derived"

    @contextmanager
    def read(self, *, person: str | None = None) -> Iterator[Connection]:
        with self.database.read(person=person) as connection:
            yield connection

    @contextmanager
    def write(self, *, person: str | None = None, beside: bool = False) -> Iterator[Connection]:
        """One transaction, under the writer's lock; `beside` others, where the database is shared and rows suffice."""
        with self.writing(), self.database.write(person=person, beside=beside) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the home's one writer's lock, re-entrantly; the first entry also brings the schema up to date.

        A shared database needs no such lock: each transaction has its own.
        """
        if self._entered:
            yield
            return
        lock = nullcontext() if self.database.shared else closing(WriterLock(self.folder / "lock"))
        with lock:
            self._entered = True
            try:
                self.database.migrate()
                if not self.database.shared:
                    self.blobs.sweep()
                yield
            finally:
                self._entered = False

    @contextmanager
    def at_work(self, worker: str) -> Iterator[None]:
        """As long as this is open, what `worker` leased is its own, though others begin to work."""
        present = closing(postgres.Presence(self.database.engine, worker)) if self.database.shared else nullcontext()
        with present:
            yield

    def close(self) -> None:
        self.database.close()


def _database(folder: Path, place: str) -> Database:
    if place == HERE:
        return Database.embedded(folder / DATABASE)
    if postgres.is_postgres(place):
        return Database.at(place)
    raise PalateError("wrong_setting", "a database is `here` or postgresql://...", about=postgres.shown(place))


def _blobs(folder: Path, place: str) -> BlobStore:
    if place == HERE:
        return Blobs(folder / "blobs")
    from palate.catalogue.objects import SCHEMES, ObjectBlobs

    if place.startswith(SCHEMES):
        return ObjectBlobs(place, folder / "derived" / "blobs")
    raise PalateError("wrong_setting", f"blobs are `here` or one of {', '.join(SCHEMES)}", about="blobs")


def _nearest(home: Home, space: Space) -> Nearest:
    place = home.places.index
    if place == "pgvector" and home.database.shared:
        from palate.catalogue.nearest_postgres import PostgresNearest

        return PostgresNearest(home.database, space.id, space.dim)
    from palate.catalogue.nearest_qdrant import QdrantNearest, is_qdrant, open_client

    if is_qdrant(place):
        return QdrantNearest(open_client(place), space.id, space.dim)
    raise PalateError(
        "wrong_setting",
        "an index is `here`, `cells`, qdrant://host:port, or (with rows in Postgres) pgvector",
        about="index",
    )
