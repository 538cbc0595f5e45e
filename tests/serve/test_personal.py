"""One's taste and what there is for one, over HTTP: told, edited, paused, begun anew; and never anybody else's."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file
from serving_world import World
from starlette.testclient import TestClient

from palate.catalogue import choices
from palate.catalogue import pictures as picture_rows
from palate.catalogue.choices import Choice
from palate.catalogue.records import Drawing, Picture
from palate.errors import PalateError
from palate.people import holdings
from palate.steer import steering
from palate.steer.learned import FILE
from palate.studio import Studio

TASTE = "/api/v1/taste"


def pictures_of(client: TestClient, model: str) -> list[str]:
    return [one["id"] for one in client.get("/api/v1/pictures", params={"model": model}).json()["items"]]


def like(client: TestClient, *pictures: str, kind: str = "like") -> None:
    for picture in pictures:
        taken = client.post("/api/v1/choices", json={"kind": kind, "payload": {"picture": picture}})
        assert taken.status_code == 201, taken.text


def test_a_taste_is_told_in_words_pictures_and_doubt(world: World) -> None:
    client = world.owner
    assert client.get(TASTE).json() == {
        "learned_from": 0, "paused": False, "said": {}, "likes": [], "dislikes": [], "pictures": []
    }  # fmt: skip
    everything = client.get("/api/v1/pictures").json()["items"]
    liked = [one["id"] for one in everything if one["prompt"]["text"] == "a red circle"]
    like(client, *liked)
    told = client.get(TASTE).json()
    assert told["learned_from"] == len(liked) == 3
    assert set(told["pictures"][: len(liked)]) == set(liked)
    assert all(row["doubt"] > 0 for row in told["likes"] + told["dislikes"])
    assert all(row["worth"] > 0 for row in told["likes"])


def test_what_steering_learned_is_taken_up_without_a_restart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client, library, made = world.owner, world.serving.shelf.library, steering.grounds_of
    built: list[int] = []

    def counted(*given: Any, **named: Any) -> Any:
        built.append(1)
        return made(*given, **named)

    monkeypatch.setattr(steering, "grounds_of", counted)
    for _ in range(3):
        assert client.get(TASTE).status_code == 200
    assert len(built) == 1
    save_file({"of": np.zeros(1)}, world.folder / FILE, metadata={"card": '{"encoder": "another"}'})
    assert client.get(TASTE).status_code == 200
    assert client.get(TASTE).status_code == 200
    assert len(built) == 2
    before = library.grounds
    (world.folder / FILE).write_bytes(b"half")
    assert library.grounds is before
    assert client.get(TASTE).status_code == 200
    (world.folder / FILE).unlink()
    assert library.grounds is not before


def test_what_one_says_counts_until_it_is_dropped(world: World) -> None:
    client = world.owner
    told = client.patch(TASTE, json={"more": ["red"], "less": ["neon colours"]}).json()
    assert told["said"] == {"red": 1.0, "neon colours": -1.0}
    assert client.patch(TASTE, json={"drop": ["red"]}).json()["said"] == {"neon colours": -1.0}
    assert client.patch(TASTE, json={}).status_code == 422
    assert client.post(f"{TASTE}/reset").json()["said"] == {}


def test_a_paused_taste_learns_nothing_and_goes_on_afterwards(world: World) -> None:
    client = world.owner
    first, second, third = pictures_of(client, "m-yellow")
    like(client, first)
    assert client.post(f"{TASTE}/pause").json()["paused"] is True
    like(client, second)
    assert client.post(f"{TASTE}/pause").json()["learned_from"] == 1
    assert client.post(f"{TASTE}/resume").json()["paused"] is False
    like(client, third)
    assert client.get(TASTE).json()["learned_from"] == 2
    assert client.get("/api/v1/choices").json()["total"] == 5  # nothing is lost: the pause is on record as well


def test_a_taste_shows_nobody_elses_pictures(world: World) -> None:
    a, b = world.browser(world.person("A")), world.browser(world.person("B"))
    drawn = world.draw(a, "a yellow cross", "m-yellow")["pictures"]
    like(a, *drawn)
    like(b, *pictures_of(b, "m-yellow"))
    assert drawn[0] in a.get(TASTE).json()["pictures"]
    assert drawn[0] not in b.get(TASTE).json()["pictures"]


def test_what_goes_with_ones_choices_is_recommended_with_reasons(world: World) -> None:
    one, other = world.browser(world.person("A")), world.browser(world.person("B"))
    first, second, third = pictures_of(one, "m-yellow")
    like(other, first, second)
    like(one, first)
    found = one.get("/api/v1/recommend", params={"top": 3}).json()
    assert found["pictures"][0]["picture"]["id"] == second
    assert first not in [row["picture"]["id"] for row in found["pictures"]]
    assert found["pictures"][0]["reasons"][0]["pictures"] == [first]
    assert found["pictures"][0]["picture"]["model"]["name"] == "Yellow"
    like(one, second, kind="dislike")
    again = one.get("/api/v1/recommend", params={"top": 9}).json()
    assert second not in [row["picture"]["id"] for row in again["pictures"]]
    assert third in [row["picture"]["id"] for row in again["pictures"]]


def test_models_are_recommended_as_rows_of_a_ranking(world: World) -> None:
    one, other = world.browser(world.person("A")), world.browser(world.person("B"))
    like(other, *pictures_of(one, "m-yellow")[:1], *pictures_of(one, "m-black")[:1])
    like(one, *pictures_of(one, "m-yellow")[:1])
    found = one.get("/api/v1/recommend", params={"of": "models"}).json()
    assert [row["id"] for row in found["models"]] == ["m-black", "m-white"]
    assert found["models"][0]["trigger_words"] == ["noir"]
    assert found["models"][0]["pictures"]


def test_where_nobody_chose_anything_it_says_so(world: World) -> None:
    found = world.owner.get("/api/v1/recommend").json()
    assert found["pictures"] == []
    assert "nobody has chosen anything yet" in found["warnings"][0]
    assert world.owner.get("/api/v1/recommend", params={"by": "bert4rec"}).status_code == 422


def test_new_pictures_are_drawn_as_a_job_and_are_ones_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def drawn(studio: Studio, person: str, *, by: str | None, count: int, seed: int, errand: str) -> Any:
        asked.append(by)
        blob = studio.home.blobs.put(png_of(seed))
        with studio.home.write() as connection:
            picture_rows.put(connection, [Picture(blob, 8, 8, "PNG", 10, "ok", owned=True)])
            picture_rows.put_drawings(connection, [Drawing(f"d{errand}", blob, "drawn", (), tool="palate personalise")])
            holdings.hold(connection, person, errand, [f"d{errand}"])
        said = {"warnings": ("only 1 is known",), "because": ("topic: cats",)}
        return type("Drawn", (), {"pictures": ({"id": blob},), **said})()

    monkeypatch.setattr(Studio, "personalise", drawn)
    one, other = world.browser(world.person("A")), world.browser(world.person("B"))
    taken = one.post("/api/v1/personalise", json={"count": 1, "seed": 3})
    assert taken.status_code == 202, taken.text
    done = world.wait(one, taken.json()["id"])
    assert (done["state"], done["kind"], len(done["pictures"])) == ("done", "personalise", 1)
    assert one.get(f"/api/v1/media/{done['pictures'][0]}").status_code == 200
    assert other.get(f"/api/v1/media/{done['pictures'][0]}").status_code == 404
    for by in ("hub", "janus"):
        more = one.post("/api/v1/personalise", json={"count": 1, "seed": 4, "by": by})
        assert world.wait(one, more.json()["id"])["state"] == "done"
    assert asked == [None, "hub", "pocket"]
    assert one.post("/api/v1/personalise", json={"by": "/etc/passwd"}).status_code == 422


def png_of(seed: int) -> bytes:
    target = io.BytesIO()
    Image.new("RGB", (8, 8), (seed, 100, 200)).save(target, "PNG")
    return target.getvalue()


def test_a_job_that_cannot_personalise_says_why(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PalateError("nothing_chosen", "nothing is known of you that can be looked at")

    monkeypatch.setattr(Studio, "personalise", refuse)
    client = world.owner
    done = world.wait(client, client.post("/api/v1/personalise", json={}).json()["id"])
    assert done["state"] == "failed"
    assert "nothing is known of you" in done["error"]


def test_what_owners_do_is_written_down_and_what_people_ask_is_not(world: World) -> None:
    world.person("A", password="long enough for this")
    world.visitor().post("/api/v1/session", json={"name": "A", "password": "wrong"})
    client = world.owner
    client.get("/api/v1/people")
    client.post("/api/v1/find", json={"prompt": "a most secret circle"})
    log = client.get("/api/v1/audit").json()
    assert log["whole"] is True
    assert [(entry["action"], entry["status"], entry["person"]) for entry in log["items"]] == [
        ("GET /api/v1/people", 200, "me"),
        ("POST /api/v1/session", 401, None),
    ]


def test_what_was_chosen_in_a_pause_taken_back_or_before_a_new_beginning_teaches_no_weights(world: World) -> None:
    client = world.owner
    learn = "/api/v1/weights/learn"
    first, second, _ = pictures_of(client, "m-yellow")
    client.post(f"{TASTE}/pause")
    like(client, first)
    assert client.post(learn, json={}).status_code == 422
    client.post(f"{TASTE}/resume")
    slate = {"conversation": "c", "turn": 1}
    with world.serving.home.write() as connection:
        choices.append(connection, Choice("me", "pick", {"picture": second, **slate}))
    assert client.post(learn, json={}).json()["selected"] == 1
    with world.serving.home.write() as connection:
        choices.append(connection, Choice("me", "undo", slate))
    assert client.post(learn, json={}).status_code == 422
    like(client, first, second)
    assert client.post(learn, json={}).json()["selected"] == 2
    client.post(f"{TASTE}/reset")
    assert client.post(learn, json={}).status_code == 422
