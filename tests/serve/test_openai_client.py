"""The official client draws here by changing an address."""

from __future__ import annotations

import base64
import io
import threading
import time
from collections.abc import Iterator

import numpy as np
import openai
import pytest
import uvicorn
from PIL import Image
from serving_world import World

from palate.catalogue import models as model_rows
from palate.catalogue.records import Model
from palate.safety.pictures import open_picture, picture_facts
from palate.testing.shapes import COLOURS


@pytest.fixture
def address(world: World) -> Iterator[str]:
    """The service on a socket."""
    config = uvicorn.Config(world.app, port=0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    server.should_exit = True
    thread.join()


def client(world: World, address: str, *scopes: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=address, api_key=world.key("me", *scopes), max_retries=0)


def test_the_client_draws_with_a_model_that_palate_chooses(world: World, address: str) -> None:
    with client(world, address, "read", "draw") as ours:
        made = ours.images.generate(model="auto", prompt="a red circle", n=2, size="64x64", user="somebody")
    assert made.data is not None
    assert len(made.data) == 2
    for one in made.data:
        assert one.b64_json is not None
        facts = picture_facts(base64.b64decode(one.b64_json))
        assert (facts.width, facts.height) == (64, 64)
        assert "a red circle" in (one.revised_prompt or "")


def test_what_was_drawn_is_said_where_a_model_has_a_word_of_its_own(world: World, address: str) -> None:
    with client(world, address, "read", "draw") as ours:
        made = ours.images.generate(model="Black", prompt="a red circle", response_format="b64_json")
        assert {model.id for model in ours.models.list()} == {"auto", "m-white", "m-black", "m-yellow"}
    assert made.data is not None
    assert made.data[0].revised_prompt == "noir, a red circle"


def corner(made: openai.types.ImagesResponse) -> tuple[int, ...]:
    assert made.data is not None
    picture = open_picture(base64.b64decode(made.data[0].b64_json or ""))
    return tuple(np.asarray(picture)[0, 0])


def test_a_picture_is_changed_and_stays_its_persons_alone(world: World, address: str) -> None:
    start = io.BytesIO()
    Image.new("RGB", (96, 64), (0, 0, 255)).save(start, "PNG")
    with client(world, address, "read", "draw") as ours:
        made = ours.images.edit(model="White", image=("a.png", start.getvalue()), prompt="a red circle", n=2)
        assert made.data is not None
        assert len(made.data) == 2
        assert corner(made) == COLOURS["blue"]
        assert corner(ours.images.generate(model="White", prompt="a red circle")) == COLOURS["white"]
        listed = ours.images.edit(model="auto", image=[("a.png", start.getvalue())], prompt="a red cross", size="64x64")
        assert corner(listed) == COLOURS["blue"]
    [upload, *_] = world.serving.home.uploads.iterdir()
    assert world.owner.get(f"/api/v1/media/{upload.name}").status_code == 200
    assert world.browser(world.person("B")).get(f"/api/v1/media/{upload.name}").status_code == 404


def test_what_cannot_be_changed_is_said_so_at_once(world: World, address: str) -> None:
    start = io.BytesIO()
    Image.new("RGB", (64, 64)).save(start, "PNG")
    whole, elsewhere = ("a.png", start.getvalue()), Model("m-far", "Far", "endpoint", "a1111+http://127.0.0.1:1#x")
    with world.serving.home.write() as connection:
        model_rows.put(connection, [elsewhere])
    world.serving.shelf.renew()
    with client(world, address, "read", "draw") as ours:
        with pytest.raises(openai.BadRequestError, match="draws from words only"):
            ours.images.edit(model="Far", image=whole, prompt="a red circle")
        with pytest.raises(openai.BadRequestError, match="a part of a picture"):
            ours.images.edit(model="White", image=whole, mask=whole, prompt="a red circle")
        with pytest.raises(openai.BadRequestError, match="exactly one picture"):
            ours.images.edit(model="White", image=[whole, whole], prompt="a red circle")
    assert not world.serving.home.uploads.exists()


def test_errors_are_those_that_the_client_knows(world: World, address: str) -> None:
    with client(world, address, "read", "draw") as ours:
        with pytest.raises(openai.NotFoundError, match="no such model"):
            ours.images.generate(model="nobody", prompt="a red circle")
        with pytest.raises(openai.UnprocessableEntityError):
            ours.images.generate(model="auto", prompt="a red circle", size="64x7")
        with pytest.raises(openai.UnprocessableEntityError, match="picture"):
            ours.images.edit(image=b"x", prompt="a red circle")
    with client(world, address, "read") as ours, pytest.raises(openai.PermissionDeniedError):
        ours.images.generate(model="auto", prompt="a red circle")
    stranger = openai.OpenAI(base_url=address, api_key="wrong", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()
