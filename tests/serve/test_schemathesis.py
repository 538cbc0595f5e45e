"""Requests that schemathesis makes of the OpenAPI file, right ones and wrong ones: no fault, and no other shape.

It knows far more ways to be odd than `test_hostile_requests`, which in turn asks for things that are there.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from serving_world import HOST, World
from starlette.testclient import TestClient

from palate.people.gate import ACTIONS
from palate.serve import images
from palate.serve.openapi import text

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install 'palate[dev]'")
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.checks import CHECKS, load_all_checks  # noqa: E402

load_all_checks()
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
MANY = 230
"""Requests of each kind to each route: three of four have so many, and the others take nothing that could vary."""
ENDS_THE_TEST = ("DELETE /api/v1/me", "DELETE /api/v1/session")
DESCRIBED = schemathesis.openapi.from_dict(json.loads(text()))
OPERATIONS = {
    label: operation
    for found in DESCRIBED.get_all_operations()
    if (label := (operation := found.ok()).label) not in ENDS_THE_TEST
}


def sendable(part: Any) -> tuple[Any, ...]:
    """A part of a form as the client takes it: a name, and bytes."""
    name, value, *rest = part if isinstance(part, tuple) else (None, part)
    return (name, value if isinstance(value, bytes | str) else json.dumps(value), *rest)


def asked(client: TestClient, operation: Any, mode: Any, count: int) -> Counter[int]:
    """How often each status was answered; a wrong answer raises with a command that asks for it again."""
    answered: Counter[int] = Counter()

    @seed(7)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        wanted = case.as_transport_kwargs(base_url=HOST)
        wanted = {name: value for name, value in wanted.items() if name != "cookies" and value is not None}
        if isinstance(wanted.get("data"), bytes | str):
            wanted["content"] = wanted.pop("data")
        if "files" in wanted:
            wanted["files"] = [(name, sendable(part)) for name, part in wanted["files"]]
        answer = client.request(**wanted)
        answer.request.read()
        answered[int(answer.status_code)] += 1
        case.validate_response(answer, checks=CHECKS.get_by_names(CHECKED))

    with suppress(Unsatisfiable):  # nothing can be wrong about a route that takes nothing
        ask()
    return answered


@pytest.mark.parametrize("count", [4, pytest.param(MANY, marks=pytest.mark.long)])
def test_no_request_is_our_fault_and_every_answer_has_the_shape_it_should(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], count: int
) -> None:
    monkeypatch.setattr(images, "LONGEST_SECONDS", 0.0)
    world.serving.errands.close()  # what is taken need not be drawn
    client = world.with_key(world.key("me", *ACTIONS))
    answered: Counter[int] = Counter()
    wrong: dict[str, str] = {}
    for label, operation in OPERATIONS.items():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                answered += asked(client, operation, mode, count)
            except (Exception, BaseExceptionGroup) as error:
                wrong[f"{label} ({mode.value})"] = str(error)[:1500]
    with capsys.disabled():
        print(f"\n{sum(answered.values())} requests, by status: {dict(sorted(answered.items()))}")  # noqa: T201
    said = "\n\n".join(f"{where}: {why}" for where, why in wrong.items())
    assert wrong == {}, said
    assert sum(answered.values()) >= (20_000 if count == MANY else 0.4 * count * len(OPERATIONS))
    assert answered[200] > 0
    assert answered[422] > 0
