"""The whole service, rows in Postgres and pictures in an object store: one visit from signing in to being forgotten."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pytest
from serving_world import World
from starlette.testclient import TestClient

from palate.testing.shapes import draw_shape

API = "/api/v1"


@pytest.fixture
def world(world_in_postgres: World) -> World:
    assert world_in_postgres.serving.home.database.shared
    return world_in_postgres


def signed_in(world: World, **said: str) -> TestClient:
    client = world.visitor()
    entered = client.post(f"{API}/session", json=said)
    assert entered.status_code == 200, entered.text
    client.headers["X-CSRF-Token"] = entered.json()["csrf"]
    return client


def ok(answer: Any) -> Any:
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


def png(shape: str, colour: str) -> bytes:
    file = io.BytesIO()
    draw_shape(shape, colour).save(file, "PNG")
    return file.getvalue()


def steered(client: TestClient) -> list[str]:
    """A turn drawn, answered, and the next one drawn; the pictures of the first."""
    begun = ok(client.post(f"{API}/steer", json={"prompt": "a red circle"}))
    client.get(f"{API}/jobs/{begun['job']['id']}/events")
    answer = ok(client.post(f"{API}/steer/{begun['id']}/answer", json={"turn": 1, "column": 2, "wish": "darker"}))
    client.get(f"{API}/jobs/{answer['job']['id']}/events")
    seen = ok(client.get(f"{API}/steer/{begun['id']}"))
    assert [turn["state"] for turn in seen["turns"]] == ["picked", "open"]
    assert ok(client.get(f"{API}/taste"))["learned_from"] >= 1
    return [picture for column in seen["turns"][0]["columns"] for picture in column["pictures"]]


def test_a_visit_from_signing_in_to_being_forgotten(world: World) -> None:
    owner = signed_in(world, token=world.serving.offer_token())
    ada_id = ok(owner.post(f"{API}/people", json={"name": "ada", "role": "member", "password": "a long pass phrase"}))[
        "id"
    ]
    ada = signed_in(world, name="ada", password="a long pass phrase")

    found = ok(ada.post(f"{API}/find", json={"prompt": "a red circle"}))
    assert [row["id"] for row in found["ranking"]]
    shown = ok(ada.post(f"{API}/uploads", files={"file": ("a.png", png("circle", "red"), "image/png")}))
    same = ok(ada.post(f"{API}/identify", json={"pictures": [shown["id"]]}))
    assert same["ranking"][0]["id"] == "m-white"
    wall = ok(ada.get(f"{API}/pictures"))["items"]
    picture = wall[0]["id"]
    assert ada.get(f"{API}/media/{picture}").headers["content-type"].startswith("image/")
    assert ok(ada.get(f"{API}/pictures/{picture}/similar"))["items"]
    ok(ada.post(f"{API}/choices", json={"kind": "like", "payload": {"picture": picture}}))
    assert ok(ada.get(f"{API}/recommend"))

    own = world.draw(ada, "a blue square")
    assert own["state"] == "done"
    drawn = steered(ada)
    assert ada.get(f"{API}/media/{drawn[0]}").status_code == 200
    assert owner.get(f"{API}/media/{drawn[0]}").status_code == 404  # which is hers alone
    assert ok(ada.post(f"{API}/converse", json={"said": "a red circle please"}))["exchange"]["models"]
    assert ok(ada.get(f"{API}/converse"))["total"] == 1

    key = ok(ada.post(f"{API}/keys", json={"name": "program", "scopes": ["read"]}))["key"]
    assert ok(world.with_key(key).get(f"{API}/models"))["total"] == 3
    with zipfile.ZipFile(io.BytesIO(ada.get(f"{API}/me/export").content)) as parts:
        assert b"a red circle" in parts.read("conversations.json")
        assert sum(name.endswith(".png") for name in parts.namelist()) > 16
    assert ada.delete(f"{API}/me").status_code == 204
    assert ada.get(f"{API}/choices").status_code == 401
    assert world.with_key(key).get(f"{API}/models").status_code == 401
    assert ada_id not in [person["id"] for person in ok(owner.get(f"{API}/people"))["items"]]
    assert len(ok(owner.get(f"{API}/pictures"))["items"]) == len(wall)
