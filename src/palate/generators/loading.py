"""Open a base (a diffusers folder, a hub id, a checkpoint file) once, and share it among the models that sit on it."""

from __future__ import annotations

import gc
import inspect
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from palate.catalogue.records import Model, digest
from palate.errors import PalateError
from palate.quiet import quietly

HALF_BY_DEFAULT = ("cuda", "mps")
SMALL = 400 * 1024**2
"""Bytes of weights below which one thread draws: a hundred million parameters."""
TINY = 100 * 1024**2
"""Bytes of weights below which a CPU is busier with calls than with sums, so that eight at once are twice as fast."""
TINY_BATCH = 8
ROOM_TO_WORK = 0.75
"""Share of the accelerator's free memory that weights may fill; above it, parts are moved in when they are needed."""
ROOMY = 20 * 1024**3
ROOMY_BATCH = 4


class LoadedBase:
    """A pipeline on its device, and which adapters it has read. One thread draws with it at a time."""

    def __init__(self, pipeline: Any, device: str, dtype: Any, batch: int) -> None:
        self.pipeline = pipeline
        self.changer: Any = None
        """The same weights as an image-to-image pipeline, once somebody changed a picture."""
        self.device = device
        self.dtype = dtype
        self.batch = batch
        self.lock = threading.RLock()
        self.accepts = frozenset(inspect.signature(type(pipeline).__call__).parameters)
        self._small = device == "cpu" and weights_bytes(pipeline) < SMALL
        self._users: dict[str, int] = {}
        self._active: tuple[tuple[str, float], ...] | None = ()
        """None after one was read or dropped, which switches others: the next drawing says anew which it wears."""

    @contextmanager
    def steady_threads(self) -> Iterator[None]:
        """One thread for a small pipeline on a CPU: sums in another order would give other low bits."""
        import torch

        before = torch.get_num_threads()
        if self._small:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            if self._small:
                torch.set_num_threads(before)

    def hold_adapter(self, location: str) -> str:
        """Read an adapter if nobody did, and say the name it goes by here."""
        name = f"a{digest('adapter', location, *_stamp(location))[:16]}"
        with self.lock:
            if name not in self._users:
                self._active = None
                read_adapter(self.pipeline, location, name)
            self._users[name] = self._users.get(name, 0) + 1
        return name

    def let_adapter_go(self, name: str) -> None:
        with self.lock, quietly():
            self._users[name] -= 1
            if self._users[name] == 0:
                del self._users[name]
                self.pipeline.delete_adapters(name)
                self._active = None

    def wear(self, adapters: tuple[tuple[str, float], ...]) -> None:
        """Draw with exactly these adapters, by their weights, and no other that was read."""
        if adapters == self._active or (not adapters and not self._users):
            return
        if adapters:
            self.pipeline.enable_lora()
            self.pipeline.set_adapters([name for name, _ in adapters], [weight for _, weight in adapters])
        else:
            self.pipeline.disable_lora()
        self._active = adapters


_SHARED: weakref.WeakValueDictionary[tuple[str, ...], LoadedBase] = weakref.WeakValueDictionary()
_LATEST: list[LoadedBase] = []
"""The base that was opened last stays, so that models which come one after the other do not load it again."""
_OPENING = threading.Lock()


def shared_base(model: Model, *, config: str | None, device: str | None) -> LoadedBase:
    """The base, loaded now or by an earlier call with the same file."""
    place = device or best_device()
    key = (model.location, *_stamp(model.location), str(config), place)
    with _OPENING:
        base = _SHARED.get(key)
        if base is None:
            forget_bases()  # two large bases rarely fit beside each other
            base = open_base(model, config=config, device=place)
            _SHARED[key] = base
            _LATEST[:] = [base]
        return base


def forget_bases() -> None:
    """Give back the memory of the base that is only kept in case it is wanted again."""
    if _LATEST:
        _LATEST.clear()
        gc.collect()
        free_device_memory()


def free_device_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def best_device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def open_base(model: Model, *, config: str | None, device: str) -> LoadedBase:
    """Load and place a pipeline; `config` is a diffusers folder that says how a single file is to be read."""
    import diffusers  # noqa: F401 - before quietly, which silences what is imported

    with quietly():
        path = Path(model.location).expanduser()
        if path.is_file():
            pipeline = read_checkpoint(path, model, config, device)
        else:
            pipeline = read_folder(path if path.is_dir() else _downloaded(model), model, device)
        pipeline.set_progress_bar_config(disable=True)
        if "prompt" not in inspect.signature(type(pipeline).__call__).parameters:
            raise PalateError("cannot_draw", f"a {type(pipeline).__name__} does not draw from words", about=model.name)
        size = weights_bytes(pipeline)
        return LoadedBase(_placed(pipeline, device), device, pipeline.dtype, batch_for(device, size))


def dtype_for(device: str, has_transformer: bool) -> Any:
    """float32 on a CPU. Elsewhere float16 for U-Nets, and bfloat16 for transformers, which overflow."""
    import torch

    if not device.startswith(HALF_BY_DEFAULT):
        return torch.float32
    return torch.bfloat16 if has_transformer else torch.float16


def read_folder(folder: Path, model: Model, device: str) -> Any:
    """The pipeline of a folder that is safe to open; its safety checker stays where it has one."""
    from diffusers import DiffusionPipeline

    from palate.safety.pipelines import check_pipeline

    hub_cache = folder.parent.parent if folder.parent.name == "snapshots" else None
    checked = check_pipeline(folder, links_within=str(hub_cache) if hub_cache else None)
    if checked.convert:
        raise PalateError(
            "unsafe_format",
            f"the weights of {', '.join(checked.convert)} are no safetensors",
            about=model.name,
            hint="convert them with a tool you trust",
        )
    dtype = dtype_for(device, "transformer" in checked.components)
    return _loaded(
        lambda: DiffusionPipeline.from_pretrained(
            folder, torch_dtype=dtype, use_safetensors=True, trust_remote_code=False, local_files_only=True
        ),
        model.name,
    )


