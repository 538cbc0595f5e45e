"""Where tasks run: here, in a pool, or on Ray (`specify.on_ray`). The parent alone speaks to the database."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from typing import Any, Literal, Protocol

from palate.catalogue.records import Model
from palate.errors import PalateError
from palate.generators.protocol import FillsUp, Generator
from palate.jobs.tasks import Task

ExecutorName = Literal["serial", "pool", "ray"]
NICE = 5
"""By how much a process that draws aside gives way (POSIX)."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks of one model, with what a worker needs to know to draw them."""

    model: Model
    base: Model | None
    tasks: tuple[Task, ...]
    device: str
    starts: Mapping[str, bytes] = field(default_factory=dict)
    """Pictures that tasks begin from, by the ids of uploads."""
    one_by_one: bool = False
    """Not filled up to the batch that a model draws best in: a single picture comes sooner, and may differ in a bit."""


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


KEPT_BYTES = 100_000_000
"""Adapters of one base stay open together as long as they weigh no more than this."""


@dataclass
class _Opened:
    """What stays open in a process: one generator, since tasks come model by model, or a base's light adapters."""

    ground: tuple[Any, ...] = ()
    generators: dict[tuple[str, str], Generator] = field(default_factory=dict)
    """The one that drew last comes last."""
    weights: dict[tuple[str, str], int] = field(default_factory=dict)

    def close(self, most: int = 0) -> None:
        """Those that drew longest ago, until the others weigh at most so much."""
        while self.generators and (not most or sum(self.weights.values()) > most):
            oldest = next(iter(self.generators))
            del self.weights[oldest]
            self.generators.pop(oldest).close()


_OPENED = _Opened()


def generator_for(model: Model, base: Model | None, device: str) -> Generator:
    key = (model.id, model.location)
    worn = model.kind == "adapter" and base is not None and model.size is not None
    ground = (base.id if base else None, device, *(() if worn else key))
    if _OPENED.ground != ground:
        _OPENED.close()
        _OPENED.ground = ground
    generator = _OPENED.generators.pop(key, None)
    if generator is None:
        from palate.generators.opening import open_generator

        _OPENED.close(most=max(1, KEPT_BYTES - (model.size or 0)))
        generator = open_generator(model, base=base, device=None if device == "auto" else device)
        _OPENED.weights[key] = model.size or 0
    _OPENED.generators[key] = generator
    return generator


def draw_batch(batch: Batch) -> list[Drawn]:
    """Draw a batch and answer finished files: all that a worker process does."""
    from palate.safety.pictures import looks_degenerate
    from palate.specify.orders import order_of

    generator = generator_for(batch.model, batch.base, batch.device)
    singly = generator.one_by_one() if batch.one_by_one and isinstance(generator, FillsUp) else nullcontext()
    with singly:
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
        _OPENED.close()
        _OPENED.ground = ()


class Pool:
    """Worker processes, each with its own loaded model; one that dies is replaced.

    `aside` they give way to every other process: somebody waits for an answer while they draw.
    """

    def __init__(self, count: int | None = None, *, aside: bool = False) -> None:
        self.count = count or max(1, os.cpu_count() or 1)
        self._aside = aside
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
            self.count, mp_context=get_context("spawn"), initializer=_quiet_worker, initargs=(self.count, self._aside)
        )

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._pool = None


def _quiet_worker(count: int, aside: bool) -> None:
    import signal

    if aside and hasattr(os, "nice"):
        os.nice(NICE)

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


def open_workers(
    name: ExecutorName, count: int | None = None, *, aside: bool = False, address: str | None = None
) -> Workers:
    if name == "ray":
        from palate.specify.on_ray import RayWorkers

        return RayWorkers(address, count)
    return Pool(count, aside=aside) if name == "pool" else Serial()


def chunks(tasks: Sequence[Task], size: int) -> list[Sequence[Task]]:
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]
