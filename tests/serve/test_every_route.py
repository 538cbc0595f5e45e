"""Every route of the OpenAPI file, asked by seven principals; a route without a row fails (THREATS T11)."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from serving_world import World
from starlette.testclient import TestClient

from palate.catalogue import conversations
from palate.catalogue.conversations import Turn
from palate.people import entering, holdings
from palate.people.gate import ACTIONS, Principal
from palate.serve.openapi import text
from palate.serve.shapes import Refusal
from palate.steer.steering import begin
from palate.testing.outputs import png

PRINCIPALS = ("anonymous", "A", "B", "owner", "revoked", "expired", "wrong scope")
OUT = 401
"""What anonymous, revoked and expired principals are told."""


@dataclass(frozen=True)
class Row:
    """A request about something of A's, where the route is about something of somebody's."""

    a: int
    b: int
    owner: int
    body: Any = None
    needs: str = "read"
    open: bool = False
    """Asked before anybody is signed in."""
    query: str = ""
    wrong_scope: int = 403


FIND = {"prompt": "a red circle"}
DRAW = {"models": ["m-white"], "prompt": "a red cross"}
ROWS: dict[str, Row] = {
    "POST /api/v1/session": Row(422, 422, 422, {}, open=True),
    "GET /api/v1/session": Row(200, 200, 200),
    "DELETE /api/v1/session": Row(204, 204, 204),
    "GET /api/v1/people": Row(403, 403, 200, needs="admin"),
    "POST /api/v1/people": Row(403, 403, 201, {"name": "C", "password": "long enough"}, "admin"),
    "PATCH /api/v1/people/{id}": Row(403, 403, 404, {"role": "guest"}, "admin"),
    "DELETE /api/v1/people/{id}": Row(403, 403, 404, None, "admin"),
    "GET /api/v1/keys": Row(200, 200, 200),
    "POST /api/v1/keys": Row(201, 201, 201, {"name": "another", "scopes": ["read"]}),
    "DELETE /api/v1/keys/{id}": Row(204, 404, 404),
    "GET /api/v1/me/export": Row(200, 200, 200),
    "DELETE /api/v1/me": Row(204, 204, 204),
    "GET /api/v1/models": Row(200, 200, 200),
    "GET /api/v1/models/{id}": Row(200, 200, 200),
    "GET /api/v1/bases": Row(200, 200, 200),
    "GET /api/v1/prompts": Row(200, 200, 200),
    "GET /api/v1/tags": Row(200, 200, 200),
    "GET /api/v1/pictures": Row(200, 200, 200),
    "GET /api/v1/pictures/histogram": Row(200, 200, 200),
    "GET /api/v1/pictures/{id}": Row(200, 404, 404),
    "GET /api/v1/pictures/{id}/similar": Row(200, 404, 404),
    "GET /api/v1/map": Row(200, 200, 200),
    "GET /api/v1/media/{id}": Row(200, 404, 404),
    "POST /api/v1/find": Row(200, 200, 200, FIND),
    "POST /api/v1/identify": Row(200, 404, 404, {"pictures": ["{picture}"]}),
    "POST /api/v1/uploads": Row(201, 201, 201, "file"),
    "POST /api/v1/choices": Row(201, 404, 404, {"kind": "like", "payload": {"picture": "{picture}"}}, "choose"),
    "GET /api/v1/choices": Row(200, 200, 200),
    "GET /api/v1/weights": Row(200, 200, 200),
    "POST /api/v1/weights/learn": Row(422, 422, 422, {}, "choose"),
    "POST /api/v1/draw": Row(202, 202, 202, DRAW, "draw"),
    "GET /api/v1/jobs": Row(200, 200, 200),
    "GET /api/v1/jobs/{id}": Row(200, 404, 404),
    "GET /api/v1/jobs/{id}/events": Row(200, 404, 404),
    "POST /api/v1/jobs/{id}/pause": Row(409, 404, 404, None, "draw"),
    "POST /api/v1/jobs/{id}/resume": Row(409, 404, 404, None, "draw"),
    "POST /api/v1/jobs/{id}/cancel": Row(409, 404, 404, None, "draw"),
    "POST /api/v1/steer": Row(202, 202, 202, {"prompt": "a red circle", "model": "m-white"}, "draw"),
    "GET /api/v1/steer": Row(200, 200, 200),
    "GET /api/v1/steer/{id}": Row(200, 404, 404),
    "POST /api/v1/steer/{id}/answer": Row(202, 404, 404, {"turn": 1, "column": 0}, "draw"),
    "POST /api/v1/steer/{id}/back": Row(200, 404, 404, {"turn": 1}, "choose"),
    "POST /api/v1/steer/{id}/draw": Row(202, 404, 404, None, "draw"),
    "DELETE /api/v1/steer/{id}": Row(204, 404, 404, None, "choose"),
    "GET /api/v1/taste": Row(200, 200, 200),
    "PATCH /api/v1/taste": Row(200, 200, 200, {"more": ["ink"]}, "choose"),
    "POST /api/v1/taste/pause": Row(200, 200, 200, None, "choose"),
    "POST /api/v1/taste/resume": Row(200, 200, 200, None, "choose"),
    "POST /api/v1/taste/reset": Row(200, 200, 200, None, "choose"),
    "GET /api/v1/recommend": Row(200, 200, 200),
    "POST /api/v1/converse": Row(200, 200, 200, {"said": "a red circle"}),
    "GET /api/v1/converse": Row(200, 200, 200),
    "GET /api/v1/converse/{id}": Row(200, 404, 404),
    "DELETE /api/v1/converse/{id}": Row(204, 404, 404),
    "POST /api/v1/personalise": Row(202, 202, 202, {"count": 1}, "draw"),
    "POST /api/v1/imports": Row(403, 403, 422, {"folder": "/nowhere", "kind": "models"}, "admin"),
    "POST /api/v1/specify": Row(403, 403, 404, {"models": ["nobody"]}, "admin"),
    "GET /api/v1/reports": Row(403, 403, 200, needs="admin"),
    "GET /api/v1/audit": Row(403, 403, 200, needs="admin"),
    "GET /api/v1/settings": Row(403, 403, 200, needs="admin"),
    "GET /v1/models": Row(200, 200, 200),
    "POST /v1/images/generations": Row(404, 404, 404, {"prompt": "a red circle", "model": "nobody"}, "draw"),
    "POST /v1/images/edits": Row(404, 404, 404, "picture", "draw"),
    "POST /mcp": Row(200, 200, 200, {"jsonrpc": "2.0", "id": 1, "method": "ping"}),
    "GET /metrics": Row(403, 403, 200, needs="admin"),
}
OPERATIONS = sorted(
    f"{method.upper()} {path}" for path, methods in json.loads(text())["paths"].items() for method in methods
)


class People:
    """Two members, the owner, and what A has."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.keys: dict[tuple[str, tuple[str, ...], bool], str] = {}
        self.a, self.b = world.person("A"), world.person("B")
        a = world.browser(self.a)
        job = world.draw(a, "a red circle")
        self.things = {"job": job["id"], "picture": job["pictures"][0]}

    def fresh_key(self) -> str:
        """The id of a key of A's that is there; those before it are gone."""
        with self.world.serving.home.write() as connection:
            for key in entering.keys_of(connection, self.a):
                if key.name == "a key" and key.scopes == ("read", "choose"):
                    entering.revoke_key(connection, key.id, self.a)
        self.world.key(self.a, "read", "choose")
        with self.world.serving.home.read() as connection:
            return entering.keys_of(connection, self.a)[-1].id

    def fresh_talk(self) -> str:
        return self.world.serving.talks.begin(Principal(self.a, "A", "member", frozenset(ACTIONS), "here"))

    def fresh_conversation(self) -> str:
        """Of A's, with a slate that waits for an answer and was not drawn."""
        home = self.world.serving.home
        conversation = begin(home, self.a, "a red circle", model_id="m-white")
        slate = tuple(conversations.Candidate(f"a {one} circle", one, 0, 1, place) for place, one in enumerate("rgby"))
        with home.write() as connection:
            conversations.put_turn(connection, conversation.id, Turn(1, "a red circle", "", "offline", None, slate))
            conversations.set_current(connection, conversation.id, 1)
        return conversation.id

    def client(self, principal: str, needs: str) -> TestClient:
        world = self.world
        if principal == "anonymous":
            return world.visitor()
        if principal in ("A", "B", "owner"):
            return world.browser({"A": self.a, "B": self.b, "owner": "me"}[principal])
        if principal == "revoked":
            client = world.browser(self.a)
            client.delete("/api/v1/session")
            cookie = client.cookies.get(world.serving.cookie)
            return world.visitor(cookie, client.headers["X-CSRF-Token"])
        if principal == "expired":
            return world.with_key(self.key(self.a, "read", "draw", "choose", expired=True))
        other = {"read": "choose", "draw": "read", "choose": "read", "admin": "read"}[needs]
        return world.with_key(self.key("me" if needs == "admin" else self.a, other))

    def key(self, person: str, *scopes: str, expired: bool = False) -> str:
        """Made once, as a person has a limited number of them."""
        if (person, scopes, expired) not in self.keys:
            self.keys[person, scopes, expired] = self.world.key(person, *scopes, expired=expired)
        return self.keys[person, scopes, expired]