def _downloaded(model: Model) -> Path:
    from palate.importers.hub import download

    if model.location.count("/") != 1 or model.location.startswith((".", "/", "~")):
        raise PalateError("model_missing", "its file is gone", about=model.location)
    return download(model.location, revision=model.card.get("revision"), files=model.card.get("files"))


PIPELINES: Mapping[str, str] = {
    "SD15": "StableDiffusionPipeline",
    "SD21": "StableDiffusionPipeline",
    "SDXL": "StableDiffusionXLPipeline",
    "SD3": "StableDiffusion3Pipeline",
    "SD35-medium": "StableDiffusion3Pipeline",
    "SD35-large": "StableDiffusion3Pipeline",
    "Flux1": "FluxPipeline",
}


def read_checkpoint(path: Path, model: Model, config: str | None, device: str) -> Any:
    """A single .safetensors file; how to read it comes from `config`, else from the hub's page of its family."""
    import json

    import diffusers

    from palate.importers.bases import architecture, base_of_tensors
    from palate.safety.weights import read_header

    header = read_header(path)
    if model.header_hash is not None and header.hash != model.header_hash:
        raise PalateError(
            "model_changed", "the file is not the one that was added", about=model.name, hint="add its folder again"
        )
    family = architecture(model.base or base_of_tensors(header.tensors) or "")
    name = PIPELINES.get(family)
    if config is not None:
        name = json.loads((Path(config) / "model_index.json").read_text())["_class_name"]
    if name is None or not hasattr(diffusers, str(name)):
        raise PalateError(
            "cannot_draw",
            f"a single file of the base {model.base or 'unknown'} is not known here",
            about=model.name,
            hint="give a diffusers folder of it, or of its base",
        )
    read = getattr(diffusers, name).from_single_file
    dtype = dtype_for(device, name not in ("StableDiffusionPipeline", "StableDiffusionXLPipeline"))
    options = {"torch_dtype": dtype, "config": config, "use_safetensors": True}
    return _loaded(lambda: read(str(path), local_files_only=config is not None, **options), model.name)


def _loaded(load: Any, about: str) -> Any:
    """Any way that a library fails to read weights, as one line."""
    try:
        return load()
    except PalateError:
        raise
    except Exception as error:
        if type(error).__module__.startswith(("httpx", "huggingface_hub", "requests")):
            raise PalateError(
                "download_failed",
                "its configuration is not here and the hub could not be reached",
                about=about,
                hint="a few kB, once for each family; or give a diffusers folder as its base",
            ) from None
        raise PalateError("model_unreadable", _first_line(error), about=about) from None


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def read_adapter(pipeline: Any, location: str, name: str) -> None:
    """Read a LoRA (diffusers', peft's or kohya's format) under a name; `adapter_unfit` where it is for another base."""
    from palate.safety.weights import read_header

    if not hasattr(pipeline, "load_lora_weights"):
        raise PalateError("adapter_unfit", f"a {type(pipeline).__name__} takes no adapters", about=location)
    path = Path(location).expanduser()
    options: dict[str, Any] = {"adapter_name": name, "use_safetensors": True}
    place = location
    if path.is_file():
        read_header(path)  # says clearly what is wrong, and lets nothing through that is not safetensors
        place, options["weight_name"], options["local_files_only"] = str(path.parent), path.name, True
    elif location.count("/") != 1:
        raise PalateError("model_missing", "its file is gone", about=location)
    with quietly():
        try:
            pipeline.load_lora_weights(place, **options)
        except Exception as error:
            _drop(pipeline, name)
            raise PalateError(
                "adapter_unfit", _first_line(error), about=location, hint="is it for this base?"
            ) from None
    if not any(name in names for names in pipeline.get_list_adapters().values()):
        raise PalateError("adapter_unfit", "nothing in it belongs to a layer of this base", about=location)


def _drop(pipeline: Any, name: str) -> None:
    """What a failed reading left behind."""
    if any(name in names for names in pipeline.get_list_adapters().values()):
        pipeline.delete_adapters(name)


def _placed(pipeline: Any, device: str) -> Any:
    import torch

    if device.startswith("cuda"):
        free, _ = torch.cuda.mem_get_info()
        if weights_bytes(pipeline) > ROOM_TO_WORK * free:
            pipeline.enable_model_cpu_offload(device=device)
            return pipeline
    return pipeline.to(device)


def weights_bytes(pipeline: Any) -> int:
    parts = [part for part in pipeline.components.values() if hasattr(part, "parameters")]
    return sum(weight.numel() * weight.element_size() for part in parts for weight in part.parameters())


def batch_for(device: str, size: int) -> int:
    """How many pictures at once, for so many bytes of weights."""
    import torch

    if device == "cpu":
        return TINY_BATCH if size < TINY else 1
    return ROOMY_BATCH if device.startswith("cuda") and torch.cuda.mem_get_info()[0] >= ROOMY else 1


def _stamp(location: str) -> tuple[str, ...]:
    """What changes when a file is replaced in place."""
    path = Path(location).expanduser()
    index = path / "model_index.json" if path.is_dir() else path
    return (str(index.stat().st_mtime_ns), str(index.stat().st_size)) if index.exists() else ()
