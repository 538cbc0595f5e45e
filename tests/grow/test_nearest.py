"""One protocol, four indexes: each finds what looking at every vector finds, and nothing that may not be seen."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine, event, text

from palate.catalogue import outbox, pictures, tables, vectors
from palate.catalogue.database import Database
from palate.catalogue.home import Home, Places
from palate.catalogue.nearest import EVERYBODY, Exact, Graph, Nearest, Vectors
from palate.catalogue.records import Drawing, Picture
from palate.catalogue.vectors import Space
from palate.errors import PalateError
from palate.find.asking import similar
from palate.people import holdings, persons
from palate.settings import Settings

DIM = 16
CANDIDATES = 200
SPACE = Space("clip", "a-clip", DIM, reads_words=True)


def units(count: int, seed: int = 0) -> Vectors:
    rows = np.random.default_rng(seed).standard_normal((count, DIM)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def ids(count: int, begin: int = 0) -> list[str]:
    return [f"{number:032x}" for number in range(begin, begin + count)]


@pytest.fixture(params=["exact", "graph", "qdrant", "postgres"])
def index(request: pytest.FixtureRequest) -> Iterator[Nearest]:
    if request.param == "exact":
        yield Exact()
        return
    if request.param == "graph":
        yield Graph(DIM)
        return
    if request.param == "qdrant":
        pytest.importorskip("qdrant_client")
        from palate.catalogue.nearest_qdrant import QdrantNearest, open_client

        yield QdrantNearest(open_client("qdrant+memory:"), "clip", DIM)
        return
    from palate.catalogue.nearest_postgres import PostgresNearest

    new: Callable[..., str] = request.getfixturevalue("new_postgres")
    database = Database.at(new())
    database.migrate()
    yield PostgresNearest(database, "clip", DIM)
    database.close()


def names(found: list[tuple[str, float]]) -> list[str]:
    return [id for id, _ in found]


def test_it_finds_what_exact_search_finds_and_only_what_may_be_seen(index: Nearest) -> None:
    rows, every = units(300), ids(300)
    chance = random.Random(0)
    owners = [[chance.choice([EVERYBODY, "ada", "bob"])] for _ in every]
    exact = Exact()
    for each in (exact, index):
        each.put(every, rows, owners)
    assert len(index) == 300
    query = units(1, seed=9)[0]
    wanted, found = exact.search(query, 5), index.search(query, 5)
    assert names(found) == names(wanted)
    assert [score for _, score in found] == pytest.approx([score for _, score in wanted], abs=1e-5)
    for seen in ([EVERYBODY], [EVERYBODY, "ada"], ["nobody"]):
        allowed = {id for id, mine in zip(every, owners, strict=True) if set(mine) & set(seen)}
        got = index.search(query, 20, owners=seen)
        assert names(got) == names(exact.search(query, 20, owners=seen))
        assert set(names(got)) <= allowed
        assert len(got) == min(20, len(allowed))


def test_what_is_put_again_is_replaced_and_what_is_removed_is_gone(index: Nearest) -> None:
    rows, every = units(4), ids(4)
    index.put(every, rows, [[EVERYBODY]] * 4)
    index.put(every[:1], -rows[:1], [["ada"]])
    assert len(index) == 4
    assert names(index.search(-rows[0], 1)) == every[:1]
    assert every[0] not in names(index.search(-rows[0], 4, owners=[EVERYBODY]))
    index.remove(every[:2])
    index.remove(every[:2])
    assert len(index) == 2
    assert sorted(names(index.search(rows[0], 4))) == every[2:]


def test_what_is_not_finite_is_refused_as_a_whole(index: Nearest) -> None:
    rows = units(2)
    rows[1, 3] = np.nan
    with pytest.raises(PalateError, match="not finite"):
        index.put(ids(2), rows, [[EVERYBODY]] * 2)
    assert len(index) == 0


def test_a_graph_goes_further_out_where_most_may_not_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Graph, "FEW", 0)
    graph, exact = Graph(DIM), Exact()
    rows, every = units(500), ids(500)
    for each in (graph, exact):
        each.put(every, rows, [["ada"] if number % 50 == 0 else ["bob"] for number in range(500)])
    assert names(graph.search(rows[1], 5, owners=["ada"])) == names(exact.search(rows[1], 5, owners=["ada"]))


def test_an_index_that_is_there_is_opened_as_it_was(index: Nearest) -> None:
    if isinstance(index, (Exact, Graph)):
        return  # these live as long as their process
    index.put(ids(2), units(2), [[EVERYBODY]] * 2)
    index.put([], units(0), [])
    again = type(index)(index._client if hasattr(index, "_client") else index._database, "clip", DIM)  # type: ignore[attr-defined, call-arg]
    assert len(again) == 2
    assert names(again.search(units(2)[1], 1)) == ids(2)[1:]


def test_a_space_too_wide_for_a_graph_is_looked_at_row_by_row(new_postgres: Callable[..., str]) -> None:
    from palate.catalogue.nearest_postgres import WIDEST, PostgresNearest

    with closing(Database.at(new_postgres())) as database:
        database.migrate()
        wide = PostgresNearest(database, "wide", WIDEST + 1)
        rows = np.eye(3, WIDEST + 1, dtype=np.float32)
        wide.put(ids(3), rows, [[EVERYBODY]] * 3)
        assert wide.search(rows[2], 1) == [(ids(3)[2], 1.0)]
        narrow = PostgresNearest(database, "narrow", DIM)
        with database.read() as connection:
            made = connection.execute(text("SELECT tablename FROM pg_indexes WHERE indexdef LIKE '%USING hnsw%'"))
            assert list(made.scalars()) == [narrow._table]


def test_a_postgres_without_the_extension_is_told_so(
    new_postgres: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from palate.catalogue import nearest_postgres

    monkeypatch.setattr(nearest_postgres, "EXTENSION", "no_such_extension")
    with closing(Database.at(new_postgres())) as database:
        database.migrate()
        with pytest.raises(PalateError, match="no extension") as caught:
            nearest_postgres.PostgresNearest(database, "clip", DIM)
    assert caught.value.code == "index_unavailable"


class Served:
    """A Qdrant that is a server's, as far as its making is asked about."""

    _client = object()

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []

    def collection_exists(self, name: str) -> bool:
        return any(what == "collection" and known == name for what, known, *_ in self.made)

    def create_collection(self, name: str, *, vectors_config: Any) -> None:
        self.made.append(("collection", name, vectors_config.size, vectors_config.distance.value))

    def create_payload_index(self, name: str, field: str, kind: Any) -> None:
        self.made.append(("filter", name, field, kind.value))

    def upsert(self, name: str, points: list[Any], *, wait: bool) -> None:
        self.made.append(("points", name, len(points), wait))

    def delete(self, name: str, chosen: Any, *, wait: bool) -> None:
        self.made.append(("gone", name, len(chosen.points), wait))

    def count(self, name: str, *, exact: bool) -> Any:
        self.made.append(("counted", name, exact))
        return SimpleNamespace(count=7)

    def query_points(self, name: str, asked: list[float], *, query_filter: Any, limit: int, search_params: Any) -> Any:
        self.made.append(("asked", name, limit, search_params.hnsw_ef))
        return SimpleNamespace(points=[])


