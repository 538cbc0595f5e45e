"""Models that lie in a folder: what each is, what is known of it, and whether it has changed since.

Only headers, sidecars and a few kilobytes of each file are read. Nothing is written, moved or unpickled; links are
reported and not followed.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, groupby, islice
from multiprocessing import get_context
from pathlib import Path

from palate.catalogue.records import Model, digest
from palate.errors import PalateError
from palate.importers.anatomy import anatomy
from palate.importers.bases import architecture, base_family, base_of_tensors
from palate.importers.sidecars import PREVIEW_ENDINGS, SIDECARS, About, from_header, merged, read_card, read_sidecars
from palate.safety.paths import FileFound, FileSkipped, real_folder, shown, walk
from palate.safety.pipelines import PipelineFolder, check_pipeline, folder_hash, folder_stamp
from palate.safety.weights import Format, Header, fingerprint, read_header, sniff
from palate.safety.weights import full_hash as file_hash

WEIGHTS_ENDINGS = (".safetensors", ".sft", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
"""Names that are looked at; what a file is, its bytes tell."""

FEW = 512
"""Files up to which starting other processes costs more than it saves."""
CHUNK = 64

Known = Mapping[str, tuple[int, int]] | Callable[[str], tuple[int, int] | None]
"""Path to (size, mtime_ns) as they were when the model was last read."""


@dataclass(frozen=True, slots=True)
class ModelFound:
    """A model, new or changed; the id is its content's, so a moved file is the model it was."""

    model: Model
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelUnchanged:
    """Size and time are what they were: nothing was opened."""

    path: str


@dataclass(frozen=True, slots=True)
class ModelDuplicate:
    """The same header, size and samples as a model this scan has found already, at `first`."""

    path: str
    id: str
    first: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ModelRefused:
    """Something that cannot draw and why; `model` where it is listed all the same (quarantined, convert first)."""

    path: str
    code: str
    reason: str
    model: Model | None = None


Scanned = ModelFound | ModelUnchanged | ModelDuplicate | ModelRefused


@dataclass(frozen=True, slots=True)
class _Task:
    """A file or diffusers folder to be read, with the names of what lies beside it and says something of it."""

    root: str
    path: str
    beside: frozenset[str] = frozenset()
    is_folder: bool = False


def scan_models(
    folder: str | os.PathLike[str],
    *,
    known: Known | None = None,
    since_ns: int | None = None,
    workers: int | None = None,
) -> Iterator[Scanned]:
    """Every model in the folder and below, files in the order of their names.

    What `known` gives the present size and time of is not opened, unless a file beside it was written after
    `since_ns` (the start of the last scan). Diffusers folders are one model and not descended into. More than `FEW`
    files are read by `workers` processes (one a core).
    """
    root = real_folder(folder)
    look_up: Callable[[str], tuple[int, int] | None] = (
        (lambda _: None) if known is None else known.get if isinstance(known, Mapping) else known
    )
    first_paths: dict[str, str] = {}
    with closing(_read_all(_listed(root, look_up, since_ns), workers)) as results:
        for result in results:
            yield _once(result, first_paths)


def _once(result: Scanned, first_paths: dict[str, str]) -> Scanned:
    model = result.model if isinstance(result, ModelFound | ModelRefused) else None
    if model is None:
        return result
    first = first_paths.setdefault(model.id, model.location)
    if first == model.location:
        return result
    return ModelDuplicate(model.location, model.id, first, model.size or 0, model.mtime_ns or 0)


# ------------------------------------------------------------------------------------------------------------ listing


def _listed(
    root: str, look_up: Callable[[str], tuple[int, int] | None], since_ns: int | None
) -> Iterator[Scanned | _Task]:
    """What a walk can answer by itself, and tasks for what must be opened."""
    inside: str | None = None
    for here, entries in groupby(walk(root), lambda entry: os.path.dirname(entry.path)):  # noqa: PTH120
        if inside is not None and (here + os.sep).startswith(inside):
            continue
        files: dict[str, FileFound] = {}
        for entry in entries:
            if isinstance(entry, FileFound):
                files[os.path.basename(entry.path)] = entry  # noqa: PTH119
            elif _is_ours(entry):
                yield ModelRefused(entry.path, entry.code, entry.reason)
        if "model_index.json" in files:
            inside = here + os.sep
            unchanged = _folder_unchanged(here, look_up(here))
            yield ModelUnchanged(here) if unchanged else _Task(root, here, is_folder=True)
        else:
            yield from _listed_files(root, files, look_up, since_ns)


def _is_ours(entry: FileSkipped) -> bool:
    """Links and special files matter where they look like weights or are folders of them."""
    return entry.path.lower().endswith(WEIGHTS_ENDINGS) or not Path(entry.path).suffix


def _folder_unchanged(path: str, seen: tuple[int, int] | None) -> bool:
    if seen is None:
        return False
    try:
        return folder_stamp(path) == tuple(seen)
    except (PalateError, OSError):
        return False


