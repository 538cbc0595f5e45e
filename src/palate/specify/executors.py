"""Where tasks run: in this process or in a pool. Either way the parent alone speaks to the database."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from typing import Any, Literal, Protocol

from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.generators.protocol import Generator
from palate.jobs.tasks import Task

ExecutorName = Literal["serial", "pool"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks of one model, with what a worker needs to know to draw them."""

    model: Model
    base: Model | None
    tasks: tuple[Task, ...]
    device: str
    starts: Mapping[str, bytes] = field(default_factory=dict)
    """Pictures that tasks begin from, by the ids of uploads."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A task's picture as the bytes that will be stored."""

    key: str
    png: bytes
    width: int
    height: int
    degenerate: str | None
    """Why it is no picture to speak of: black, constant, not finite."""


class Workers(Protocol):
    """Something that runs `draw_batch`."""

    count: int

    def submit(self, batch: Batch) -> Future[list[Drawn]]: ...

    def close(self) -> None: ...


@dataclass
class _Opened:
    """One generator stays open in a process: tasks come model by model."""

    key: tuple[Any, ...] = ()
    generator: Generator | None = None
    extra: dict[str, Any] = field(default_factory=dict)


_OPENED = _Opened()


def generator_for(model: Model, base: Model | None, device: str) -> Generator:
    key = (model.id, model.location, base.id if base else None, device)
    if _OPENED.generator is None or _OPENED.key != key:
        from palate.generators.opening import open_generator

        if _OPENED.generator is not None:
            _OPENED.generator.close()
        _OPENED.generator = None
        _OPENED.generator = open_generator(model, base=base, device=None if device == "auto" else device)
        _OPENED.key = key
    return _OPENED.generator


def draw_batch(batch: Batch) -> list[Drawn]:
    """Draw a batch and answer finished files: all that a worker process does."""
    from palate.safety.pictures import looks_degenerate
    from palate.specify.orders import order_of

    generator = generator_for(batch.model, batch.base, batch.device)
    pictures = generator.draw([order_of(task, batch.starts) for task in batch.tasks])
    if len(pictures) != len(batch.tasks):
        raise PalateError("drawing_failed", f"{len(pictures)} pictures for {len(batch.tasks)} orders")
    return [
        Drawn(task.key, as_png(picture, batch.model, task), picture.width, picture.height, looks_degenerate(picture))
        for task, picture in zip(batch.tasks, pictures, strict=True)
    ]


def as_png(picture: Any, model: Model, task: Task) -> bytes:
    """PNG bytes that carry their provenance in the form most tools read (A1111's `parameters`)."""
    from PIL.PngImagePlugin import PngInfo

    payload = task.payload
    facts = {"Seed": payload["seed"], "Size": f"{picture.width}x{picture.height}", "Model": model.name}
    for name, label in (("steps", "Steps"), ("cfg", "CFG scale"), ("sampler", "Sampler")):
        if name in payload["settings"]:
            facts[label] = payload["settings"][name]
    facts["Version"] = "palate"
    lines = [payload["text"]]
    if payload["prompt"]["negative"]:
        lines.append(f"Negative prompt: {payload['prompt']['negative']}")
    lines.append(", ".join(f"{label}: {value}" for label, value in facts.items()))
    text = PngInfo()
    text.add_itxt("parameters", "\n".join(lines).encode("utf-8", "replace").decode("utf-8"))
    target = io.BytesIO()
    picture.save(target, "PNG", pnginfo=text)
    return target.getvalue()


class Serial:
    """One after the other, here."""

    count = 1

    def submit(self, batch: Batch) -> Future[list[Drawn]]:
        future: Future[list[Drawn]] = Future()
        try:
            future.set_result(draw_batch(batch))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        if _OPENED.generator is not None:
            _OPENED.generator.close()
        _OPENED.generator, _OPENED.key = None, ()


class Pool:
    """Worker processes, each with its own loaded model; one that dies is replaced."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or max(1, os.cpu_count() or 1)
        self._pool: Executor | None = None
        self._lock = threading.Lock()

    def submit(self, batch: Batch) -> Future[list[Drawn]]:
        """After a worker died the pool of the standard library is broken for good, so a new one is made."""
        with self._lock:
            if self._pool is None:
                self._pool = self._fresh()
            try:
                return self._pool.submit(draw_batch, batch)
            except BrokenProcessPool:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = self._fresh()
                return self._pool.submit(draw_batch, batch)

    def _fresh(self) -> Executor:
        return ProcessPoolExecutor(
            self.count, mp_context=get_context("spawn"), initializer=_quiet_worker, initargs=(self.count,)
        )

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None


def _quiet_worker(count: int) -> None:
    import signal

    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to answer
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // count))


def _end_with_the_parent() -> None:
    """A worker waits for work through a pipe that it holds open itself: a killed parent it would wait for for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def open_workers(name: ExecutorName, count: int | None = None) -> Workers:
    return Pool(count) if name == "pool" else Serial()


def chunks(tasks: Sequence[Task], size: int) -> list[Sequence[Task]]:
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]
