"""Steering over HTTP: slates that are told picture by picture, answers before all is drawn, and the way back."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from serving_world import World
from starlette.testclient import TestClient

from palate.catalogue import choices
from palate.specify import executors
from palate.testing.fakes import FakeGenerator

STEER = "/api/v1/steer"


def begun(client: TestClient, prompt: str = "a red circle", **more: Any) -> dict[str, Any]:
    """A conversation whose first slate is drawn."""
    taken = client.post(STEER, json={"prompt": prompt, **more})
    assert taken.status_code == 202, taken.text
    return settled(client, taken.json())


def settled(client: TestClient, conversation: dict[str, Any]) -> dict[str, Any]:
    client.get(f"/api/v1/jobs/{conversation['job']['id']}/events")
    found: dict[str, Any] = client.get(f"{STEER}/{conversation['id']}").json()
    return found


def told(client: TestClient, job: str) -> list[tuple[str, dict[str, Any]]]:
    heard = client.get(f"/api/v1/jobs/{job}/events").text
    blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in heard.strip().split("\n\n")]
    return [(block["event"], json.loads(block["data"])) for block in blocks]


def answered(client: TestClient, conversation: dict[str, Any], **answer: Any) -> dict[str, Any]:
    said = {"turn": conversation["current"], **answer}
    taken = client.post(f"{STEER}/{conversation['id']}/answer", json=said)
    assert taken.status_code == 202, taken.text
    return settled(client, taken.json())


def test_a_slate_is_told_before_its_pictures_and_these_row_by_row(world: World) -> None:
    client = world.owner
    conversation = begun(client, model="m-black")
    assert conversation["model"] == {"id": "m-black", "name": "Black"}
    assert {column["model"]["id"] for column in conversation["turns"][0]["columns"]} == {"m-black"}
    events = [event for event in told(client, conversation["job"]["id"]) if event[0] != "progress"]
    assert [name for name, _ in events] == ["slate", *["picture"] * 16, "done"]
    assert len(events[0][1]["columns"]) == 4
    places = [(said["row"], said["column"]) for _, said in events[1:-1]]
    assert places == [(row, column) for row in range(4) for column in range(4)]
    [turn] = conversation["turns"]
    by_place = {(said["column"], said["row"]): said["id"] for _, said in events[1:-1]}
    assert [[by_place[column, row] for row in range(4)] for column in range(4)] == [
        column["pictures"] for column in turn["columns"]
    ]
    for column in turn["columns"]:
        for picture in column["pictures"]:
            assert client.get(f"/api/v1/media/{picture}").status_code == 200


def test_the_best_model_for_the_words_draws_where_none_is_named(world: World) -> None:
    client = world.owner
    best = client.post("/api/v1/find", json={"prompt": "a red circle", "person": "me"}).json()["ranking"][0]
    taken = client.post(STEER, json={"prompt": "a red circle"}).json()
    assert taken["model"]["id"] == best["id"]


def test_a_picked_column_leads_to_a_slate_of_its_words_and_teaches(world: World) -> None:
    client = world.owner
    first = begun(client)
    second = answered(client, first, column=2, wish="darker")
    assert [turn["number"] for turn in second["turns"]] == [1, 2]
    before, turn = second["turns"]
    assert (before["state"], before["picked"]) == ("picked", 2)
    assert (turn["parent"], turn["via"], turn["wish"], turn["state"]) == (1, 2, "darker", "open")
    assert turn["prompt"] == before["columns"][2]["text"]
    [choice] = client.get("/api/v1/choices").json()["items"]
    assert choice["payload"]["picture"] == before["columns"][2]["pictures"][0]


def test_going_back_begins_a_branch_and_undoing_leads_one_back(world: World) -> None:
    client = world.owner
    one = answered(client, begun(client), column=0)
    back = client.post(f"{STEER}/{one['id']}/back", json={}).json()
    assert (back["current"], back["turns"][0]["state"]) == (1, "open")
    assert client.post(f"{STEER}/{one['id']}/back", json={}).status_code == 409
    other = answered(client, back, column=3)
    assert [(turn["parent"], turn["via"]) for turn in other["turns"]] == [(None, None), (1, 0), (1, 3)]
    again = client.post(f"{STEER}/{one['id']}/back", json={"turn": 2}).json()
    assert (again["current"], again["turns"][0]["picked"]) == (2, 0)
    with world.serving.home.read() as connection:
        standing = choices.standing(choices.of_person(connection, "me"))
    assert [(choice.payload["turn"], choice.payload["column"]) for choice in standing] == [(1, 0)]


def test_columns_of_several_models_name_each_of_them(world: World) -> None:
    client = world.owner
    like = client.get("/api/v1/pictures", params={"model": "m-black"}).json()["items"]
    for picture in like:
        client.post("/api/v1/choices", json={"kind": "like", "payload": {"picture": picture["id"]}})
    conversation = begun(client)
    columns = conversation["turns"][0]["columns"]
    [slate] = [said for name, said in told(client, conversation["job"]["id"]) if name == "slate"]
    assert [column["model"] for column in slate["columns"]] == [column["model"] for column in columns]
    hands = {column["model"]["id"] for column in columns}
    assert len(hands) > 1
    [card] = client.get(STEER).json()["items"]
    assert {model["id"] for model in card["models"]} == hands
    for column in columns:
        for picture in column["pictures"]:
            assert (
                client.get(f"/api/v1/pictures/{picture}").json()["drawings"][0]["credits"][0]["name"]
                == (column["model"]["name"])
            )


def test_nobody_waits_for_the_last_picture_to_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(FakeGenerator):
        def draw(self, orders):  # type: ignore[no-untyped-def]
            time.sleep(0.1)
            return super().draw(orders)

    monkeypatch.setattr(executors, "generator_for", lambda model, *_: Slow(model.name))
    client = world.owner
    taken = client.post(STEER, json={"prompt": "a red circle", "model": "m-white"}).json()
    until_drawn(client, taken["id"], 4)
    after = client.post(f"{STEER}/{taken['id']}/answer", json={"turn": 1, "column": 1}).json()
    assert after["job"]["id"] != taken["job"]["id"]
    done = settled(client, after)
    first, second = done["turns"]
    assert 4 <= sum(len(column["pictures"]) for column in first["columns"]) < 16
    assert (first["state"], first["picked"]) == ("picked", 1)
    assert [len(column["pictures"]) for column in second["columns"]] == [4, 4, 4, 4]
    assert client.get(f"/api/v1/jobs/{taken['job']['id']}").json()["state"] == "cancelled"
    back = client.post(f"{STEER}/{taken['id']}/back", json={}).json()
    rest = settled(client, client.post(f"{STEER}/{back['id']}/draw").json())
    assert [len(column["pictures"]) for column in rest["turns"][0]["columns"]] == [4, 4, 4, 4]


def until_drawn(client: TestClient, id: str, count: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        turns = client.get(f"{STEER}/{id}").json()["turns"]
        if turns and sum(len(column["pictures"]) for column in turns[0]["columns"]) >= count:
            return
        time.sleep(0.02)
    raise AssertionError("nothing was drawn")


def test_a_long_job_makes_way_for_somebody_who_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(FakeGenerator):
        def draw(self, orders):  # type: ignore[no-untyped-def]
            time.sleep(0.02)
            return super().draw(orders)

    monkeypatch.setattr(executors, "generator_for", lambda model, *_: Slow(model.name))
    client = world.owner
    order = {"models": ["m-white"], "prompt": "a red cross", "count": 64}
    long = client.post("/api/v1/draw", json=order).json()["id"]
    begun(client)
    assert client.get(f"/api/v1/jobs/{long}").json()["state"] != "done"
    assert world.wait(client, long)["state"] == "done"


def test_an_answer_that_does_not_fit_is_refused(world: World) -> None:
    client = world.owner
    conversation = begun(client)
    address = f"{STEER}/{conversation['id']}/answer"
    assert client.post(address, json={"turn": 2, "column": 0}).status_code == 409
    assert client.post(address, json={"turn": 1, "column": 4}).status_code == 422
    assert client.post(STEER, json={"prompt": "  "}).status_code == 422
    assert client.post(STEER, json={"prompt": "a", "model": "nobody"}).status_code == 404
    assert client.post(f"{STEER}/{conversation['id']}/back", json={"turn": 9}).status_code == 404


def test_what_a_conversation_draws_is_its_persons_alone(world: World) -> None:
    a, b = world.browser(world.person("A")), world.browser(world.person("B"))
    conversation = begun(a)
    picture = conversation["turns"][0]["columns"][0]["pictures"][0]
    assert a.get(f"/api/v1/pictures/{picture}").json()["mine"] is True
    for other in (b, world.owner):
        assert other.get(f"/api/v1/pictures/{picture}").status_code == 404
        assert other.get(f"{STEER}/{conversation['id']}").status_code == 404
        assert other.get(STEER).json()["total"] == 0
        assert other.get(f"/api/v1/jobs/{conversation['job']['id']}").status_code == 404


def test_a_forgotten_conversation_teaches_nothing(world: World) -> None:
    client = world.owner
    conversation = answered(client, begun(client), column=0)
    assert client.get(STEER).json()["items"][0]["turns"] == 2
    assert client.delete(f"{STEER}/{conversation['id']}").status_code == 204
    assert client.get(f"{STEER}/{conversation['id']}").status_code == 404
    assert client.get("/api/v1/choices").json()["total"] == 0
    assert client.get(STEER).json() == {"items": [], "total": 0}
