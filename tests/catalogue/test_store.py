"""The store keeps what it was given, refuses what would poison it, and survives being interrupted."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from sqlalchemy import text

from palate.catalogue import choices, database, models, pictures, tables, vectors
from palate.catalogue.blobs import Blobs, content_id
from palate.catalogue.choices import Choice
from palate.catalogue.database import wal_is_safe
from palate.catalogue.home import Home
from palate.catalogue.migrations import STEPS, migrate, version_of
from palate.catalogue.records import Credit, Drawing, FileSeen, Model, Picture, Prompt, canonical, digest, spoken
from palate.catalogue.vectors import Space
from palate.errors import PalateError


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create(tmp_path / "home")


INK = Model("m1", "Ink", "adapter", "/models/ink.safetensors", base="SD15", tags=("line", "ink"), downloads=12)


def test_a_model_comes_back_as_it_was_put(home: Home) -> None:
    with home.write() as connection:
        models.put(connection, [INK])
    with home.read() as connection:
        assert models.get(connection, "m1") == INK
        assert models.listed(connection) == [INK]


def test_a_model_is_found_by_name_id_and_beginning_of_id(home: Home) -> None:
    other = Model("abcdef12", "Wash", "adapter", "/models/wash.safetensors")
    with home.write() as connection:
        models.put(connection, [INK, other])
        assert models.named(connection, "Wash").id == "abcdef12"
        assert models.named(connection, "abcd").name == "Wash"
        assert models.named(connection, "m1").name == "Ink"


def test_a_name_that_two_models_have_is_an_error_that_lists_them(home: Home) -> None:
    with home.write() as connection:
        models.put(connection, [Model("id-a", "Ink", "adapter", "/a"), Model("id-b", "Ink", "adapter", "/b")])
        with pytest.raises(PalateError, match="2 models are called 'Ink': id-a, id-b") as caught:
            models.named(connection, "Ink")
    assert caught.value.code == "ambiguous_model"


def test_an_unknown_name_with_a_wildcard_in_it_matches_nothing(home: Home) -> None:
    with home.write() as connection:
        models.put(connection, [INK])
        with pytest.raises(PalateError, match="no model is called"):
            models.named(connection, "%%%%")


def test_prompt_identity_is_over_exact_bytes() -> None:
    assert Prompt("a cat").id != Prompt("a cat ").id
    assert Prompt("a cat", "dog").id != Prompt("a catdog").id
    assert Prompt("a cat", settings={"steps": 3}).id == Prompt("a cat").id


def test_digest_frames_its_parts() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_a_lone_surrogate_has_an_identity() -> None:
    assert len(digest("\ud800")) == 32


def test_canonical_json_does_not_depend_on_order() -> None:
    assert canonical({"b": 1, "a": [2]}) == canonical({"a": [2], "b": 1}) == '{"a":[2],"b":1}'


def a_drawing(id: str = "d1") -> Drawing:
    credits = (Credit("Base", "checkpoint", hash="abc"), Credit("Ink", "adapter", 0.6, model_id="m1", matched="name"))
    return Drawing(id, "p1", "imported", credits, Prompt("a fox"), seed=2**70, settings={"steps": 20}, tool="A1111")


def test_provenance_comes_back_with_its_credits_in_order(home: Home) -> None:
    with home.write() as connection:
        models.put(connection, [INK])
        pictures.put(connection, [Picture("p1", 64, 48, "PNG", 10)])
        pictures.put_drawings(connection, [a_drawing(), a_drawing()])
        assert pictures.drawings_of(connection, "p1") == [a_drawing()]


def test_evidence_of_one_drawing_comes_as_it_credits_whatever_was_written_first(home: Home) -> None:
    twice = [Credit("Ink", "adapter", weight, model_id="m1") for weight in (0.5, 1.0, 0.25)]
    with home.write() as connection:
        models.put(connection, [INK])
        pictures.put(connection, [Picture("p")])
        pictures.put_drawings(connection, [Drawing("d", "p", "imported", ())])
        pictures.put_matches(connection, [("d", place, twice[place]) for place in (2, 0, 1)])
    with home.read() as connection:
        assert [found.weight for found in pictures.evidence(connection)] == [0.5, 1.0, 0.25]


def test_evidence_is_only_what_speaks_for_a_known_model(home: Home) -> None:
    with home.write() as connection:
        models.put(connection, [INK])
        pictures.put(connection, [Picture("p1"), Picture("p2", state="degenerate")])
        pictures.put_drawings(connection, [a_drawing()])
        pictures.put_drawings(connection, [Drawing("d2", "p2", "drawn", (Credit("Ink", "adapter", model_id="m1"),))])
        found = pictures.evidence(connection)
    assert [(row.picture_id, row.model_id, row.weight) for row in found] == [("p1", "m1", 0.6)]


def test_a_prompt_seen_without_its_tag_keeps_the_tag(home: Home) -> None:
    with home.write() as connection:
        pictures.put_prompts(connection, [Prompt("a fox", tag="animal")])
        pictures.put_prompts(connection, [Prompt("a fox")])
        assert [prompt.tag for prompt in pictures.prompts(connection).values()] == ["animal"]


def test_a_moved_file_is_the_same_picture(home: Home) -> None:
    with home.write() as connection:
        pictures.put(connection, [Picture("p1")])
        pictures.put_files(connection, [FileSeen("/old/a.png", "p1", 10, 1)])
        pictures.put(connection, [Picture("p1")])
        pictures.put_files(connection, [FileSeen("/new/a.png", "p1", 10, 1)])
        pictures.forget_files(connection, ["/old/a.png"])
        assert pictures.originals(connection, "p1") == ["/new/a.png"]
        assert pictures.counts(connection)["pictures"] == 1


@pytest.mark.parametrize(
    "text", ["\ud800 lone", "nul \x00 nul", "\ufdd0 mark", "bidi \u202e", "e\u0301", " ", "\u00e9"]
)
def test_odd_text_comes_back_to_the_character(home: Home, text: str) -> None:
    with home.write() as connection:
        pictures.put_prompts(connection, [Prompt(text, tag="odd")])
        assert [prompt.text for prompt in pictures.prompts(connection).values()] == [text]
        assert pictures.prompts_of_text(connection, text) == [Prompt(text).id]


def test_a_path_of_any_bytes_is_kept(home: Home) -> None:
    path = b"/pictures/\xff\xfe.png".decode("utf-8", "surrogateescape")
    with home.write() as connection:
        pictures.put(connection, [Picture("p1")])
        pictures.put_files(connection, [FileSeen(path, "p1", 1, 2)])
        assert pictures.file_stamps(connection) == {path: (1, 2)}


def test_the_tags_that_load_adapters_are_not_words() -> None:
    assert spoken("a fox <lora:ink:0.6>, night") == "a fox , night"
    assert spoken("a < b") == "a < b"


SPACE = Space("clip", "a-clip", 3, reads_words=True)


def test_vectors_come_back_bit_for_bit_in_the_order_asked(home: Home) -> None:
    rows = np.eye(3, dtype=np.float32)
    with home.write() as connection:
        vectors.put_space(connection, SPACE)
        vectors.put(connection, SPACE, "picture", ["a", "b", "c"], rows)
        ids, array = vectors.load(connection, SPACE, "picture", ["c", "missing", "a"])
    assert ids == ["c", "a"]
    assert np.array_equal(array, rows[[2, 0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, 1e-40, 2.0])
def test_one_bad_vector_among_good_ones_is_refused_and_nothing_is_stored(home: Home, bad: float) -> None:
    rows = np.eye(3, dtype=np.float32)
    rows[1, 1] = bad
    with home.write() as connection:
        vectors.put_space(connection, SPACE)
    with pytest.raises(PalateError, match="vector 1 has length"), home.write() as connection:
        vectors.put(connection, SPACE, "picture", ["a", "b", "c"], rows)
    with home.read() as connection:
        assert vectors.load(connection, SPACE, "picture")[0] == []


def test_vectors_of_two_encoders_of_one_width_are_never_mixed(home: Home) -> None:
    other = Space("dino", "a-dino", 3, reads_words=False)
    with home.write() as connection:
        for space, thing in ((SPACE, "a"), (other, "b")):
            vectors.put_space(connection, space)
            vectors.put(connection, space, "picture", [thing], np.eye(3, dtype=np.float32)[:1])
        assert vectors.load(connection, SPACE, "picture")[0] == ["a"]
        assert vectors.load(connection, other, "picture")[0] == ["b"]


def test_spaces_proven_equal_are_read_together(home: Home) -> None:
    given = Space("dataset", "a-clip", 3, reads_words=True)
    with home.write() as connection:
        for space, thing in ((SPACE, "a"), (given, "b")):
            vectors.put_space(connection, space)
            vectors.put(connection, space, "picture", [thing], np.eye(3, dtype=np.float32)[:1])
        vectors.proven_same(connection, "dataset", "clip")
        assert sorted(vectors.load(connection, SPACE, "picture")[0]) == ["a", "b"]
        assert sorted(vectors.load(connection, given, "picture")[0]) == ["a", "b"]


def test_of_spaces_proven_equal_a_things_own_vector_is_read(home: Home) -> None:
    other, rows = Space("dataset", "a-clip", 3, reads_words=True), np.eye(3, dtype=np.float32)
    with home.write() as connection:
        for space, row in ((SPACE, 0), (other, 1)):
            vectors.put_space(connection, space)
            vectors.put(connection, space, "picture", ["a"], rows[row : row + 1])
        vectors.proven_same(connection, "dataset", "clip")
        for space, row in ((SPACE, 0), (other, 1)):
            for ids in (None, ["a"]):
                assert np.array_equal(vectors.load(connection, space, "picture", ids)[1], rows[row : row + 1])


def test_a_wrong_dimension_is_refused(home: Home) -> None:
    with pytest.raises(PalateError, match="do not fit a space of 3"), home.write() as connection:
        vectors.put_space(connection, SPACE)
        vectors.put(connection, SPACE, "picture", ["a"], np.eye(4, dtype=np.float32)[:1])


def test_liked_pictures_are_the_latest_opinion(home: Home) -> None:
    with home.write() as connection:
        for kind, picture in (("like", "a"), ("like", "b"), ("dislike", "a"), ("select", "c")):
            choices.append(connection, Choice("ada", kind, {"picture": picture}))  # type: ignore[arg-type]
        choices.append(connection, Choice("bob", "like", {"picture": "z"}))
        assert choices.liked_pictures(connection, "ada") == ["c", "b"]


def test_an_unknown_kind_of_choice_is_refused(home: Home) -> None:
    with pytest.raises(PalateError, match="'adore' is none of"), home.write() as connection:
        choices.append(connection, Choice("ada", "adore", {}))  # type: ignore[arg-type]


def test_a_failed_transaction_leaves_nothing(home: Home) -> None:
    with pytest.raises(RuntimeError), home.write() as connection:
        models.put(connection, [INK])
        raise RuntimeError
    with home.read() as connection:
        assert models.listed(connection) == []


def test_the_home_of_a_newer_program_is_refused_with_both_versions(home: Home) -> None:
    with home.write() as connection:
        connection.execute(text("update meta set value = '999' where name = 'schema'"))
    with pytest.raises(PalateError, match=f"schema 999, this program knows {len(STEPS)}"), home.write():
        pass


def test_an_older_home_is_brought_up_to_date(home: Home) -> None:
    ran = []
    with home.database.write() as connection:
        assert migrate(connection, (*STEPS, lambda _: ran.append("second"))) == len(STEPS) + 1
        assert version_of(connection) == len(STEPS) + 1
    assert ran == ["second"]


def test_a_number_is_never_given_twice_in_a_home_of_before_either(home: Home) -> None:
    with home.write() as connection:
        for statement in ("DROP TABLE choices", OLD_CHOICES, OLD_INDEX, A_CHOICE, "UPDATE meta SET value = '5'"):
            connection.exec_driver_sql(statement)
        connection.execute(tables.tastes.insert().values(person="ada", words={}, after=9))
    with home.write() as connection:
        choices.append(connection, Choice("ada", "like", {"picture": "b"}))
        assert [choice.sequence for choice in choices.of_person(connection, "ada")] == [7, 10]
        choices.forget(connection, [10])
        choices.append(connection, Choice("ada", "like", {"picture": "c"}))
        assert [choice.sequence for choice in choices.of_person(connection, "ada")] == [7, 11]


OLD_CHOICES = (
    "CREATE TABLE choices (sequence INTEGER NOT NULL, person VARCHAR NOT NULL, kind VARCHAR NOT NULL, "
    "payload JSON NOT NULL, at FLOAT NOT NULL, PRIMARY KEY (sequence))"
)
OLD_INDEX = "CREATE INDEX choices_by_person ON choices (person, sequence)"
A_CHOICE = "INSERT INTO choices VALUES (7, 'ada', 'like', '{\"picture\": \"a\"}', 1.0)"


def test_no_home_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="palate init"):
        Home.open(tmp_path)


def test_a_second_writer_is_told_who_writes(home: Home) -> None:
    other = Home.open(home.folder)
    with home.writing(), pytest.raises(PalateError, match=f"process {os.getpid()}") as caught, other.writing():
        pass
    assert caught.value.code == "library_in_use"
    with other.writing():
        pass


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45), False),
        ((3, 45, 0), False),
        ((3, 50, 7), True),
        ((3, 50, 6), False),
        ((3, 51), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52), True),
    ],
)
def test_wal_is_used_only_where_it_cannot_corrupt(version: tuple[int, ...], safe: bool) -> None:
    assert wal_is_safe(version) is safe


def test_every_commit_is_synced(home: Home) -> None:
    with home.read() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_every_connection_is_told_how_to_keep_what_it_was_given() -> None:
    """Each of them, whatever this SQLite's own defaults are."""

    class Raw:
        isolation_level: str | None = "DEFERRED"
        said: ClassVar[list[str]] = []

        def cursor(self) -> Any:
            return SimpleNamespace(execute=self.said.append, close=lambda: None)

    raw = Raw()
    database._prepare(raw, None)
    assert raw.isolation_level is None
    assert [said for said in raw.said if "journal_mode" not in said] == [
        "PRAGMA busy_timeout = 30000",
        "PRAGMA synchronous = FULL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA secure_delete = ON",
        "PRAGMA case_sensitive_like = ON",
        "PRAGMA cache_size = -65536",
    ]


