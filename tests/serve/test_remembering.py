"""What was read is kept only until it may be otherwise: a sign-in, the weights, what was chosen."""

from __future__ import annotations

from pathlib import Path

import pytest
from serving_world import World
from sqlalchemy import text

from palate.catalogue.database import Database
from palate.people.gate import ACTIONS
from palate.serve.remembering import SECONDS, Remembered


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.embedded(tmp_path / "one.db")


def test_an_answer_is_kept_until_something_is_written(database: Database) -> None:
    asked: list[int] = []
    remembered = Remembered(database, clock=lambda: 0.0)

    def ask() -> int:
        asked.append(len(asked) + 1)
        return asked[-1]

    assert [remembered.get("one", "name", ask=ask) for _ in range(3)] == [1, 1, 1]
    assert remembered.known("one", "other") is None
    with database.write() as connection:
        connection.execute(text("CREATE TABLE one (two INTEGER)"))
    assert remembered.known("one", "name") is None
    assert remembered.get("one", "name", ask=ask) == 2


def test_an_answer_that_a_write_overtook_is_not_kept(database: Database) -> None:
    remembered = Remembered(database, clock=lambda: 0.0)

    def overtaken() -> int:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE IF NOT EXISTS one (two INTEGER)"))
        return 1

    assert remembered.get("one", ask=overtaken) == 1
    assert remembered.known("one") is None


def test_what_drawing_writes_changes_nothing_that_is_known_of_people(world: World) -> None:
    database, client = world.serving.home.database, world.owner
    before = database.written
    job = world.draw(client, "a red circle", count=2)
    assert job["done"] == 2
    assert database.written == before
    with database.write() as connection:
        connection.execute(text("UPDATE tasks SET state = state"))
        connection.execute(text("DELETE FROM outbox"))
    assert database.written == before
    with database.write() as connection:
        connection.execute(text("UPDATE tasks SET state = state"))
        connection.execute(text("DELETE FROM visits WHERE id = 'nobody'"))
    assert database.written == before + 1
    assert client.post("/api/v1/find", json={"prompt": "a red circle"}).status_code == 200


def test_nothing_is_kept_for_long_and_nothing_is_no_answer(database: Database) -> None:
    at = [0.0]
    remembered = Remembered(database, clock=lambda: at[0])
    assert remembered.get("nobody", ask=lambda: None) is None
    assert remembered.get("nobody", ask=lambda: "somebody") == "somebody"
    at[0] = SECONDS + 0.01
    assert remembered.get("nobody", ask=lambda: "another") == "another"


def test_a_key_that_is_revoked_opens_nothing_from_that_moment_on(world: World) -> None:
    written = world.key("me", *ACTIONS)
    client, owner = world.with_key(written), world.owner
    for _ in range(5):
        assert client.get("/api/v1/weights").status_code == 200
    for key in owner.get("/api/v1/keys").json()["items"]:
        assert owner.delete(f"/api/v1/keys/{key['id']}").status_code == 204
    assert client.get("/api/v1/weights").status_code == 401
    assert owner.get("/api/v1/weights").status_code == 200


def test_whoever_signed_out_is_out_at_once_and_a_forged_page_is_not_let_in_by_memory(world: World) -> None:
    client = world.owner
    for _ in range(3):
        assert client.get("/api/v1/weights").status_code == 200
    forged = world.visitor(client.cookies[world.serving.cookie], "another value")
    assert forged.delete("/api/v1/session").status_code == 403
    assert forged.post("/api/v1/find", json={"prompt": "a red circle"}).status_code == 403
    assert client.delete("/api/v1/session").status_code in (200, 204)
    assert client.get("/api/v1/weights").status_code == 401
