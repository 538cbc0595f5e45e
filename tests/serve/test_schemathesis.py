"""Requests that schemathesis makes of the OpenAPI file, right ones and wrong ones: no fault, and no other shape.

It knows far more ways to be odd than `test_hostile_requests`, which in turn asks for things that are there.
`benchmarks/odd_requests.py` asks as many as one has time for.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from serving_world import World

pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install 'palate[dev]'")
import odd_requests


@pytest.mark.parametrize("each", [4, pytest.param(230, marks=pytest.mark.long)])
def test_no_request_is_our_fault_and_every_answer_has_the_shape_it_should(
    world: World, capsys: pytest.CaptureFixture[str], each: int
) -> None:
    with odd_requests.client_of(world) as client:
        lines = [odd_requests.ask(client, label, mode, each, 7) for label, mode in odd_requests.EVERY_ROUTE]
    told = odd_requests.summed(lines)
    with capsys.disabled():
        print(f"\n{told['requests']} requests, by status: {told['statuses']}")  # noqa: T201
    assert told["wrong"] == [], "\n\n".join(told["wrong"])
    assert told["requests"] >= (20_000 if each == 230 else 0.4 * each * len(odd_requests.OPERATIONS))
    assert told["statuses"]["200"] > 0
    assert told["statuses"]["422"] > 0


def test_asking_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    route = "GET /api/v1/models/{id}"
    monkeypatch.setattr(odd_requests, "EVERY_ROUTE", [(route, mode) for mode in odd_requests.MODES])
    kept = tmp_path / "kept"
    whole = odd_requests.go_on(kept, requests=6, each=4, number=7)
    assert [(line["seed"], line["mode"]) for line in whole] == [(7, "positive"), (7, "negative")]
    first, second = kept.read_text().splitlines(keepends=True)
    kept.write_text(first + second[:20])
    again = odd_requests.go_on(kept, requests=6, each=4, number=7)
    told = [{**line, "processor_s": 0} for line in again]
    assert told == [{**line, "processor_s": 0} for line in whole]
    assert odd_requests.go_on(kept, requests=6, each=4, number=7) == again