def test_a_write_is_under_the_writers_lock_unless_it_says_otherwise(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bool] = []

    @contextmanager
    def write(*, person: str | None, beside: bool) -> Iterator[None]:
        said.append(beside)
        yield

    with home.writing():
        monkeypatch.setattr(home.database, "write", write)
        with home.write(), home.write(beside=True):
            pass
    assert said == [False, True]


def test_a_blob_is_named_by_its_content_and_stored_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = blobs.put(b"abc")
    assert name == "ba7816bf8f01cfea414140de5dae2223"  # sha256("abc"), first half
    assert blobs.put(b"abc") == name
    assert list(blobs) == [name]
    assert blobs.get(name) == b"abc"


def test_a_half_written_blob_is_not_a_blob_and_is_swept(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = blobs.put(b"abc")
    blobs.path(name).with_name(f".{name}.dead").write_bytes(b"ab")
    assert list(blobs) == [name]
    assert blobs.sweep() == 1
    assert blobs.get(name) == b"abc"


def test_a_truncated_blob_is_written_again(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = blobs.put(b"abc")
    blobs.path(name).write_bytes(b"ab")
    blobs.put(b"abc")
    assert blobs.get(name) == b"abc"


def test_a_short_write_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, bytes(data)[:2]))
    assert Blobs(tmp_path).get(Blobs(tmp_path).put(b"abcdefg")) == b"abcdefg"


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, "storage_full"), (errno.EIO, "storage_failed")])
def test_every_failing_step_of_a_blob_is_reported_and_leaves_no_blob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, code: str
) -> None:
    def broken(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    blobs = Blobs(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, broken)
        with pytest.raises(PalateError) as caught:
            blobs.put(b"abc")
    assert caught.value.code == code
    assert list(blobs) == []
    assert blobs.put(b"abc") == content_id(b"abc")


@pytest.mark.parametrize(("more", "fits"), [(0, True), (-1, False)])
def test_sixty_four_mebibytes_stay_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int, fits: bool) -> None:
    free = 64 * 1024 * 1024 + 3 + more
    monkeypatch.setattr(os, "statvfs", lambda _folder: SimpleNamespace(f_bavail=free, f_frsize=1))
    if fits:
        assert Blobs(tmp_path).put(b"abc") == content_id(b"abc")
    else:
        with pytest.raises(PalateError, match=f"67108864 kept free, {free} are left"):
            Blobs(tmp_path).put(b"abc")


def test_a_nearly_full_disk_is_refused_before_it_is_full(tmp_path: Path) -> None:
    with pytest.raises(PalateError, match="are left") as caught:
        Blobs(tmp_path, reserve=2**60).put(b"abc")
    assert caught.value.code == "storage_full"
