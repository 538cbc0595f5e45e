"""Requests that schemathesis makes of the OpenAPI file, right ones and wrong ones: no fault of ours, no other shape.

`python benchmarks/odd_requests.py [--requests 1000] [--each 8] [--seed 7] [--kept FILE]`. A pass asks a library
of its own, and its seed is its number: up to `--each` right requests to every route, and as many wrong ones; those that
take little have fewer. A route is a line of `--kept` once it was asked, so that the same command goes on where it was
stopped. An answer of 5xx, or one whose status, kind, headers or shape the OpenAPI file does not have, is said with a
command that asks for it again; whoever finds one exits with 1. Drawings that are waited for are not drawn.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from starlette.testclient import TestClient

sys.path.append(str(Path(__file__).parents[1] / "tests" / "serve"))
from serving_world import HOST, World, build_home

from palate.people.gate import ACTIONS
from palate.serve import images
from palate.serve.openapi import text

MEMORY = Path("/dev/shm")
CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
ENDS_THE_WORLD = ("DELETE /api/v1/me", "DELETE /api/v1/session")

load_all_checks()
DESCRIBED: Any = schemathesis.openapi.from_dict(json.loads(text()))
OPERATIONS = {
    label: operation
    for found in DESCRIBED.get_all_operations()
    if (label := (operation := found.ok()).label) not in ENDS_THE_WORLD
}
EVERY_ROUTE = [(label, mode) for label in OPERATIONS for mode in MODES]


@contextmanager
def client_of(world: World) -> Iterator[TestClient]:
    """Somebody with every right; what is ordered is taken and need not be drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "LONGEST_SECONDS", 0.0)
        world.serving.errands.close()
        client = world.with_key(world.key("me", *ACTIONS))
        client.portal = world.plain.portal  # one loop for all requests, not a new one for each
        yield client


def sendable(part: Any) -> tuple[Any, ...]:
    """A part of a form as the client takes it: a name, and bytes."""
    name, value, *rest = part if isinstance(part, tuple) else (None, part)
    return (name, value if isinstance(value, bytes | str) else json.dumps(value), *rest)


def sent(case: Any) -> dict[str, Any]:
    """A case as the client takes it."""
    wanted = case.as_transport_kwargs(base_url=HOST)
    wanted = {name: value for name, value in wanted.items() if name != "cookies" and value is not None}
    if isinstance(wanted.get("data"), bytes | str):
        wanted["content"] = wanted.pop("data")
    if "files" in wanted:
        wanted["files"] = [(name, sendable(part)) for name, part in wanted["files"]]
    return wanted


def ask(client: TestClient, label: str, mode: GenerationMode, count: int, number: int) -> dict[str, Any]:
    """How often each status was answered, and the first wrong answer with a command that asks for it again."""
    answered: Counter[int] = Counter()
    began = time.process_time()

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[label].as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        answer = client.request(**sent(case))
        answer.request.read()
        answered[int(answer.status_code)] += 1
        case.validate_response(answer, checks=CHECKS.get_by_names(CHECKED))

    wrong = None
    try:
        with suppress(Unsatisfiable):  # nothing can be wrong about a route that takes nothing
            one()
    except (Exception, BaseExceptionGroup) as error:
        wrong = str(error)[:1500]
    return {
        "seed": number,
        "route": label,
        "mode": mode.value,
        "statuses": {str(status): times for status, times in sorted(answered.items())},
        "wrong": wrong,
        "processor_s": round(time.process_time() - began, 1),
    }


def done(kept: Path) -> list[dict[str, Any]]:
    """What became of each route; a line that a kill cut short is of none."""
    lines = kept.read_text().splitlines(keepends=True) if kept.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}\n")]


def requests_of(lines: list[dict[str, Any]]) -> int:
    return sum(sum(line["statuses"].values()) for line in lines)


def go_on(kept: Path, requests: int, each: int, number: int) -> list[dict[str, Any]]:
    """Every route once, and passes until there were so many requests, without those routes of them that are kept."""
    lines, first = done(kept), number
    kept.write_text("".join(json.dumps(line) + "\n" for line in lines))
    while number == first or requests_of(lines) < requests:
        asked = {(line["route"], line["mode"]) for line in lines if line["seed"] == number}
        wanted = [(label, mode) for label, mode in EVERY_ROUTE if (label, mode.value) not in asked]
        with (
            tempfile.TemporaryDirectory(prefix="palate-", dir=MEMORY if MEMORY.exists() else None) as folder,
            kept.open("a") as file,
        ):
            build_home(Path(folder) / "home")
            with World(Path(folder) / "home") as world, client_of(world) as client:
                for label, mode in wanted:
                    if number == first or requests_of(lines) < requests:
                        lines.append(ask(client, label, mode, each, number))
                        file.write(json.dumps(lines[-1]) + "\n")
                        file.flush()
        number += 1
    return lines


def summed(lines: list[dict[str, Any]]) -> dict[str, Any]:
    statuses = sum((Counter(line["statuses"]) for line in lines), Counter[str]())
    return {
        "benchmark": "odd_requests",
        "requests": requests_of(lines),
        "routes": len({line["route"] for line in lines}),
        "statuses": dict(sorted(statuses.items())),
        "wrong": [f"{line['route']} ({line['mode']}): {line['wrong']}" for line in lines if line["wrong"]],
        "processor_s": round(sum(line["processor_s"] for line in lines)),
    }


def main(requests: int, each: int, seed: int, kept: Path | None) -> dict[str, Any]:
    gc.freeze()  # what was imported is not looked through again and again
    gc.set_threshold(50_000, 20, 20)
    with tempfile.TemporaryDirectory() as folder:
        return summed(go_on(kept or Path(folder) / "kept", requests, each, seed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kept", type=Path)
    told = main(**vars(parser.parse_args()))
    print(json.dumps(told))
    sys.exit(1 if told["wrong"] else 0)
