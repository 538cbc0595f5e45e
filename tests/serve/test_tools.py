"""The tools, asked by the protocol's own client: in this process, and over the standard streams of another one."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from serving_world import use_fakes

from palate.serve.tools import server
from palate.studio import Studio


@pytest.fixture
def home(built_home: Path, tmp_path: Path) -> Path:
    shutil.copytree(built_home, tmp_path / "home")
    return tmp_path / "home"


def asked(place: Any, talk: Callable[[Client], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with Client(place) as client:
            await talk(client)

    asyncio.run(whole())


def data(result: Any) -> dict[str, Any]:
    assert not result.is_error, result
    found: dict[str, Any] = result.structured_content or json.loads(result.content[0].text)
    return found


def test_models_are_found_and_drawn_with(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_fakes(monkeypatch)
    studio = Studio.open(str(home))

    async def talk(client: Client) -> None:
        names = {tool.name: tool for tool in (await client.list_tools()).tools}
        marks = {name: tool.annotations.read_only_hint for name, tool in names.items() if tool.annotations}
        assert marks == {"find": True, "identify": True, "recommend": True, "draw": False, "steer": False}
        found = data(await client.call_tool("find", {"prompt": "a red circle", "top": 2}))
        assert len(found["ranking"]) == 2
        picture = found["ranking"][0]["pictures"][0]
        drew = data(await client.call_tool("identify", {"pictures": [picture]}))
        assert drew["ranking"][0]["id"] == found["ranking"][0]["id"]
        drawn = await client.call_tool("draw", {"model": "Black", "prompt": "a red cross"})
        assert [part.type for part in drawn.content] == ["text", "image"]

    asked(server(studio), talk)
    studio.close()


def first(result: Any) -> dict[str, Any]:
    assert not result.is_error, result
    said: dict[str, Any] = json.loads(result.content[0].text)
    return said


async def steered(client: Client) -> list[dict[str, Any]]:
    """Two slates, the second led to by the second column of the first."""
    begun = await client.call_tool("steer", {"prompt": "a red circle"})
    assert [part.type for part in begun.content] == ["text", *["image"] * 4]
    slate = first(begun)
    answer = {"conversation": slate["conversation"], "column": 2, "wish": "darker"}
    return [slate, first(await client.call_tool("steer", answer))]


def test_a_person_is_led_by_slates(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_fakes(monkeypatch)
    studio = Studio.open(str(home))

    async def talk(client: Client) -> None:
        one, two = await steered(client)
        assert (one["slate"], two["slate"]) == (1, 2)
        assert one["conversation"] == two["conversation"]
        assert all(len(column["pictures"]) == 4 and column["model"] for column in two["columns"])
        assert (await client.call_tool("steer", {"conversation": "nobody", "column": 1})).is_error
        liked = one["columns"][1]["pictures"][0]
        there = data(await client.call_tool("recommend", {"of": "pictures", "top": 3}))
        assert liked not in [row["id"] for row in there["ranking"]]
        assert len(there["ranking"]) == 3

    asked(server(studio), talk)
    studio.close()


@pytest.mark.parametrize("path", ["/etc/passwd", "palate.db", "../x.png", "http://127.0.0.1/"])
def test_a_path_is_no_picture(home: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    use_fakes(monkeypatch)
    studio = Studio.open(str(home))

    async def talk(client: Client) -> None:
        assert (await client.call_tool("identify", {"pictures": [path]})).is_error

    asked(server(studio), talk)
    studio.close()


def test_the_command_speaks_over_its_standard_streams(home: Path) -> None:
    async def talk(client: Client) -> None:
        assert len((await client.list_tools()).tools) == 5
        refused = await client.call_tool("identify", {"pictures": ["nobody"]})
        assert refused.is_error
        assert "no picture is called" in refused.content[0].text  # type: ignore[union-attr]

    command = ["-m", "palate.cli.main", "mcp", "--hub", str(home)]
    asked(StdioServerParameters(command=sys.executable, args=command, env=dict(os.environ)), talk)
