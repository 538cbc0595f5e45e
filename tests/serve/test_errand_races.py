"""The thread that works and those who ask do not wait for one another: whichever comes first, nobody waits in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from serving_world import World
from sqlalchemy import Connection

from palate.people import errands as rows
from palate.people import persons
from palate.serve import telling

ORDER = {"models": ["m-white"], "prompt": "a red circle", "seed": 5, "count": 3}
PATIENCE = 20.0


def eventually(so: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE
    while not so() and time.monotonic() < end:
        time.sleep(0.01)
    return so()


@pytest.fixture
def quick(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Whatever is asked for has been begun before whoever asked comes to the next line, and done if that is asked."""
    home, write, put, asked = world.serving.home, world.serving.home.write, rows.put, threading.local()

    def put_and_say(connection: Connection, person: str, kind: str, *given: Any) -> rows.Errand:
        asked.kind = kind
        return put(connection, person, kind, *given)

    def begun(kind: str) -> bool:
        world.serving.errands._ring()
        open_states = {"waiting"} if kind == "draw" else set(rows.OPEN)
        with home.read() as connection:
            return not open_states & {state for state, count in rows.counts(connection).items() if count}

    @contextmanager
    def write_and_halt(**given: Any) -> Iterator[Connection]:
        with write(**given) as connection:
            yield connection
        if kind := asked.__dict__.pop("kind", None):
            assert eventually(lambda: begun(kind))

    monkeypatch.setattr(rows, "put", put_and_say)
    monkeypatch.setattr(home, "write", write_and_halt)
    return world


def test_who_listens_hears_the_end_of_what_was_begun_before_the_order_was_answered(
    quick: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    errands, answered = quick.serving.errands, threading.Event()
    draw = errands._draw

    def draw_when_answered(errand: rows.Errand) -> None:
        assert answered.wait(PATIENCE)
        draw(errand)

    monkeypatch.setattr(errands, "_draw", draw_when_answered)
    taken = quick.owner.post("/api/v1/draw", json=ORDER).json()
    answered.set()
    assert eventually(lambda: errands.get(taken["id"], persons.OWNER).state == "done")
    events = errands.events_since(errands.get(taken["id"], persons.OWNER), 0)
    assert [name for _, name, _ in events if name != "progress"] == ["picture"] * 3 + ["done"]


def test_a_drawing_makes_no_way_for_a_slate_that_is_done_already(quick: World) -> None:
    client, errands = quick.owner, quick.serving.errands
    slate = client.post("/api/v1/steer", json={"prompt": "a red circle"}).json()["job"]
    assert errands.get(slate["id"], persons.OWNER).state == "done"
    job = quick.draw(client, "a red circle", count=3)
    events = errands.events_since(errands.get(job["id"], persons.OWNER), 0)
    assert [said.get("text") for _, name, said in events if name == "progress"].count("starting") == 1


def test_what_was_told_long_ago_is_told_from_the_rows_and_ends_for_everybody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, errands = world.owner, world.serving.errands
    first = world.draw(client, "a red circle", count=2)
    monkeypatch.setattr(telling, "TOLD_KEPT", 1)
    world.draw(client, "a blue square")
    world.draw(client, "a green triangle")
    assert eventually(lambda: first["id"] not in errands._told)
    errand = errands.get(first["id"], persons.OWNER)
    assert [name for _, name, _ in errands.events_since(errand, 0)] == ["picture", "picture", "done"]
    assert [name for _, name, _ in errands.events_since(errand, 900)] == ["done"]
    assert errands.events_since(replace(errand, state="running"), 900) == []
