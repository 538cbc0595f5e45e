"""From a catalogue entry to a generator that is ready to draw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from palate.catalogue.records import Model, ModelKind
from palate.errors import PalateError
from palate.generators.loading import TINY, TINY_BATCH, batch_for, best_device
from palate.generators.protocol import Generator

UNPACKED = 2
"""Files hold halves, and a CPU sums in float32."""


def open_generator(
    model: Model,
    *,
    base: Model | str | None = None,
    adapters: Sequence[tuple[Model, float]] = (),
    weight: float = 1.0,
    device: str | None = None,
    batch: int | None = None,
) -> Generator:
    """Open a model.

    An adapter sits on `base`, else on its own `base_location`, by `weight`; further `adapters` by theirs. For a single
    checkpoint file, `base` may be a diffusers folder that says how to read it. `device` None takes the best there is,
    and `batch` None what suits it.
    """
    if model.kind == "endpoint":
        return _open_endpoint(model, adapters)
    if model.kind == "listed" or model.state != "ready":
        reason = "only its name is known" if model.kind == "listed" else model.state_reason or model.state
        raise PalateError("cannot_draw", reason, about=model.name)
    from palate.generators.diffusers_pipeline import DiffusersGenerator
    from palate.generators.loading import shared_base

    worn = [(_located(adapter), by) for adapter, by in adapters]
    config = None
    drawer = model
    if model.kind == "adapter":
        drawer = base_model(model, base)
        worn.insert(0, (_located(model), weight))
    elif model.kind == "checkpoint" and base is not None:
        config = base if isinstance(base, str) else base.location
        if not (Path(config) / "model_index.json").is_file():
            raise PalateError("no_base", "it has no model_index.json", about=config)
    loaded = shared_base(drawer, config=config, device=device)
    return DiffusersGenerator(model.name, loaded, worn, batch=batch)


def base_model(adapter: Model, base: Model | str | None) -> Model:
    """What an adapter is put on; one adapter is never put on another."""
    if isinstance(base, Model):
        if base.kind not in ("pipeline", "checkpoint"):
            raise PalateError("no_base", f"an adapter cannot sit on a model of kind {base.kind}", about=base.name)
        return base
    location = base or adapter.base_location
    if location is None:
        raise PalateError("no_base", "an adapter draws only on a base", about=adapter.name, hint="give its base")
    kind: ModelKind = "checkpoint" if Path(location).is_file() else "pipeline"
    return Model(id=f"base:{location}", name=Path(location).name, kind=kind, location=location, base=adapter.base)


def drawn_together(model: Model, base: Model | None, device: str) -> int:
    """How many pictures of a model take no longer than one: its pipeline fills its batches up anyway."""
    ground = model if base is None else base
    if ground.kind not in ("pipeline", "checkpoint") or ground.size is None:
        return 1
    return _filled(device, UNPACKED * ground.size)


def drawn_in_one_go(model: Model, base: Model | None, device: str) -> int:
    """How many pictures of a model come at once at most: what is lost where whoever draws is killed."""
    ground = model if base is None else base
    if ground.kind not in ("pipeline", "checkpoint"):
        return 1
    if ground.size is None or ground.size < TINY:
        return TINY_BATCH
    return _filled(device, ground.size)


def _filled(device: str, size: int) -> int:
    return batch_for(best_device() if device == "auto" else device, size)


def _located(adapter: Model) -> str:
    if adapter.kind != "adapter":
        raise PalateError("adapter_unfit", f"it is of kind {adapter.kind}, not an adapter", about=adapter.name)
    path = Path(adapter.location).expanduser()
    if path.is_file() and adapter.header_hash is not None:
        from palate.safety.weights import read_header

        if read_header(path).hash != adapter.header_hash:
            raise PalateError(
                "model_changed",
                "the file is not the one that was added",
                about=adapter.name,
                hint="add its folder again",
            )
    return adapter.location


def _open_endpoint(model: Model, adapters: Sequence[tuple[Model, float]]) -> Generator:
    from palate.importers.endpoints import split_location

    protocol, address, asked_for = split_location(model.location)
    worn = tuple((adapter.location.rpartition("#")[2], weight) for adapter, weight in adapters)
    if protocol == "comfyui":
        from palate.generators.comfyui import ComfyUI

        return ComfyUI(model.name, address, asked_for, adapters=worn)
    if protocol == "a1111":
        from palate.generators.a1111 import A1111

        return A1111(model.name, address, asked_for, adapters=worn)
    from palate.generators.openai_images import OpenAIImages

    if worn:
        raise PalateError("adapter_unfit", "this kind of endpoint takes no adapters", about=model.name)
    return OpenAIImages(model.name, address, asked_for)