def _listed_files(
    root: str,
    files: Mapping[str, FileFound],
    look_up: Callable[[str], tuple[int, int] | None],
    since_ns: int | None,
) -> Iterator[ModelUnchanged | _Task]:
    weights = [name for name in files if name.lower().endswith(WEIGHTS_ENDINGS)]
    card = {"README.md"} & files.keys() if len(weights) == 1 else set()
    endings = [*(ending for ending, _ in SIDECARS), *PREVIEW_ENDINGS]
    for name in weights:
        file = files[name]
        stem = name[: name.rindex(".")]
        beside = frozenset(card.union(stem + ending for ending in endings if stem + ending in files))
        same = look_up(file.path) == (file.size, file.mtime_ns)
        if same and (since_ns is None or all(files[other].mtime_ns < since_ns for other in beside)):
            yield ModelUnchanged(file.path)
        else:
            yield _Task(root, file.path, beside)


def _read_all(listed: Iterator[Scanned | _Task], workers: int | None) -> Generator[Scanned, None, None]:
    """Results in the order of the list; other processes help only where there is much to open."""
    waiting: list[Scanned | _Task] = []
    tasks = 0
    for item in listed:
        waiting.append(item)
        tasks += isinstance(item, _Task)
        if tasks > FEW:
            break
    count = (os.cpu_count() or 1) if workers is None else workers
    everything = chain(waiting, listed)
    if tasks <= FEW or count < 2:
        yield from map(_read, everything)
        return
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        pending: deque[Future[list[Scanned]]] = deque()
        try:
            while chunk := list(islice(everything, CHUNK)):
                pending.append(pool.submit(_read_chunk, chunk))
                if len(pending) > 4 * count:
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _read_chunk(chunk: list[Scanned | _Task]) -> list[Scanned]:
    return [_read(item) for item in chunk]


def _read(item: Scanned | _Task) -> Scanned:
    if not isinstance(item, _Task):
        return item
    try:
        return _read_folder(item) if item.is_folder else _read_file(item)
    except PalateError as error:
        return ModelRefused(item.path, error.code, error.message)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "cannot be read"
        return ModelRefused(item.path, "not_readable", reason)


# ------------------------------------------------------------------------------------------------------ one file


def _read_file(task: _Task) -> Scanned:
    try:
        header = read_header(task.path, task.root)
    except PalateError as error:
        return _unsound(task, error)
    parts = anatomy(header.tensors)
    if parts.kind is None:
        return ModelRefused(task.path, "not_drawable", f"{parts.what}: it does not draw by itself")
    about, warnings = _about(task, header.metadata)
    base, conflict = _settled_base(about.base, base_of_tensors(header.tensors))
    if conflict:
        warnings.append(conflict)
    if parts.kind == "checkpoint" and not parts.whole:
        warnings.append("only the diffusion weights are in this file; text encoders and decoder come from its base")
    model = _model(task.path, about, header, base)
    return ModelFound(replace(model, kind=parts.kind), tuple(warnings))


def _model(path: str, about: About, header: Header, base: str | None) -> Model:
    return Model(
        id=digest("file", header.hash, str(header.size)),
        name=about.name or _display_name(path),
        kind="checkpoint",
        location=path,
        base=base,
        base_location=about.base_location,
        tags=about.tags,
        trigger_words=about.trigger_words,
        downloads=about.downloads,
        maker=about.maker,
        licence=about.licence,
        size=header.size,
        mtime_ns=header.mtime_ns,
        header_hash=header.hash,
        known_hashes=about.known_hashes,
        card=about.card,
    )


def _about(task: _Task, metadata: Mapping[str, str]) -> tuple[About, list[str]]:
    """Everything its sidecars, its header and, where it lies alone in its folder, its card say."""
    folder, name = os.path.split(task.path)
    found, ignored = read_sidecars(task.root, folder, name[: name.rindex(".")], task.beside)
    found.append(from_header(metadata))
    if "README.md" in task.beside:
        try:
            found.append(read_card(task.root, f"{folder}/README.md"))
        except PalateError as error:
            ignored.append(f"sidecar ignored: {error.message} (README.md)")
    return merged(found), ignored


_SAYS_NOTHING = frozenset({"pytorch_lora_weights", "adapter_model", "model", "diffusion_pytorch_model", "lora", "last"})


def _display_name(path: str) -> str:
    """The file's name without its ending; the folder's where the file's is the same for everyone."""
    stem = Path(path).stem
    return Path(path).parent.name if stem.lower() in _SAYS_NOTHING else stem


def _settled_base(said: str | None, shaped: str | None) -> tuple[str | None, str | None]:
    """Texts tell families of one shape apart; where they contradict the shapes, the shapes are right."""
    if said is None or shaped is None:
        return said or shaped, None
    firm = {"SD15", "SD21", "SDXL"}
    if architecture(said) != architecture(shaped) and {architecture(said), architecture(shaped)} <= firm:
        return shaped, f"its texts say {said}, its tensors are those of {shaped}"
    return said, None


_WHAT: Mapping[Format, str] = {
    "pickle": "it is a pickle, which could run code when it is loaded",
    "gguf": "it is a GGUF file, which is not drawn from here",
    "zip": "it is a zip archive",
    "archive": "it is an archive",
}