@pytest.fixture(scope="module")
def people(built_home: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("routes") / "home"
    shutil.copytree(built_home, folder)
    with World(folder) as world:
        yield People(world)


def ask(people: People, client: TestClient, operation: str) -> Any:
    row, (method, path) = ROWS[operation], operation.split(" ")
    thing = "nobody"
    if "{id}" in path:
        kind = path.split("/")[3]
        thing = {
            "jobs": people.things["job"],
            "pictures": people.things["picture"],
            "media": people.things["picture"],
            "models": "m-white",
            "keys": people.fresh_key() if kind == "keys" else "",
            "converse": people.fresh_talk() if kind == "converse" else "",
            "steer": people.fresh_conversation() if kind == "steer" else "",
        }.get(kind, "nobody")
    if row.body == "file":
        return client.post(path, files={"file": ("a.png", png(), "image/png")})
    if row.body == "picture":
        form = {"prompt": "a red circle", "model": "nobody"}
        return client.post(path, data=form, files={"image": ("a.png", png(), "image/png")})
    body = json.loads(json.dumps(row.body).replace("{picture}", people.things["picture"]))
    return client.request(method, path.replace("{id}", thing), json=body)


def test_every_route_has_a_row() -> None:
    assert len(OPERATIONS) >= 40
    assert set(OPERATIONS) == set(ROWS)


@pytest.mark.parametrize("principal", PRINCIPALS)
@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "DELETE /api/v1/me"])
def test_a_route_answers_each_principal_as_its_row_says(people: People, operation: str, principal: str) -> None:
    row = ROWS[operation]
    client = people.client(principal, row.needs)
    answer = ask(people, client, operation)
    if row.open:
        expected = row.a
    elif principal in ("A", "B", "owner"):
        expected = {"A": row.a, "B": row.b, "owner": row.owner}[principal]
    else:
        expected = row.wrong_scope if principal == "wrong scope" else OUT
    assert answer.status_code == expected, answer.text
    if answer.status_code >= 400 and operation.split(" ")[1].startswith("/api"):
        Refusal.model_validate(answer.json())


@pytest.mark.parametrize("principal", ["anonymous", "revoked", "expired", "wrong scope"])
def test_nobody_but_oneself_is_forgotten(people: People, principal: str) -> None:
    client = people.client(principal, "read")
    assert client.delete("/api/v1/me").status_code in (401, 403)
    assert people.world.browser(people.a).get("/api/v1/session").status_code == 200


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.long)])
def test_random_ids_read_nothing_of_others(people: People, count: int) -> None:
    client = people.client("B", "read")
    random_ids = random.Random(7)
    with people.world.serving.home.read() as connection:
        for _ in range(count):
            assert not holdings.may_see(connection, people.b, f"{random_ids.getrandbits(128):032x}")
    theirs = people.things["picture"]
    for address in (
        f"/media/{theirs}",
        f"/pictures/{theirs}",
        f"/pictures/{theirs}/similar",
        f"/jobs/{theirs}",
        f"/steer/{theirs}",
    ):
        nobody = client.get(f"/api/v1{address.replace(theirs, '0' * 32)}")
        somebody = client.get(f"/api/v1{address}")
        assert somebody.status_code == nobody.status_code == 404
        assert somebody.json() == nobody.json()
