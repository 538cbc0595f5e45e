"""Talking over HTTP: answers with what they rest on, drawing as a job, and each talk its person's alone."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from serving_world import World
from sqlalchemy import select
from starlette.testclient import TestClient

from palate.catalogue import tables
from palate.people import talks

CONVERSE = "/api/v1/converse"


def say(client: TestClient, said: str, talk: str | None = None) -> dict[str, Any]:
    taken = client.post(CONVERSE, json={"said": said, "talk": talk})
    assert taken.status_code == 200, taken.text
    answer: dict[str, Any] = taken.json()
    return answer


def test_an_answer_names_models_and_pictures_and_what_it_rests_on(world: World) -> None:
    client = world.owner
    exchange = say(client, "a red circle")["exchange"]
    assert exchange["intent"] == "ask"
    assert exchange["prompt"] == "a red circle"
    assert len(exchange["models"]) == 3
    assert exchange["pictures"]
    assert all(claim["rests_on"] for claim in exchange["claims"])
    assert exchange["models"][0]["name"] in exchange["text"]
    for picture in exchange["pictures"]:
        assert client.get(f"/api/v1/media/{picture['id']}").status_code == 200


def test_a_talk_goes_on_where_it_was_and_draws_as_a_job(world: World) -> None:
    client = world.browser(world.person("A"))
    talk = say(client, "a red circle")["talk"]
    drawn = say(client, "draw it", talk)["exchange"]
    assert drawn["intent"] == "draw"
    job = client.get("/api/v1/jobs").json()["items"][0]
    assert (job["kind"], job["state"]) == ("draw", "done")
    own = drawn["pictures"][0]["id"]
    assert client.get(f"/api/v1/pictures/{own}").json()["mine"] is True
    assert world.owner.get(f"/api/v1/media/{own}").status_code == 404
    told = client.get(f"{CONVERSE}/{talk}").json()
    assert [exchange["said"] for exchange in told["exchanges"]] == ["a red circle", "draw it"]


def test_a_guest_talks_and_has_nothing_drawn(world: World) -> None:
    client = world.browser(world.person("G", "guest"))
    talk = say(client, "a red circle")["talk"]
    refused = say(client, "draw it", talk)["exchange"]
    assert "Nothing was drawn" in refused["text"]
    assert client.get("/api/v1/jobs").json()["total"] == 0


def test_a_key_may_no_more_in_a_talk_than_elsewhere(world: World) -> None:
    visitor = world.browser("me")
    talk = say(visitor, "a red circle")["talk"]
    narrow = world.with_key(world.key("me", "read"))
    assert "this needs the right to choose" in say(narrow, "I like the first", talk)["exchange"]["text"]
    assert visitor.get("/api/v1/choices").json()["total"] == 0
    assert "Kept" in say(visitor, "I like the first", talk)["exchange"]["text"]
    assert visitor.get("/api/v1/choices").json()["total"] == 1


def test_a_talk_is_its_persons_alone_and_forgotten_with_them(world: World) -> None:
    id = world.person("A")
    a, b = world.browser(id), world.browser(world.person("B"))
    talk = say(a, "a red circle")["talk"]
    assert b.get(f"{CONVERSE}/{talk}").status_code == 404
    assert b.post(CONVERSE, json={"said": "why?", "talk": talk}).status_code == 404
    assert b.delete(f"{CONVERSE}/{talk}").status_code == 404
    assert a.delete("/api/v1/me").status_code == 204
    assert talk not in world.serving.talks._held
    with world.serving.home.read() as connection:
        assert talks.of_talk(connection, talk, id) == []


def restart(world: World) -> None:
    """What a service that was started again has in memory: nothing."""
    world.serving.talks._held.clear()


def test_a_restart_goes_on_where_the_talk_was(world: World) -> None:
    client = world.owner
    talk = say(client, "a red circle")["talk"]
    say(client, "I like the first", talk)
    say(client, "nonsense, and more so", talk)
    before = client.get(f"{CONVERSE}/{talk}").json()
    restart(world)
    assert client.get(f"{CONVERSE}/{talk}").json() == before
    assert "Kept" not in say(client, "undo", talk)["exchange"]["text"]
    restart(world)
    undone = say(client, "undo", talk)["exchange"]
    assert "I like the first" in undone["text"]
    assert [choice["kind"] for choice in client.get("/api/v1/choices").json()["items"]] == ["skip", "like"]
    restart(world)
    assert "number 1 of 3" in say(client, "why this model?", talk)["exchange"]["text"]
    other = say(client, "a blue square")["talk"]
    cards = client.get(CONVERSE).json()["items"]
    assert [(card["id"], card["first"]) for card in cards] == [(other, "a blue square"), (talk, "a red circle")]
    assert cards[1]["exchanges"] == 6


def test_kept_talks_are_their_persons_alone_taken_along_and_erased(world: World) -> None:
    id = world.person("A")
    a, b = world.browser(id), world.browser(world.person("B"))
    talk, over = say(a, "a red circle")["talk"], say(a, "a green triangle")["talk"]
    restart(world)
    assert b.get(f"{CONVERSE}/{talk}").status_code == b.delete(f"{CONVERSE}/{talk}").status_code == 404
    assert b.get(CONVERSE).json() == {"items": [], "total": 0}
    assert a.delete(f"{CONVERSE}/{over}").status_code == 204
    archive = zipfile.ZipFile(io.BytesIO(a.get("/api/v1/me/export").content))
    [taken] = json.loads(archive.read("talks.json"))
    assert [exchange["said"] for exchange in taken["exchanges"]] == ["a red circle"]
    a.delete("/api/v1/me")
    with world.serving.home.read() as connection:
        assert connection.execute(select(tables.exchanges)).first() is None


def test_variations_are_drawn_as_a_job_and_picked_by_number(world: World) -> None:
    client = world.browser(world.person("A"))
    begun = say(client, "show me variations of a red circle")
    slate, talk = begun["exchange"], begun["talk"]
    assert (slate["intent"], len(slate["pictures"]), len(slate["claims"])) == ("steer", 4, 4)
    picked = say(client, "the second", talk)["exchange"]
    assert len(picked["pictures"]) == 4
    [card] = client.get("/api/v1/steer").json()["items"]
    turns = client.get(f"/api/v1/steer/{card['id']}").json()["turns"]
    assert [(turn["state"], turn["picked"]) for turn in turns] == [("picked", 1), ("open", None)]
    say(client, "undo", talk)
    again = client.get(f"/api/v1/steer/{card['id']}").json()
    assert (again["current"], again["turns"][0]["state"]) == (1, "open")
    assert world.owner.get(f"/api/v1/media/{slate['pictures'][0]['id']}").status_code == 404


def test_a_guest_has_nothing_drawn_from_what_they_liked(world: World) -> None:
    refused = say(world.browser(world.person("G", "guest")), "draw something new from what I liked")["exchange"]
    assert "this needs the right to draw" in refused["text"]
