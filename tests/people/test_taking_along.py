"""What a person takes along is all that is theirs and nobody else's; what is erased is gone, its small versions too."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from palate.catalogue import choices, conversations, pictures, tables, vectors
from palate.catalogue.choices import Choice
from palate.catalogue.conversations import Candidate, Conversation, Stated, Turn
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, Drawing, FileSeen, Picture, Prompt
from palate.catalogue.vectors import Space
from palate.jobs import tasks
from palate.jobs.tasks import Task
from palate.people import entering, erasing, errands, holdings, persons, talks
from palate.people.gate import ALLOWED, Principal
from palate.people.holdings import Upload
from palate.people.talks import Said

PEPPER = b"a pepper of a test, long enough."


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Ada and Bob, each with one of everything, and two pictures: the second is also a file of somebody's."""
    with closing(Home.create(tmp_path / "home")) as made:
        made.uploads.mkdir()
        with made.write() as rows:
            persons.ensure_owner(rows)
            for name in ("ada", "bob"):
                persons.make(rows, name, "member", "a password that is long", id=name)
                belongings(made, rows, name)
        yield made


def belongings(home: Home, rows: Any, name: str) -> None:
    own, shared = (home.blobs.put(f"{name} {which}".encode()) for which in ("own", "shared"))
    pictures.put(rows, [Picture(own, 8, 8, "PNG", 7, owned=True), Picture(shared, 8, 8, "PNG", 7, owned=True)])
    pictures.put_files(rows, [FileSeen(f"/{name}.png", shared, 7, 1)])
    space = Space("clip", "a-clip", 2, reads_words=True)
    vectors.put_space(rows, space)
    vectors.put(rows, space, "picture", [own, shared], np.eye(2, dtype=np.float32))
    for number, picture in enumerate((own, shared)):
        drawing = f"{name}{number}"
        made = Drawing(drawing, picture, "drawn", (Credit("Ink", "adapter"),), Prompt(f"of {name}"), seed=number)
        pictures.put_drawings(rows, [made])
        holdings.hold(rows, name, f"errand of {name}", [drawing])
        thumb = home.derived / "thumbs" / "256" / picture[:2] / picture
        thumb.parent.mkdir(parents=True, exist_ok=True)
        thumb.write_bytes(b"small")
    tasks.plan(rows, "draw", {"errand": f"errand of {name}"}, [Task(f"t {name}", "g", {})])
    errands.put(rows, name, "draw", {"prompt": f"of {name}"}, 2)
    choices.append(rows, Choice(name, "like", {"picture": own}))
    conversations.put(rows, Conversation(f"c {name}", name, "a fox", None, 1))
    conversations.put_turn(rows, f"c {name}", Turn(1, "", "", "offline", None, (Candidate("x", "style", 0.0, 0.0),)))
    conversations.put_stated(rows, name, Stated({"red": 1.0}))
    talks.put(rows, f"t {name}", name, Said(1, 1, {"said": f"hello of {name}"}))
    holdings.put_upload(rows, Upload(f"u-{name}", name, 8, 8, "png", 5, 0.0))
    (home.uploads / f"u-{name}").write_bytes(f"shown by {name}".encode())
    maker = Principal(name, name, "member", ALLOWED["member"], "here")
    entering.make_key(rows, PEPPER, maker, f"key of {name}", ["read"])
    entering.begin_visit(rows, PEPPER, name)


def test_all_of_it_and_nothing_of_anybody_else(home: Home) -> None:
    archive = erasing.export(home, "ada")
    with zipfile.ZipFile(archive) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    archive.unlink()
    assert files["person.json"].decode().startswith('{\n  "id": "ada",\n')  # to be read by people too
    told = {name.removesuffix(".json"): json.loads(data) for name, data in files.items() if name.endswith(".json")}
    assert told["person"] == {"id": "ada", "name": "ada", "role": "member", "weights": None}
    assert [(one["kind"], one["sequence"]) for one in told["choices"]] == [("like", 1)]
    assert [(one["prompt"], one["seed"]) for one in told["drawings"]] == [("of ada", "0"), ("of ada", "1")]
    assert [(one["plan"], one["state"]) for one in told["jobs"]] == [({"prompt": "of ada"}, "waiting")]
    [conversation] = told["conversations"]
    assert [one["text"] for turn in conversation["turns"] for one in turn["candidates"]] == ["x"]
    assert [talk["exchanges"] for talk in told["talks"]] == [[{"said": "hello of ada"}]]
    assert told["taste"] == {"words": {"red": 1.0}, "after": 0}
    assert [(key["name"], key["scopes"]) for key in told["keys"]] == [("key of ada", ["read"])]
    bytes_of = {data for name, data in files.items() if not name.endswith(".json")}
    assert bytes_of == {b"ada own", b"ada shared", b"shown by ada"}
    everything = b"".join(files.values())
    for secret in (b"bob", b"argon2", b"digest", b"csrf"):
        assert secret not in everything


def test_a_file_that_is_gone_is_left_out_of_it(home: Home) -> None:
    (home.uploads / "u-ada").unlink()
    archive = erasing.export(home, "ada")
    with zipfile.ZipFile(archive) as opened:
        assert not [name for name in opened.namelist() if name.startswith("uploads/")]
    archive.unlink()


def test_what_is_erased_is_gone_with_its_small_versions_and_what_is_anothers_stays(home: Home) -> None:
    with home.read() as rows:
        before = {name: sorted(holdings.held_by(rows, name)) for name in ("ada", "bob")}
    assert before == {"ada": ["ada0", "ada1"], "bob": ["bob0", "bob1"]}
    erasing.erase(home, "ada")
    thumbs = {path.name for path in (home.derived / "thumbs").rglob("*") if path.is_file()}
    with home.read() as rows:
        left = set(rows.execute(select(tables.pictures.c.id)).scalars())
        of_person = {
            table.name: set(rows.execute(select(table.c.person_id)).scalars())
            for table in (tables.visits, tables.keys, tables.uploads, tables.errands, tables.holdings, tables.exchanges)
        }
        assert all(people == {"bob"} for people in of_person.values())
        assert set(rows.execute(select(tables.tasks.c.key)).scalars()) == {"t bob"}
        assert set(rows.execute(select(tables.prompts.c.text)).scalars()) == {"of bob"}
        assert set(rows.execute(select(tables.credits.c.drawing_id)).scalars()) == {"bob0", "bob1"}
        assert set(rows.execute(select(tables.vectors.c.thing_id)).scalars()) == left
        assert {person.id for person in persons.listed(rows)} == {"bob", persons.OWNER}
    assert {home.blobs.get(id) for id in home.blobs} == {b"ada shared", b"bob own", b"bob shared"}
    assert thumbs == left == set(home.blobs)  # a file of somebody's is that picture still
    assert [path.name for path in home.uploads.iterdir()] == ["u-bob"]
