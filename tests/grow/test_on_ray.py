"""Drawing on a Ray cluster: what one process would have drawn, and no cluster that lets strangers in."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from palate.errors import PalateError
from palate.specify import on_ray
from palate.studio import Studio
from palate.testing.killing import what_it_holds
from palate.testing.worlds import build_tiny_world

with_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install ray")


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (on_ray.MODE, on_ray.TOKEN, on_ray.TOKEN_FILE, "RAY_ADDRESS", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, "")  # so that it is as before afterwards
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.parametrize("mode", [None, "disabled", ""])
def test_a_cluster_without_token_login_is_refused_before_anything_is_sent(
    mode: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode is not None:
        monkeypatch.setenv(on_ray.MODE, mode)
    with pytest.raises(PalateError) as caught:
        on_ray.RayWorkers("127.0.0.1:1", 1)
    assert caught.value.code == "cluster_open"


def test_a_cluster_of_ones_own_has_token_login_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(on_ray.MODE, "disabled")
    with pytest.raises(PalateError) as caught:
        on_ray.RayWorkers(None, 1)
    assert caught.value.code == "cluster_open"


def test_who_has_no_token_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(on_ray.MODE, "token")
    with pytest.raises(PalateError) as caught:
        on_ray.RayWorkers("127.0.0.1:1", 1)
    assert caught.value.code == "no_token"


@pytest.fixture(params=[200, 401])
def dashboard(request: pytest.FixtureRequest) -> Iterator[tuple[int, str]]:
    """Something that answers everybody so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield request.param, f"http://127.0.0.1:{server.server_port}/{on_ray.ANSWERS_STRANGERS}"
        server.shutdown()
        thread.join()


def test_a_dashboard_in_the_open_is_noticed(dashboard: tuple[int, str]) -> None:
    status, address = dashboard
    assert on_ray.answers_strangers(address) == (status == 200)
    assert not on_ray.answers_strangers("http://127.0.0.1:1/")


@with_ray
@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_two_actors_draw_what_one_process_draws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    build_tiny_world(tmp_path / "world", loras=2)
    (tmp_path / "prompts.txt").write_text("a red circle\na blue square\na green cross\n")
    held = []
    for executor in ("serial", "ray"):
        studio = Studio.create(str(tmp_path / executor))
        studio.config_set("encoder", str(tmp_path / "world" / "clip"))
        studio.config_set("steps", "3")
        studio.add_models(tmp_path / "world" / "pipeline")
        studio.add_models(tmp_path / "world" / "loras")
        done = studio.specify(prompts=tmp_path / "prompts.txt", executor=executor, workers=2)
        studio.close()
        assert (done["done"], done["parked"]) == (9, 0), done
        held.append(what_it_holds(tmp_path / executor))
    assert held[0] == held[1]
