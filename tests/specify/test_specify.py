"""`specify` and `draw` on a hub of fakes: resumable, exact, and clear about what failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from palate.catalogue import models as model_rows
from palate.catalogue import pictures as picture_rows
from palate.catalogue import tables, vectors
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, Drawing, FileSeen, Model, ModelKind, Picture
from palate.check import check, mend
from palate.errors import PalateError
from palate.generators.opening import drawn_in_one_go, drawn_together
from palate.generators.protocol import Generator, Order
from palate.settings import Settings
from palate.specify import encoding, executors, ordering
from palate.testing.fakes import FakeEncoder, FakeGenerator

MODELS = [
    Model("m-red", "Knows red", "pipeline", "fake://red", base="fake"),
    Model("m-all", "Knows all", "pipeline", "fake://all", base="fake"),
]
KNOWS = {"m-red": {"red", "circle"}, "m-all": None}


class Hub:
    """A home whose models are fakes, with a switch to make drawing fail."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = Home.create(folder / "home")
        self.prompts = folder / "prompts.txt"
        self.prompts.write_text("a red circle\na blue square\na green triangle\n")
        self.fails_on: str | None = None
        self.error: BaseException = RuntimeError("out of memory")
        self.calls: list[str] = []
        with self.home.write() as connection:
            model_rows.put(connection, MODELS)
        monkeypatch.setattr(executors, "generator_for", self._generator)
        monkeypatch.setattr("palate.importers.models.quick_check", lambda _model: None)

    def _generator(self, model: Model, _base: Model | None, _device: str) -> Generator:
        inner = FakeGenerator(model.name, knows=KNOWS[model.id])
        hub = self

        class Watched:
            name, batch = inner.name, 2

            def draw(self, orders: Sequence[Order]) -> list[Image.Image]:
                for order in orders:
                    if order.text == hub.fails_on:
                        raise hub.error
                    hub.calls.append(f"{model.id} {order.text}")
                return inner.draw(orders)

            def close(self) -> None: ...

        return Watched()

    def specify(self, **named: object) -> dict[str, object]:
        return ordering.specify(self.home, Settings(), FakeEncoder, prompts=self.prompts, **named)  # type: ignore[arg-type]

    def pictures(self) -> list[str]:
        with self.home.read() as connection:
            return sorted(row.picture_id for row in picture_rows.evidence(connection))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    return Hub(tmp_path, monkeypatch)


def test_every_model_draws_every_prompt_once_and_all_is_encoded(hub: Hub) -> None:
    done = hub.specify()
    assert (done["done"], done["parked"], done["models"]) == (6, 0, 2)
    with hub.home.read() as connection:
        space = vectors.filled_spaces(connection)[0]
        assert len(vectors.load(connection, space, "prompt")[0]) == 3
        assert len(vectors.load(connection, space, "picture")[0]) == len(set(hub.pictures()))
    assert check(hub.home) == []


def test_a_second_run_draws_nothing(hub: Hub) -> None:
    hub.specify()
    hub.calls.clear()
    assert hub.specify()["drawn"] == 0
    assert hub.calls == []


def test_a_grown_prompt_set_draws_only_the_new(hub: Hub) -> None:
    hub.specify()
    hub.calls.clear()
    hub.prompts.write_text(hub.prompts.read_text() + "a red cross\n")
    assert hub.specify()["drawn"] == 2
    assert sorted(hub.calls) == ["m-all a red cross", "m-red a red cross"]


