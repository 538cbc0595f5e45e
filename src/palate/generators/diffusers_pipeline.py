"""Any diffusers text-to-image pipeline, with or without LoRAs, as a generator.

A batch's size decides which arithmetic kernels run, and so the low bits of a picture; its neighbours and its place in
the batch do not. So every drawing is done in batches of one fixed size (one, for a large pipeline on a CPU, where more
is no faster), the last filled up with copies of its last order.

The number of threads decides them too: a small pipeline draws on one thread whatever the machine (more are slower), a
large one on as many as its process has, and repeats itself to the bit only with as many. Noise is drawn on the CPU,
from each order's own seed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.errors import PalateError
from palate.generators.changing import beginnings, changer_of
from palate.generators.loading import LoadedBase, free_device_memory
from palate.generators.protocol import Order
from palate.quiet import quietly
from palate.safety.pictures import looks_degenerate

Floats = NDArray[np.float32]


class DiffusersGenerator:
    """A base with its adapters and their weights. Several may share one base."""

    def __init__(
        self, name: str, base: LoadedBase, adapters: Sequence[tuple[str, float]] = (), *, batch: int | None = None
    ) -> None:
        self.name = name
        self.batch = batch or base.batch
        self._base: LoadedBase | None = base
        self._held: list[tuple[str, float]] = []
        try:
            for location, weight in adapters:
                self._held.append((base.hold_adapter(location), weight))
        except BaseException:
            self.close()
            raise

    def draw(self, orders: Sequence[Order]) -> list[Image.Image]:
        """One picture an order. What stays black or not finite comes back black: `looks_degenerate` tells."""
        base = self._opened()
        pictures: list[Image.Image | None] = [None] * len(orders)
        with base.lock, quietly(), base.steady_threads():
            base.wear(tuple(self._held))
            for places in alike(orders):
                try:
                    drawn = self._in_batches(base, [orders[place] for place in places])
                except PalateError:
                    raise
                except (ValueError, RuntimeError, TypeError) as error:
                    line = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
                    raise PalateError("drawing_failed", line, about=self.name) from error
                for place, picture in zip(places, drawn, strict=True):
                    pictures[place] = picture
        return [picture for picture in pictures if picture is not None]

    @contextmanager
    def one_by_one(self) -> Iterator[None]:
        """Batches of one: a single picture of a tiny pipeline comes three times as soon."""
        before, self.batch = self.batch, 1
        try:
            yield
        finally:
            self.batch = before

    def close(self) -> None:
        base, self._base = self._base, None
        if base is not None:
            for name, _ in self._held:
                base.let_adapter_go(name)

    def _opened(self) -> LoadedBase:
        if self._base is None:
            raise PalateError("generator_closed", "it was closed and draws no more", about=self.name)
        return self._base

    def _in_batches(self, base: LoadedBase, orders: Sequence[Order]) -> list[Image.Image]:
        """Orders that differ in words and seed only. Out of memory, the batch is halved once."""
        try:
            return self._pictures(base, orders)
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error) or self.batch == 1:
                raise _plain(error, self.name) from error
        free_device_memory()
        self.batch = self.batch // 2
        try:
            return self._pictures(base, orders)
        except (MemoryError, RuntimeError) as error:
            raise _plain(error, self.name) from error

    def _pictures(self, base: LoadedBase, orders: Sequence[Order]) -> list[Image.Image]:
        drawn: list[Image.Image] = []
        for start in range(0, len(orders), self.batch):
            part = list(orders[start : start + self.batch])
            full = part + [part[-1]] * (self.batch - len(part))
            floats = run(base, full)[: len(part)]
            if is_half(base.dtype) and any(looks_degenerate(one) for one in floats):
                floats = retried(base, full, floats)
            drawn += [as_picture(one) for one in floats]
        return drawn


def alike(orders: Sequence[Order]) -> Iterator[list[int]]:
    """Places of orders that one call can draw together: all but words and seed are equal."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for place, order in enumerate(orders):
        # An absent negative text and an empty one are not the same to every pipeline, so they never share a call.
        size, how = (order.width, order.height), (order.steps, order.cfg, order.sampler)
        key = (size, how, bool(order.negative), order.start, order.strength)
        groups.setdefault(key, []).append(place)
    yield from groups.values()


def run(base: LoadedBase, orders: Sequence[Order]) -> Floats:
    """(n, height, width, 3) in [0, 1], before anything is rounded, so that NaN still shows."""
    import torch

    first = orders[0]
    wanted: dict[str, Any] = {
        "prompt": [order.text for order in orders],
        "negative_prompt": [order.negative for order in orders] if first.negative else None,
        "width": first.width or first.height,  # pipelines ignore one without the other
        "height": first.height or first.width,
        "num_inference_steps": first.steps,
        "guidance_scale": first.cfg,
        "generator": [torch.Generator("cpu").manual_seed(order.seed) for order in orders],
        "output_type": "np",
    }
    pipeline, accepts = base.pipeline, base.accepts
    if first.start is not None:
        pipeline = changer_of(base)
        accepts = frozenset(inspect.signature(type(pipeline).__call__).parameters)
        wanted |= beginnings(base.pipeline, orders)
    given = {name: value for name, value in wanted.items() if value is not None and name in accepts}
    own = pipeline.scheduler
    if first.sampler is not None:
        from palate.generators.samplers import with_sampler

        pipeline.scheduler = with_sampler(pipeline, first.sampler)
    try:
        with torch.inference_mode():
            floats: Floats = np.asarray(pipeline(**given).images, dtype=np.float32)
    finally:
        pipeline.scheduler = own
    return floats


Run = Callable[[LoadedBase, Sequence[Order]], Floats]


def retried(base: LoadedBase, orders: Sequence[Order], floats: Floats, draw: Run = run) -> Floats:
    """Half precision overflows in some picture decoders: what came out broken is drawn once more in float32."""
    import torch

    base.pipeline.to(dtype=torch.float32)
    try:
        again = draw(base, orders)
    finally:
        base.pipeline.to(dtype=base.dtype)
    broken = [position for position, one in enumerate(floats) if looks_degenerate(one)]
    floats[broken] = again[broken]
    return floats


def as_picture(floats: Floats) -> Image.Image:
    """8-bit RGB; one that is not finite becomes all black, so that nobody takes it for a picture."""
    if not np.isfinite(floats).all():
        floats = np.zeros_like(floats)
    return Image.fromarray((floats * 255).round().clip(0, 255).astype(np.uint8), "RGB")


def is_half(dtype: Any) -> bool:
    return bool(dtype.itemsize < 4)


def is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text


def _plain(error: BaseException, name: str) -> BaseException:
    if not is_out_of_memory(error):
        return error
    return PalateError(
        "out_of_memory", "this machine's memory is too small for it", about=name, hint="ask for a smaller picture"
    )
