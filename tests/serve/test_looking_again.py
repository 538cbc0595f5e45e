"""Pictures that are known by their key alone are drawn when somebody looks, beside the service, and kept."""

from __future__ import annotations

import threading

import pytest
from serving_world import World

from palate.catalogue import pictures as picture_rows
from palate.catalogue.records import Credit, Drawing, Picture, Prompt
from palate.specify import executors
from palate.testing.fakes import FakeGenerator

ID = "0" * 32


@pytest.fixture
def keyed(world: World) -> World:
    """A picture of which there is a model, words and a seed, and no file."""
    credit = Credit("Black", "checkpoint", 1.0, None, "m-black", "given")
    words, settings = Prompt("a red cross"), {"base": "m-white"}
    drawing = Drawing("key", ID, "dataset", (credit,), words, 3, settings, tool="bank")
    with world.serving.home.write() as connection:
        picture_rows.put(connection, [Picture(ID, 64, 64, "PNG", 0, "vector only", owned=False)])
        picture_rows.put_drawings(connection, [drawing])
    return world


def test_a_picture_without_a_file_is_drawn_once_when_it_is_looked_at(
    keyed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    class Counting(FakeGenerator):
        def draw(self, orders):  # type: ignore[no-untyped-def]
            drawn.extend(order.text for order in orders)
            return super().draw(orders)

    monkeypatch.setattr(executors, "generator_for", lambda model, *_: Counting(model.name))
    for size in ("256", "full", "128", "256"):
        answer = keyed.owner.get(f"/api/v1/media/{ID}", params={"size": size})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("image/")
    assert drawn == ["noir, a red cross"]


def test_others_are_answered_while_a_picture_is_drawn(keyed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    class Waiting(FakeGenerator):
        def draw(self, orders):  # type: ignore[no-untyped-def]
            assert go_on.wait(30)
            return super().draw(orders)

    monkeypatch.setattr(executors, "generator_for", lambda model, *_: Waiting(model.name))
    said: list[int] = []
    lookers = [
        threading.Thread(target=lambda: said.append(keyed.owner.get(f"/api/v1/media/{ID}").status_code))
        for _ in range(12)
    ]
    for looker in lookers:
        looker.start()
    assert keyed.owner.get("/api/v1/models").status_code == 200
    assert said == []
    go_on.set()
    for looker in lookers:
        looker.join(30)
    assert said == [200] * 12


def test_what_cannot_be_drawn_is_said_and_is_no_fault(keyed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(executors, "generator_for", broken)
    answer = keyed.owner.get(f"/api/v1/media/{ID}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "picture_missing"


def test_what_is_known_by_its_key_is_on_the_wall_before_it_is_drawn(keyed: World) -> None:
    client = keyed.owner
    there = {one["id"]: one for one in client.get("/api/v1/pictures").json()["items"]}
    assert there[ID]["prompt"]["text"] == "a red cross"
    assert there[ID]["model"]["id"] == "m-black"
    with keyed.serving.home.write() as connection:
        picture_rows.put(connection, [Picture("1" * 32, state="vector only")])
        nowhere = Drawing("no key", "1" * 32, "dataset", (), None, None, {}, tool="elsewhere")
        picture_rows.put_drawings(connection, [nowhere])
    keyed.serving.shelf.renew()
    assert "1" * 32 not in [one["id"] for one in client.get("/api/v1/pictures").json()["items"]]
