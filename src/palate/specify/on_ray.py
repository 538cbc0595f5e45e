"""Batches drawn by actors of a Ray cluster, each with its own loaded model; the parent alone speaks to the database.

A cluster runs whatever it is sent, so whoever reaches one owns its machines: Palate uses one only with token login,
and none whose dashboard answers strangers. Without an address a cluster is started for the job, on this machine alone,
with a token of its own and no dashboard.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from palate.errors import PalateError
from palate.quiet import quietly
from palate.specify.executors import Batch, Drawn, draw_batch

MODE, TOKEN, TOKEN_FILE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
STORE_BYTES = 128 * 1024 * 1024
"""Memory for what is on its way: pictures as files are small."""
ANSWERS_STRANGERS = "api/cluster_status"
SECONDS = 5.0


class RayWorkers:
    """Actors that draw; one that dies is started again, and its batch is told as failed."""

    def __init__(self, address: str | None = None, count: int | None = None) -> None:
        self.count = count or max(1, os.cpu_count() or 1)
        self._ray = _connected(address, self.count)
        actor = self._ray.remote(num_cpus=1, max_restarts=-1)(_Drawing)
        self._actors = [actor.remote() for _ in range(self.count)]
        self._busy = dict.fromkeys(range(self.count), 0)

    def spent(self) -> list[float]:
        """Seconds of a processor that each actor used so far; the answer waits until every one is there."""
        return list(self._ray.get([actor.spent.remote() for actor in self._actors]))

    def submit(self, batch: Batch) -> Future[list[Drawn]]:
        """To the actor with least to do."""
        place = min(self._busy, key=lambda one: (self._busy[one], one))
        self._busy[place] += 1
        future: Future[list[Drawn]] = self._actors[place].draw.remote(batch).future()
        future.add_done_callback(lambda _: self._ended(place))
        return future

    def _ended(self, place: int) -> None:
        self._busy[place] -= 1

    def close(self) -> None:
        """Leaves the cluster as it was found; one that was started here ends."""
        for actor in self._actors:
            self._ray.kill(actor)
        self._ray.shutdown()


class _Drawing:
    """What an actor is: it holds what `draw_batch` opened, until another model's turn comes."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)

    def spent(self) -> float:
        return time.process_time()

    def draw(self, batch: Batch) -> list[Drawn]:
        return draw_batch(batch)


def _connected(address: str | None, count: int) -> Any:
    address = address or os.environ.get("RAY_ADDRESS")
    _require_login(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    os.environ.setdefault("RAY_worker_niceness", "0")  # else its actors give way to everything, and here draw for ever
    try:
        import ray
    except ImportError as error:
        raise PalateError("not_installed", "Ray needs the package ray", hint='pip install "palate[ray]"') from error
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    try:
        with quietly():
            if address is None:
                alone: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
                ray.init(num_cpus=count, object_store_memory=STORE_BYTES, **alone, **quiet)
                return ray
            context = ray.init(address=address, **quiet)
    except (ConnectionError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        raise PalateError(
            "cluster_unreachable",
            "the Ray cluster does not let this in",
            about="address",
            hint="is it up, and does it know this token?",
        ) from error
    dashboard = context.address_info.get("webui_url")
    if dashboard and answers_strangers(f"http://{dashboard}/{ANSWERS_STRANGERS}"):
        ray.shutdown()
        raise PalateError(
            "cluster_open",
            "this cluster's dashboard answers who shows no token, so anybody who reaches it can run anything there",
            about="address",
            hint=f"start it with {MODE}=token",
        )
    return ray


def _require_login(address: str | None) -> None:
    """Token login is on; for a cluster of one's own with a token that is made now and written nowhere."""
    mode = os.environ.get(MODE)
    if address is None and mode is None:
        from palate.people.secrets import fresh

        os.environ[MODE] = "token"
        os.environ.setdefault(TOKEN, fresh())
        return
    if (mode or "").lower() != "token":
        raise PalateError(
            "cluster_open",
            "a Ray cluster without token login runs what anybody sends it",
            about=MODE,
            hint=f"set {MODE}=token for the cluster and here",
        )
    kept = Path(os.environ.get(TOKEN_FILE) or Path.home() / ".ray" / "auth_token")
    if not os.environ.get(TOKEN) and not kept.is_file():
        raise PalateError(
            "no_token", "there is no token for the Ray cluster", about=TOKEN, hint=f"set {TOKEN} or {TOKEN_FILE}"
        )


def answers_strangers(address: str) -> bool:
    """Whether it lets somebody look who shows nothing."""
    import httpx

    try:
        return httpx.get(address, timeout=SECONDS, trust_env=False).status_code < 400
    except httpx.HTTPError:
        return False
