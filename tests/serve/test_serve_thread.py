"""One thread from end to end: come in, look, ask, draw, choose, leave."""

from __future__ import annotations

import socket
from pathlib import Path

from serving_world import World

from palate.serve import running
from palate.serve.openapi import text

ROOT = Path(__file__).parents[2]


def test_the_openapi_file_of_the_web_is_what_the_routes_say() -> None:
    assert (ROOT / "web" / "openapi.json").read_text("utf-8") == text(), "run `make openapi`"


def test_somebody_comes_in_with_the_printed_token_and_draws(world: World) -> None:
    browser = world.visitor()
    assert browser.get("/api/v1/models").status_code == 401
    token = world.serving.offer_token()
    answer = browser.post("/api/v1/session", json={"token": token})
    assert answer.status_code == 200, answer.text
    assert answer.json()["person"] == {"id": "me", "name": "owner", "role": "owner"}
    browser.headers["X-CSRF-Token"] = answer.json()["csrf"]
    assert world.visitor().post("/api/v1/session", json={"token": token}).status_code == 401

    assert [model["name"] for model in browser.get("/api/v1/models").json()["items"]] == ["Black", "White", "Yellow"]
    wall = browser.get("/api/v1/pictures", params={"limit": 4}).json()
    assert wall["total"] == 9
    assert len(wall["items"]) == 4

    found = browser.post("/api/v1/find", json={"prompt": "a red circle"}).json()
    assert {row["name"] for row in found["ranking"]} == {"Black", "White", "Yellow"}
    assert all(row["pictures"] for row in found["ranking"])

    job = world.draw(browser, "a purple cross", "m-black", count=2)
    assert job["state"] == "done", job["error"]
    assert len(job["pictures"]) == 2
    assert browser.get(f"/api/v1/media/{job['pictures'][0]}").headers["content-type"] == "image/webp"
    assert browser.get("/api/v1/pictures").json()["total"] == 11

    liked = browser.post("/api/v1/choices", json={"kind": "like", "payload": {"picture": job["pictures"][0]}})
    assert liked.status_code == 201, liked.text
    assert browser.delete("/api/v1/session").status_code == 204
    assert browser.get("/api/v1/models").status_code == 401


def test_a_small_answer_is_sent_at_once() -> None:
    with running._listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP  # asyncio sets TCP_NODELAY on no other
