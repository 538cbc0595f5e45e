"""Requests made from the OpenAPI file, right ones and broken ones: never our fault, and never another shape."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from serving_world import World
from starlette.testclient import TestClient

from palate.serve.openapi import text

DESCRIBED: dict[str, Any] = json.loads(text())
TEXTS = (
    "",
    "a red circle",
    "m-white",
    "\x00",
    "‮",
    "../..",
    "x" * 9000,
    "me",
    "0",
    "-1",
    "NaN",
    "1e999",
    "'; drop table",
)
ODD: tuple[Any, ...] = (None, True, -1, 0, 1, 2**63, 2**200, 0.5, [], {}, [[]], {"a": {}}, "", "x")
LEAVE_OUT = {("DELETE", "/api/v1/me"), ("DELETE", "/api/v1/session"), ("GET", "/api/v1/jobs/{id}/events")}
OPERATIONS = [
    (method.upper(), path, about)
    for path, methods in DESCRIBED["paths"].items()
    for method, about in methods.items()
    if (method.upper(), path) not in LEAVE_OUT
]


def value(schema: dict[str, Any], chance: random.Random, depth: int = 0) -> Any:
    """Something of a schema's kind, or now and then of none."""
    if chance.random() < 0.12 or depth > 5:
        return chance.choice(ODD)
    if "$ref" in schema:
        return value(DESCRIBED["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], chance, depth + 1)
    if "anyOf" in schema:
        return value(chance.choice(schema["anyOf"]), chance, depth + 1)
    if "enum" in schema:
        return chance.choice([*schema["enum"], "none of them"])
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        needed = schema.get("required", [])
        made = {
            name: value(about, chance, depth + 1)
            for name, about in fields.items()
            if name in needed or chance.random() < 0.5
        }
        return {**made, "extra": 1} if chance.random() < 0.05 else made
    if kind == "array":
        return [value(schema["items"], chance, depth + 1) for _ in range(chance.choice((0, 1, 2, 20)))]
    if kind == "integer":
        low, high = schema.get("minimum", 0), schema.get("maximum", 100)
        return chance.choice((low, high, low - 1, high + 1, 1))
    if kind == "number":
        return chance.choice((0.0, -1.0, 0.5, 1e308))
    if kind == "boolean":
        return chance.random() < 0.5
    return chance.choice(TEXTS)


def ask(client: TestClient, method: str, path: str, about: dict[str, Any], chance: random.Random) -> Any:
    query = {
        one["name"]: value(one["schema"], chance)
        for one in about.get("parameters", [])
        if one["in"] == "query" and chance.random() < 0.5
    }
    place = path.replace("{id}", chance.choice(("m-white", "nobody", "%00", "..", "me", "0" * 32)))
    body = about.get("requestBody", {}).get("content", {})
    if "application/json" in body:
        return client.request(method, place, params=query, json=value(body["application/json"]["schema"], chance))
    if "multipart/form-data" in body:
        data = bytes(chance.randrange(256) for _ in range(50))
        return client.request(method, place, params=query, files={"file": ("a", data)})
    return client.request(method, place, params=query)


def require_described(path: str, about: dict[str, Any], answer: Any) -> None:
    """The body has the shape that the file gives for its status."""
    assert answer.status_code < 500, (path, answer.status_code, answer.text[:300])
    if answer.status_code in (204, 304) or "json" not in answer.headers.get("content-type", ""):
        return
    if answer.status_code == 405:  # `..` leads to another address
        return
    said = about["responses"].get(str(answer.status_code))
    if path == "/metrics":
        return
    assert said is not None, (path, answer.status_code, answer.text[:300])
    schema = {**said["content"]["application/json"]["schema"], "components": DESCRIBED["components"]}
    Draft202012Validator(schema).validate(answer.json())


@pytest.mark.parametrize("rounds", [3, pytest.param(480, marks=pytest.mark.long)])
def test_no_request_is_our_fault_and_every_answer_is_as_described(world: World, rounds: int) -> None:
    chance = random.Random(rounds)
    world.serving.errands.close()  # what is taken need not be drawn
    client = world.owner
    for _ in range(rounds):
        for method, path, about in OPERATIONS:
            if (method, path) == ("POST", "/v1/images/generations"):
                continue  # waits for the drawing that is not done here
            require_described(path, about, ask(client, method, path, about, chance))
