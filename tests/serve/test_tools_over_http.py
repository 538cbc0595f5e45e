"""The same tools over HTTP: the protocol's own client with a key, whose scopes are what it may do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from serving_world import HOST, World

from palate.people import holdings


def asked(world: World, key: str, talk: Callable[[Client], Awaitable[None]]) -> None:
    """Through the whole application, without a socket."""

    async def whole() -> None:
        transport = httpx2.ASGITransport(world.app)
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            httpx2.AsyncClient(transport=transport, base_url=HOST, headers=headers, timeout=60) as web,
            Client(streamable_http_client(f"{HOST}/mcp", http_client=web)) as client,
        ):
            await talk(client)

    asyncio.run(whole())


def told(result: Any) -> dict[str, Any]:
    assert not result.is_error, result
    found: dict[str, Any] = result.structured_content or json.loads(result.content[0].text)
    return found


def test_a_key_finds_draws_and_steers_for_its_person_alone(world: World) -> None:
    a = world.person("A")
    shared = world.browser(a).get("/api/v1/pictures").json()["items"][0]["id"]
    world.browser(a).post("/api/v1/choices", json={"kind": "like", "payload": {"picture": shared}})

    async def talk(client: Client) -> None:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            *("find", "identify", "recommend", "draw", "steer")
        }
        found = told(await client.call_tool("find", {"prompt": "a red circle"}))
        assert found["ranking"][0]["pictures"]
        drawn = await client.call_tool("draw", {"model": "Black", "prompt": "a red cross"})
        assert [part.type for part in drawn.content] == ["text", "image"]
        [own] = told(drawn)["pictures"]
        assert told(await client.call_tool("identify", {"pictures": [own]}))["ranking"]
        slate = told(await client.call_tool("steer", {"prompt": "a blue square"}))
        again = {"conversation": slate["conversation"], "column": 1}
        assert told(await client.call_tool("steer", again))["slate"] == 2
        assert len(told(await client.call_tool("recommend", {"of": "models"}))["ranking"]) >= 1
        with world.serving.home.read() as connection:
            assert holdings.may_see(connection, a, own)
            assert not holdings.may_see(connection, "me", own)

    asked(world, world.key(a, "read", "choose", "draw"), talk)


def test_a_key_that_only_reads_has_nothing_drawn(world: World) -> None:
    a, b = world.person("A"), world.person("B")
    own = world.draw(world.browser(b), "a red circle")["pictures"][0]

    async def talk(client: Client) -> None:
        assert told(await client.call_tool("find", {"prompt": "a red circle"}))["ranking"]
        for tool, order in (("draw", {"model": "Black", "prompt": "a cross"}), ("steer", {"prompt": "a cross"})):
            refused = await client.call_tool(tool, order)
            assert refused.is_error
            assert "this needs the right to" in refused.content[0].text  # type: ignore[union-attr]
        for picture in (own, "/etc/passwd", "nobody"):
            refused = await client.call_tool("identify", {"pictures": [picture]})
            assert "there is no such" in refused.content[0].text  # type: ignore[union-attr]

    asked(world, world.key(a, "read"), talk)
    assert world.browser(a).get("/api/v1/jobs").json()["total"] == 0


@pytest.mark.parametrize("key", ["", "wrong"])
def test_without_a_key_nothing_is_answered(world: World, key: str) -> None:
    ping = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert world.visitor().post("/mcp", json=ping).status_code == 401
    assert world.with_key(key).post("/mcp", json=ping).status_code == 401
    assert world.with_key(world.key("me", "read")).get("/mcp").status_code == 405
    assert (
        world.with_key(world.key("me", "read")).post("/mcp", json=ping, headers={"Origin": "http://x"}).status_code
        == 403
    )
