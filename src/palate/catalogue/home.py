"""A home: one folder with the database, the blobs, what is derived from them, and the settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection

from palate.catalogue.blobs import Blobs
from palate.catalogue.database import Database
from palate.catalogue.lock import WriterLock
from palate.catalogue.migrations import STEPS, version_of
from palate.errors import PalateError

DATABASE = "palate.db"


class Home:
    """Opened for reading by anyone; for writing by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = Database.embedded(folder / DATABASE)
        self.blobs = Blobs(folder / "blobs")
        self._lock: WriterLock | None = None

    @classmethod
    def create(cls, folder: Path) -> Home:
        """Make the folder and its database; an existing home is opened and brought up to date."""
        try:
            (folder / "blobs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise PalateError("storage_unwritable", f"cannot be made: {error.strerror}", about=str(folder)) from error
        home = cls(folder)
        with home.writing():
            pass
        return home

    @classmethod
    def open(cls, folder: Path) -> Home:
        if not (folder / DATABASE).is_file():
            raise PalateError("no_home", "there is no home here", about=str(folder), hint="make one with `palate init`")
        home = cls(folder)
        home.bring_up_to_date()
        return home

    def bring_up_to_date(self) -> None:
        """A home of an older version gets today's tables before anybody reads them."""
        with self.read() as connection:
            found = version_of(connection)
        if found < len(STEPS):
            with self.writing():
                pass

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
    def read(self) -> Iterator[Connection]:
        with self.database.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, under the writer's lock."""
        with self.writing(), self.database.write() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the home's one writer's lock, re-entrantly; the first entry also brings the schema up to date."""
        if self._lock is not None:
            yield
            return
        self._lock = WriterLock(self.folder / "lock")
        try:
            self.database.migrate()
            self.blobs.sweep()
            yield
        finally:
            self._lock.release()
            self._lock = None

    def close(self) -> None:
        self.database.close()
