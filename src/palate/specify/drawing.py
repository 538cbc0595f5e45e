"""Run a drawing job to its end: claim, draw, store the blob, then row and task-done in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from palate.catalogue import pictures as picture_rows
from palate.catalogue.home import Home
from palate.catalogue.records import Credit, CreditRole, Drawing, Model, Picture, Prompt, digest
from palate.errors import PalateError
from palate.generators.opening import drawn_in_one_go, drawn_together
from palate.jobs import tasks as queue
from palate.jobs.tasks import HowMany, LeaseLostError, Task
from palate.specify import orders
from palate.specify.executors import Batch, Drawn, Workers

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

FOR_GOOD = {
    *("unsafe_format", "model_corrupt", "model_changed", "model_missing", "no_base"),
    *("cannot_draw", "cannot_edit", "start_missing"),
}
"""Errors that trying again will not mend."""


def nothing(_what: str, _done: int, _of: int) -> None:
    """No progress wanted."""


@dataclass
class Outcome:
    """What became of a job: how many of its tasks are done, and why the others are not."""

    job: str
    done: int = 0
    drawn_now: int = 0
    parked: int = 0
    errors: dict[str, list[str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return {
            "job": self.job,
            "done": self.done,
            "drawn": self.drawn_now,
            "parked": self.parked,
            "errors": self.errors,
        }


def run(
    home: Home,
    job: str,
    models: Mapping[str, Model],
    workers: Workers,
    *,
    device: str = "auto",
    progress: Progress = nothing,
    batch: int | None = None,
) -> Outcome:
    """Everything of the job that is not done yet; killed at any point, a second call does the rest.

    Claimed are `batch` pictures at a time, else as many as the model draws in one go: no more are drawn again after a
    kill.
    """
    owner = queue.worker_name()
    outcome = Outcome(job)
    pending: dict[Future[list[Drawn]], Batch] = {}

    def in_one_go(group: str, payload: Mapping[str, Any]) -> int:
        base = payload["base"]
        return drawn_in_one_go(models[group], models[base] if base else None, device)

    with home.writing(), home.at_work(owner):
        with home.write() as connection:
            queue.release_all(connection)
            queue.retry_parked(connection, job)
            total = sum(queue.states(connection, job).values())
        try:
            while True:
                _fill(home, job, models, workers, pending, owner, device, batch or in_one_go)
                if not pending:
                    break
                finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    _settle(home, future, pending.pop(future), owner, outcome)
                with home.read() as connection:
                    progress("drawing", queue.states(connection, job).get("done", 0), total)
        except BaseException:
            _give_back(home, pending, owner)
            raise
        with home.read() as connection:
            states = queue.states(connection, job)
            outcome.done, outcome.parked = states.get("done", 0), states.get("parked", 0)
            outcome.errors = queue.errors(connection, job)
    return outcome


def at_once(tasks: Sequence[Task], models: Mapping[str, Model], device: str) -> int:
    """Each picture is told of as it is drawn; where several take no longer than one, they come together."""
    pairs = {(task.group, task.payload["base"]) for task in tasks}
    return min((drawn_together(models[id], models[base] if base else None, device) for id, base in pairs), default=1)


def _fill(
    home: Home,
    job: str,
    models: Mapping[str, Model],
    workers: Workers,
    pending: dict[Future[list[Drawn]], Batch],
    owner: str,
    device: str,
    size: int | HowMany,
) -> None:
    while len(pending) < workers.count:
        with home.write(beside=True) as connection:
            claimed = queue.claim(connection, job, owner, size)
        if not claimed:
            return
        base = claimed[0].payload["base"]
        starts = starts_of(home, claimed)
        batch = Batch(models[claimed[0].group], models[base] if base else None, tuple(claimed), device, starts)
        pending[workers.submit(batch)] = batch


def starts_of(home: Home, tasks: Sequence[Task]) -> dict[str, bytes]:
    """The pictures that these begin from, as far as they are still here."""
    ids = {start for task in tasks if (start := orders.start_of(task)) is not None}
    return {id: path.read_bytes() for id in ids if (path := home.uploads / id).is_file()}


def _settle(home: Home, future: Future[list[Drawn]], batch: Batch, owner: str, outcome: Outcome) -> None:
    try:
        drawn = future.result()
    except BrokenProcessPool:
        _fail(home, batch.tasks, owner, "the drawing process died (out of memory?)", for_good=False)
        return
    except PalateError as error:
        if error.code.startswith("storage"):
            raise
        _fail(home, batch.tasks, owner, str(error), for_good=error.code in FOR_GOOD)
        return
    except Exception as error:
        _fail(home, batch.tasks, owner, f"{type(error).__name__}: {str(error)[:300]}", for_good=False)
        return
    store(home, batch, drawn, owner)
    outcome.drawn_now += len(drawn)


def _fail(home: Home, tasks: Sequence[Task], owner: str, reason: str, *, for_good: bool) -> None:
    with home.write(beside=True) as connection:
        for task in tasks:
            with suppress(LeaseLostError):
                queue.fail(connection, task, owner, reason, for_good=for_good)


def _give_back(home: Home, pending: Mapping[Future[list[Drawn]], Batch], owner: str) -> None:
    with suppress(PalateError), home.write(beside=True) as connection:
        for batch in pending.values():
            for task in batch.tasks:
                with suppress(LeaseLostError):
                    queue.give_back(connection, task, owner)


def store(home: Home, batch: Batch, drawn: Sequence[Drawn], owner: str) -> None:
    """Blobs first, each durable; then their rows and the tasks' ends in one transaction."""
    ids = [home.blobs.put(picture.png) for picture in drawn]
    with home.write() as connection:
        rows = [
            Picture(
                id,
                picture.width,
                picture.height,
                "PNG",
                len(picture.png),
                "degenerate" if picture.degenerate else "ok",
                owned=True,
            )
            for id, picture in zip(ids, drawn, strict=True)
        ]
        picture_rows.put(connection, rows)
        drawings = [drawing_of(batch, task, id) for id, task in zip(ids, batch.tasks, strict=True)]
        picture_rows.put_drawings(connection, drawings)
        for task in batch.tasks:
            queue.complete(connection, task, owner)


def drawing_of(batch: Batch, task: Task, picture_id: str) -> Drawing:
    """Who drew it, from which words, with which seed: the base is credited beside an adapter."""
    said = task.payload["prompt"]
    role: CreditRole = "adapter" if batch.model.kind == "adapter" else "checkpoint"
    credits = [Credit(batch.model.name, role, 1.0, batch.model.full_hash, batch.model.id, "given")]
    settings = dict(task.payload["settings"])
    if batch.base is not None:
        settings["base"] = batch.base.id
    return Drawing(
        id=digest("drawing", task.key),
        picture_id=picture_id,
        source="drawn",
        credits=tuple(credits),
        prompt=Prompt(text=said["text"], negative=said["negative"], tag=said["tag"]),
        seed=task.payload["seed"],
        settings=settings,
        tool="palate",
    )