def test_ctrl_c_loses_nothing_and_the_next_run_goes_on(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("palate.specify.drawing.drawn_in_one_go", lambda *_: 2)
    undisturbed = Hub(hub.home.folder.parent / "other", monkeypatch)
    undisturbed.specify()
    monkeypatch.setattr(executors, "generator_for", hub._generator)
    hub.fails_on, hub.error = "a green triangle", KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        hub.specify()
    hub.fails_on = None
    assert hub.specify()["done"] == 6
    assert hub.pictures() == undisturbed.pictures()
    assert check(hub.home) == []


def test_what_is_claimed_is_no_more_than_is_drawn_in_one_go(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("palate.specify.drawing.drawn_in_one_go", lambda *_: 1)
    hub.fails_on, hub.error = "a green triangle", SystemExit()  # a model ended, and nothing was given back
    monkeypatch.setattr("palate.specify.drawing._give_back", lambda *_: None)
    with pytest.raises(SystemExit):
        hub.specify()
    with hub.home.read() as connection:
        states = connection.execute(select(tables.tasks.c.state)).scalars().all()
    assert sorted(states) == ["done", "done", "leased", "planned", "planned", "planned"]


@pytest.mark.parametrize(
    ("kind", "size", "device", "together"),
    [
        ("endpoint", None, "cpu", 1),  # which may be paid for by the picture
        ("pipeline", 2**33, "cpu", 1),
        ("pipeline", 2**24, "cpu", 8),
        ("checkpoint", None, "cpu", 8),
        ("pipeline", 2**33, "auto", 1),
    ],
)
def test_a_large_model_is_claimed_picture_by_picture(
    kind: ModelKind, size: int | None, device: str, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("palate.generators.opening.best_device", lambda: "mps")
    base = Model("m", "M", kind, "/m", size=size)
    assert drawn_in_one_go(base, None, device) == together
    assert drawn_in_one_go(Model("l", "L", "adapter", "/l", size=2**20), base, device) == together


def test_a_prompt_that_always_fails_is_parked_with_its_reason_and_the_rest_is_drawn(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.fails_on = "a blue square"
    done = hub.specify()
    assert (done["done"], done["parked"]) == (4, 2)
    assert done["errors"] == {"RuntimeError: out of memory": ["m-all", "m-red"]}
    hub.fails_on = None
    assert hub.specify()["done"] == 6


def test_a_model_that_cannot_be_read_is_tried_once(hub: Hub) -> None:
    hub.fails_on, hub.error = "a red circle", PalateError("model_corrupt", "its header is broken", about="Knows red")
    done = hub.specify()
    assert "Knows red: its header is broken" in done["errors"]  # type: ignore[operator]
    assert (done["parked"], hub.calls) == (6, [])


def test_a_full_disk_stops_the_job_and_it_goes_on_when_there_is_room(hub: Hub) -> None:
    hub.home.blobs.reserve = 2**60
    with pytest.raises(PalateError) as caught:
        hub.specify()
    assert caught.value.code == "storage_full"
    hub.home.blobs.reserve = 0
    assert hub.specify()["done"] == 6


def test_draw_answers_the_pictures_and_writes_copies(hub: Hub, tmp_path: Path) -> None:
    drawn = ordering.draw(hub.home, Settings(), "Knows all", "a red circle", seeds=range(1, 4), out=tmp_path / "out")
    assert [row["seed"] for row in drawn] == [1, 2, 3]
    for row in drawn:
        assert Path(row["file"]).read_bytes() == hub.home.blobs.get(row["id"])
    with hub.home.read() as connection:
        [drawing] = [d for d in picture_rows.drawings_of(connection, drawn[0]["id"]) if d.seed == 1]
    assert (drawing.prompt.text if drawing.prompt else None, drawing.credits[0].model_id) == ("a red circle", "m-all")


def test_a_drawn_file_carries_its_prompt_for_other_tools(hub: Hub) -> None:
    [row] = ordering.draw(hub.home, Settings(), "Knows all", "a red circle", seeds=[7], negative="blur")
    with Image.open(row["file"]) as picture:
        text = picture.info["parameters"]
    assert text.startswith("a red circle\nNegative prompt: blur\nSeed: 7, ")
    assert "Model: Knows all" in text


def test_a_picture_whose_file_is_gone_is_marked_and_the_others_are_encoded(hub: Hub, tmp_path: Path) -> None:
    with hub.home.write() as connection:
        picture_rows.put(connection, [Picture("gone", 8, 8, "PNG", 3)])
        picture_rows.put_files(connection, [FileSeen(str(tmp_path / "gone.png"), "gone", 3, 1)])
    done = hub.specify()
    assert list(done["refused"]) == ["gone"]  # type: ignore[call-overload]
    with hub.home.read() as connection:
        assert picture_rows.get(connection, "gone").state == "missing"


def test_a_constant_picture_is_stored_as_degenerate_and_never_scored(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeGenerator, "draw", lambda _self, orders: [Image.new("RGB", (16, 16))] * len(orders))
    hub.specify()
    assert hub.pictures() == []
    with hub.home.read() as connection:
        assert vectors.filled_spaces(connection) == []


def test_vectors_are_made_for_what_has_none_only(hub: Hub) -> None:
    hub.specify()
    assert encoding.encode_missing(hub.home, FakeEncoder()).pictures == 0
    other = encoding.encode_missing(hub.home, FakeEncoder("another"))
    assert other.pictures == len(set(hub.pictures()))


def test_the_words_red_circle_are_nearest_to_the_model_that_knows_both(hub: Hub) -> None:
    hub.specify()
    encoder = FakeEncoder()
    with hub.home.read() as connection:
        space = encoding.space_of(encoder)
        rows = picture_rows.evidence(connection)
        ids, array = vectors.load(connection, space, "picture", [row.picture_id for row in rows])
    place = {id: row for row, id in enumerate(ids)}
    words = encoder.encode_words(["a blue square"])[0]
    best = {m.id: max(float(words @ array[place[r.picture_id]]) for r in rows if r.model_id == m.id) for m in MODELS}
    assert best["m-all"] > best["m-red"]
    assert np.isclose(best["m-all"], 2 / (1.5 * np.sqrt(2)), atol=0.02)


def test_a_model_whose_pictures_exist_already_is_not_made_to_draw_unless_named(hub: Hub) -> None:
    credit = Credit("Knows red", "checkpoint", model_id="m-red", matched="hash")
    with hub.home.write() as connection:
        picture_rows.put(connection, [Picture("theirs", state="vector only")])
        picture_rows.put_drawings(connection, [Drawing("d", "theirs", "imported", (credit,))])
    done = hub.specify()
    assert (done["models"], done["skipped"], done["done"]) == (1, 1, 3)
    assert hub.specify(models=["Knows red"])["drawn"] == 3


def test_what_is_damaged_is_found_mended_and_made_again(hub: Hub) -> None:
    hub.specify()
    before = hub.pictures()
    paths = [hub.home.blobs.path(id) for id in hub.home.blobs]
    paths[0].unlink()
    paths[1].write_bytes(b"not a picture")
    hub.home.blobs.put(b"nobody speaks of this")
    with hub.home.write() as connection:
        row = tables.vectors.c.thing_id == paths[2].name
        connection.execute(tables.vectors.update().where(row).values(data=b"\0" * 4 * FakeEncoder().dim))
    assert sorted(fault.severity for fault in check(hub.home)) == ["note", "wrong", "wrong", "wrong"]
    told = mend(hub.home)
    assert (told["vectors_dropped"], told["blobs_removed"]) == (1, 2)
    hub.specify()
    assert check(hub.home) == []
    assert hub.pictures() == before


def test_a_service_draws_as_many_together_as_the_device_fills_up_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("palate.generators.opening.batch_for", lambda device, size: 4 if device == "cuda" else 1)
    large = Model("b", "B", "pipeline", "/b", size=2**32)
    assert drawn_together(large, None, "cuda") == 4
    assert drawn_together(Model("l", "L", "adapter", "/l", size=2**20), large, "cuda") == 4
    assert drawn_together(large, None, "cpu") == 1
    assert drawn_together(Model("e", "E", "endpoint", "http://e"), None, "cuda") == 1
