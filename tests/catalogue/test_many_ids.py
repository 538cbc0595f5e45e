"""More ids than one statement takes: what is asked in parts is answered whole, each once and in its order."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, event, func, select

from palate.catalogue import models, outbox, pictures, tables, vectors
from palate.catalogue.database import in_parts
from palate.catalogue.home import Home
from palate.catalogue.nearest import EVERYBODY, Exact
from palate.catalogue.records import Credit, Drawing, Model, Picture, Prompt
from palate.catalogue.vectors import Space
from palate.jobs import tasks
from palate.jobs.tasks import Task
from palate.people import erasing, holdings, persons

MANY = 1850
SPACE = Space("clip", "a-clip", 2, reads_words=True)


def ids(letter: str) -> list[str]:
    return [f"{letter}{number:04}" for number in range(MANY)]


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every model drew one picture, of words of its own; every picture has a vector."""
    folder = tmp_path_factory.mktemp("many") / "home"
    with closing(Home.create(folder)) as made:
        outbox.begin(made.database)
        with made.write() as rows:
            persons.ensure_owner(rows)
            persons.make(rows, "ada", "member", None, id="ada")
            models.put(rows, [Model(id, id, "listed", f"/{id}") for id in ids("m")])
            pictures.put(rows, [Picture(id) for id in ids("p")])
            drawn = [
                Drawing(drawing, picture, "drawn", (Credit(model, "adapter", model_id=model),), Prompt(f"of {picture}"))
                for drawing, picture, model in zip(ids("d"), ids("p"), ids("m"), strict=True)
            ]
            pictures.put_drawings(rows, drawn)
            vectors.put_space(rows, SPACE)
            angles = np.linspace(0, 1, MANY)
            vectors.put(rows, SPACE, "picture", ids("p"), np.column_stack([np.cos(angles), np.sin(angles)]))
    return folder


@pytest.fixture
def home(made_once: Path, tmp_path: Path) -> Iterator[Home]:
    shutil.copytree(made_once, tmp_path / "home")
    with closing(Home.open(tmp_path / "home")) as opened:
        yield opened


@pytest.fixture
def rows(home: Home) -> Iterator[Connection]:
    with home.read() as connection:
        yield connection


@contextmanager
def named(rows: Connection) -> Iterator[list[int]]:
    """How many values each statement was given."""
    found: list[int] = []

    def notice(_connection: object, _cursor: object, _said: str, given: tuple[object, ...], *_: object) -> None:
        found.append(len(given))

    event.listen(rows, "before_cursor_execute", notice)
    yield found
    event.remove(rows, "before_cursor_execute", notice)


def test_a_statement_names_nine_hundred(rows: Connection) -> None:
    assert [len(some) for some in in_parts(ids("m"))] == [900, 900, 50]
    assert [len(some) for some in in_parts(ids("m")[:900])] == [900]
    with named(rows) as given:
        models.listed(rows, ids("m"))
        pictures.of_drawings(rows, ids("d"))
    assert given == [900, 900, 50] * 2


def test_models_and_their_evidence(rows: Connection) -> None:
    assert [model.id for model in models.listed(rows, ids("m"))] == ids("m")
    found = pictures.evidence(rows, ids("m"))
    assert [(one.model_id, one.picture_id) for one in found] == list(zip(ids("m"), ids("p"), strict=True))
    assert pictures.models_of(rows, ids("p")) == set(ids("m"))
    assert pictures.of_drawings(rows, ids("d")) == dict(zip(ids("d"), ids("p"), strict=True))


def test_vectors_in_the_order_asked(rows: Connection) -> None:
    backwards = ids("p")[::-1]
    found, array = vectors.load(rows, SPACE, "picture", backwards)
    assert found == backwards
    assert array[:, 1] == pytest.approx(np.sin(np.linspace(1, 0, MANY)), abs=1e-6)
    assert outbox.owners_of(rows, ids("p")) == [[EVERYBODY]] * MANY


def test_an_index_is_told_each_change_once(home: Home) -> None:
    index = Exact()
    assert outbox.feed(home.database, SPACE, index) == MANY
    assert len(index) == MANY
    with home.read() as rows:
        assert outbox.waiting(rows) == 0


def test_a_plan_takes_over_what_another_job_left(home: Home) -> None:
    work = [Task(f"t{number:04}", "g", {}) for number in range(MANY)]
    with home.write() as rows:
        first = tasks.plan(rows, "draw", {"n": 1}, work)
        [begun] = tasks.claim(rows, first, "w", 1)
        tasks.complete(rows, begun, "w")
        second = tasks.plan(rows, "draw", {"n": 2}, work)
        assert tasks.states(rows, first) == {"done": 1}
        assert tasks.states(rows, second) == {"planned": MANY - 1}
        positions = select(tables.tasks.c.position).order_by(tables.tasks.c.position)
        assert list(rows.execute(positions).scalars()) == list(range(MANY))
        assert [task.key for task in tasks.claim(rows, second, "w", 3)] == ["t0001", "t0002", "t0003"]


def test_who_drew_so_much_leaves_nothing_behind(home: Home) -> None:
    with home.write() as rows:
        holdings.hold(rows, "ada", "e", ids("d"))
        tasks.plan(rows, "draw", {"errand": "e"}, [Task("of ada", "g", {})])
        tasks.plan(rows, "draw", {"errand": "another"}, [Task("of the owner", "g", {})])
    erasing.erase(home, "ada")
    left = (tables.pictures, tables.drawings, tables.credits, tables.prompts, tables.vectors, tables.holdings)
    with home.read() as rows:
        counts = [rows.execute(select(func.count()).select_from(table)).scalar_one() for table in left]
        assert counts == [0] * len(left)
        keys = select(tables.tasks.c.key).where(tables.tasks.c.key.like("of %"))
        assert list(rows.execute(keys).scalars()) == ["of the owner"]
        assert len(models.listed(rows)) == MANY