def _unsound(task: _Task, error: PalateError) -> ModelRefused:
    """A pickle is listed: to be converted where it is honest about it, in quarantine where it is not."""
    kind = sniff(task.path, task.root)
    if kind not in _WHAT or error.code not in ("unsafe_format", "model_corrupt"):
        if kind == "unknown" and not task.path.lower().endswith((".safetensors", ".sft")):
            return ModelRefused(task.path, "not_a_model", "its bytes are of no format that is known here")
        return ModelRefused(task.path, error.code, error.message)
    reason = _WHAT[kind]
    disguised = task.path.lower().endswith((".safetensors", ".sft"))
    if disguised:
        reason += ", named as if it were safetensors"
    mark = fingerprint(task.path, task.root)
    about, _ = _about(task, {})
    model = Model(
        id=digest("file", mark.hash, str(mark.size)),
        name=about.name or _display_name(task.path),
        kind="checkpoint",
        location=task.path,
        base=about.base,
        tags=about.tags,
        trigger_words=about.trigger_words,
        downloads=about.downloads,
        maker=about.maker,
        licence=about.licence,
        state="quarantined" if disguised else "convert first",
        state_reason=reason,
        size=mark.size,
        mtime_ns=mark.mtime_ns,
        header_hash=mark.hash,
        known_hashes=about.known_hashes,
        card=about.card,
    )
    return ModelRefused(task.path, "unsafe_format", reason, model)


# ------------------------------------------------------------------------------------------------- a diffusers folder


def _read_folder(task: _Task) -> Scanned:
    try:
        pipeline = check_pipeline(task.path)
    except PalateError as error:
        return _unsafe_folder(task.path, error)
    warnings: list[str] = []
    about = About()
    if pipeline.card:
        try:
            about = read_card(task.root, f"{task.path}/README.md")
        except PalateError as error:
            warnings.append(f"sidecar ignored: {error.message} (README.md)")
    model = pipeline_model(task.path, pipeline, about)
    if model.state == "ready":
        return ModelFound(model, tuple(warnings))
    return ModelRefused(task.path, "unsafe_format", model.state_reason or "", model)


def pipeline_model(location: str, pipeline: PipelineFolder, about: About) -> Model:
    """A checked diffusers folder as a model; to be converted first where weights are not safetensors."""
    by_shape = {768: "SD15", 1024: "SD21", 2048: "SDXL"}.get(pipeline.context_width or 0)
    by_class = base_family(pipeline.class_name)
    shaped = by_shape or by_class
    guess = base_family(Path(location).name)
    if guess is not None and shaped is not None and architecture(guess) != architecture(shaped):
        guess = None
    missing = ", ".join(pipeline.convert)
    return Model(
        id=digest("folder", pipeline.hash),
        name=about.name or Path(location).name,
        kind="pipeline",
        location=location,
        base=_settled_base(about.base or guess, shaped)[0],
        tags=about.tags,
        trigger_words=about.trigger_words,
        downloads=about.downloads,
        maker=about.maker,
        licence=about.licence,
        state="convert first" if missing else "ready",
        state_reason=f"the weights of {missing} are not safetensors" if missing else None,
        size=pipeline.size,
        mtime_ns=pipeline.mtime_ns,
        header_hash=pipeline.hash,
        known_hashes=about.known_hashes,
        card={**about.card, "pipeline": pipeline.class_name},
    )


def _unsafe_folder(path: str, error: PalateError) -> ModelRefused:
    if error.code != "unsafe_format":
        return ModelRefused(path, error.code, str(error))
    size, mtime_ns = folder_stamp(path)
    model = Model(
        id=digest("folder", path, str(size)),
        name=Path(path).name,
        kind="pipeline",
        location=path,
        state="quarantined",
        state_reason=error.message,
        size=size,
        mtime_ns=mtime_ns,
    )
    return ModelRefused(path, error.code, str(error), model)


# ------------------------------------------------------------------------------------------------------ before drawing


def quick_check(model: Model) -> None:
    """Raise `model_changed` where size, time or header are no longer what they were, `model_missing` where it is gone.

    Milliseconds, so it is done each time a model is opened. Endpoints and hub ids have nothing to look at.
    """
    if model.header_hash is None or model.mtime_ns is None:
        return
    about = shown(model.location)
    path = Path(model.location)
    if not path.exists():
        raise PalateError("model_missing", "the file is not there any more", about=about, hint="scan its folder again")
    try:
        if path.is_dir():
            pipeline = check_pipeline(path)
            now = (pipeline.size, pipeline.mtime_ns, pipeline.hash)
        else:
            mark = fingerprint(path)
            now = (mark.size, mark.mtime_ns, mark.hash)
    except PalateError as error:
        raise PalateError("model_changed", f"it changed after it was added: {error.message}", about=about) from None
    if now != (model.size, model.mtime_ns, model.header_hash):
        raise PalateError("model_changed", "it changed after it was added", about=about, hint="scan its folder again")


def full_hash(path: str | os.PathLike[str]) -> str:
    """sha256 of a whole file; of a folder, over the names and hashes of its files."""
    return folder_hash(path) if Path(path).is_dir() else file_hash(Path(path))