def test_a_qdrant_that_is_a_server_has_what_it_was_given_before_it_is_asked() -> None:
    """It answers once it holds them, five hundred at a time; its count is no estimate; a search weighs many."""
    pytest.importorskip("qdrant_client")
    from palate.catalogue.nearest_qdrant import QdrantNearest

    client = Served()
    index = QdrantNearest(client, "clip", DIM)
    client.made.clear()
    index.put(ids(501), units(501), [[EVERYBODY]] * 501)
    index.remove(ids(2))
    assert len(index) == 7
    for top in (3, 1000):
        assert index.search(units(1)[0], top) == []
    assert [(what, *how) for what, _, *how in client.made] == [
        ("points", 500, True),
        ("points", 1, True),
        ("gone", 2, True),
        ("counted", True),
        ("asked", 3, CANDIDATES),
        ("asked", 1000, 1000),
    ]


def test_a_postgres_weighs_many_and_goes_on_until_enough_may_be_seen(new_postgres: Callable[..., str]) -> None:
    from palate.catalogue.nearest_postgres import PostgresNearest

    said: list[str] = []
    database = Database.at(new_postgres())
    database.migrate()
    with closing(database):
        index = PostgresNearest(database, "clip", DIM)
        index.put(ids(3), units(3), [[EVERYBODY]] * 3)

        def notice(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            said.append(statement)

        event.listen(Engine, "before_cursor_execute", notice)
        for top in (2, 500, 5000):
            assert len(index.search(units(1)[0], top)) == min(top, 3)
        event.remove(Engine, "before_cursor_execute", notice)
    how = [statement.split("hnsw.")[1] for statement in said if "hnsw." in statement]
    strict = "iterative_scan = strict_order"
    assert how == [f"ef_search = {CANDIDATES}", strict, "ef_search = 500", strict, "ef_search = 1000", strict]


def test_so_few_of_one_owner_are_looked_at_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit as well: by the graph the two that are not seen could come first."""
    monkeypatch.setattr(Graph, "FEW", 3)
    index = Graph(DIM)
    rows = units(5)
    index.put(ids(5), rows, [["ada"]] * 3 + [["bob"]] * 2)
    monkeypatch.setattr(Graph, "_nearest", lambda *_: pytest.fail("asked the graph"))
    assert len(index.search(rows[4], 2, owners=["ada"])) == 2


def test_a_qdrant_that_is_a_server_is_asked_once_for_a_filter_by_owner() -> None:
    pytest.importorskip("qdrant_client")
    from palate.catalogue.nearest_qdrant import QdrantNearest

    client = Served()
    for _ in range(2):
        QdrantNearest(client, "clip", DIM)
    [(_, name, *how), made] = client.made
    assert (how, made) == ([DIM, "Dot"], ("filter", name, "owners", "keyword"))


@pytest.mark.parametrize(
    ("place", "address"),
    [("qdrant://some.host:6333", "http://some.host:6333"), ("qdrants://some.host", "https://some.host")],
)
def test_a_qdrant_is_reached_where_its_address_says(place: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client = pytest.importorskip("qdrant_client")
    from palate.catalogue.nearest_qdrant import open_client

    monkeypatch.setattr(client, "QdrantClient", lambda *where, **who: (where, who))
    monkeypatch.setenv("QDRANT_API_KEY", "a-key")
    assert open_client(place) == ((address,), {"api_key": "a-key"})


def test_a_qdrant_without_its_client_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from palate.catalogue.nearest_qdrant import open_client

    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(PalateError, match="qdrant-client") as caught:
        open_client("qdrant://host:6333")
    assert caught.value.code == "not_installed"


# -- fed from the outbox -----------------------------------------------------------------------------------------


@pytest.fixture(params=["here", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made = (
        Database.embedded(tmp_path / "rows.db")
        if request.param == "here"
        else Database.at(request.getfixturevalue("new_postgres")())
    )
    made.migrate()
    yield made
    made.close()


def put(database: Database, every: list[str], rows: Vectors) -> None:
    with database.write() as connection:
        vectors.put_space(connection, SPACE)
        pictures.put(connection, [Picture(id) for id in every])
        vectors.put(connection, SPACE, "picture", every, rows)


def test_an_index_is_told_of_what_was_there_what_changes_and_what_goes(database: Database) -> None:
    every, rows = ids(6), units(6)
    put(database, every[:3], rows[:3])
    outbox.begin(database)
    outbox.begin(database)
    index = Exact()
    assert outbox.feed(database, SPACE, index) == 3
    put(database, every[3:], rows[3:])
    with database.write() as connection:
        vectors.put(connection, SPACE, "picture", every[:1], -rows[:1])
        connection.execute(tables.vectors.delete().where(tables.vectors.c.thing_id == every[1]))
    assert len(index) == 3  # it lags
    outbox.feed(database, SPACE, index)
    assert len(index) == 5
    assert names(index.search(-rows[0], 1)) == every[:1]
    with database.read() as connection:
        assert outbox.waiting(connection) == 0


def test_an_index_is_told_of_so_many_lines_and_the_rest_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.begin(database)
    put(database, ids(5), units(5))
    monkeypatch.setattr(outbox, "LINES", 2)
    index = Exact()
    assert outbox.feed(database, SPACE, index, lines=3) == 4  # a line more than asked for, to the end of its part
    assert sorted(names(index.search(units(5)[0], 5))) == ids(4)
    assert outbox.feed(database, SPACE, index, lines=3) == 1
    assert len(index) == 5
    assert outbox.feed(database, SPACE, index, lines=3) == 0


def test_what_was_not_committed_is_never_told(database: Database) -> None:
    outbox.begin(database)
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        vectors.put_space(connection, SPACE)
        vectors.put(connection, SPACE, "picture", ids(1), units(1))
        raise ZeroDivisionError
    index = Exact()
    assert outbox.feed(database, SPACE, index) == 0
    assert len(index) == 0


def test_killed_between_telling_and_noting_it_tells_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox.begin(database)
    put(database, ids(3), units(3))
    index = Exact()

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_forget", killed)
        with pytest.raises(KeyboardInterrupt):
            outbox.feed(database, SPACE, index)
    assert outbox.feed(database, SPACE, index) == 3
    assert len(index) == 3


def test_whose_a_picture_is_stands_beside_its_vector(tmp_path: Path) -> None:
    database = Database.embedded(tmp_path / "rows.db")
    database.migrate()
    own, shared, both = ids(3)
    put(database, [own, shared, both], units(3))
    with database.write() as connection:
        persons.make(connection, "ada", "member", None, id="ada")
        for name, picture in (("d1", own), ("d2", both), ("d3", both), ("d4", shared)):
            pictures.put_drawings(connection, [Drawing(name, picture, "drawn", ())])
        holdings.hold(connection, "ada", "e", ["d1", "d2"])
    with database.read() as connection:
        assert outbox.owners_of(connection, [own, shared, both]) == [["ada"], [EVERYBODY], [EVERYBODY, "ada"]]
    database.close()


def test_similar_asks_the_index_and_answers_as_without_it(tmp_path: Path) -> None:
    pytest.importorskip("qdrant_client")
    every, rows = ids(40), units(40)
    answers = []
    for place in ("here", f"qdrant+file://{tmp_path}/points"):
        with closing(Home.create(tmp_path / "home", Places(index=place))) as home:
            put(home.database, every, rows)
            found = similar(home, Settings(encoder="a-clip"), pytest.fail, every[0], 5)
            answers.append([(row.id, pytest.approx(row.score, abs=1e-6)) for row in found.rows])
    assert len(answers[0]) == 5
    assert answers[1] == answers[0]


def test_an_index_in_the_homes_own_postgres_is_asked_again_without_being_made_again(
    new_postgres: Callable[..., str], tmp_path: Path
) -> None:
    with closing(Home.create(tmp_path / "home", Places(new_postgres(), index="pgvector"))) as home:
        put(home.database, ids(3), units(3))
        index = home.nearest(SPACE)
        assert index is home.nearest(SPACE)
        assert index is not None
        assert names(index.search(units(3)[1], 1)) == ids(3)[1:2]


def test_an_index_that_is_none_is_refused(tmp_path: Path) -> None:
    home = Home.create(tmp_path / "home", Places(index="pgvector"))
    with closing(home), pytest.raises(PalateError, match="with rows in Postgres"):
        home.nearest(SPACE)
