"""One byte of the database flipped, anywhere: told in a sentence, or of no consequence, and never a traceback."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from palate.catalogue import choices, models, pictures, vectors
from palate.catalogue.home import Home
from palate.catalogue.vectors import Space
from palate.check import check
from palate.errors import PalateError
from palate.testing.conformance import answers

SPACE = Space("clip", "a-clip", 3, reads_words=True)


@pytest.fixture
def intact(tmp_path: Path) -> Path:
    with closing(Home.create(tmp_path / "home")) as home:
        for _ in answers(home.database, 11, 25):
            pass
    return tmp_path / "home"


def read_everything(folder: Path) -> list[object]:
    with closing(Home.open(folder)) as home, home.read() as connection:
        found: list[object] = [models.listed(connection), pictures.evidence(connection), pictures.prompts(connection)]
        found += [choices.likings(connection), pictures.counts(connection)]
        found += [vectors.load(connection, SPACE, "picture")[1].tobytes()]
        return found


def flipped(data: bytes, offset: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 0xFF]) + data[offset + 1 :]


def offsets(size: int, step: int) -> Iterator[int]:
    """Every so many bytes, and the heads of pages, where what a page is stands."""
    yield from range(100, size, step)
    yield from range(4096, size, 4096 * max(1, step // 512))


@pytest.mark.parametrize("step", [8192, pytest.param(512, marks=pytest.mark.long)])
def test_a_flipped_byte_is_told_or_makes_no_difference(intact: Path, tmp_path: Path, step: int) -> None:
    data, wanted = (intact / "palate.db").read_bytes(), read_everything(intact)
    told = same = other = 0
    for offset in offsets(len(data), step):
        folder = tmp_path / "flipped"
        shutil.copytree(intact, folder)
        (folder / "palate.db").write_bytes(flipped(data, offset))
        try:
            found = read_everything(folder)
            with closing(Home.open(folder)) as home:
                faults = [fault for fault in check(home) if fault.severity == "wrong"]
        except PalateError:
            told += 1
        else:
            told, same, other = told + bool(faults), same + (found == wanted), other + (found != wanted and not faults)
        shutil.rmtree(folder)
    assert told > 0
    assert other <= 0.1 * (told + same + other)  # a letter of a text: SQLite keeps no sums of its pages


def test_a_damaged_name_of_a_table_is_told(intact: Path) -> None:
    data = (intact / "palate.db").read_bytes()
    for name in (b"CREATE TABLE pictures", b"CREATE INDEX choices_by_person"):
        (intact / "palate.db").write_bytes(flipped(data, data.index(name) + len(name) - 2))
        with pytest.raises(PalateError) as caught:
            read_everything(intact)
        assert caught.value.code in ("storage_corrupt", "storage_failed")
