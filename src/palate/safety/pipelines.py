"""Whether a diffusers folder is safe to open: known classes, no code, no pickles, no links out of it (THREATS T2)."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from palate.errors import PalateError
from palate.safety.paths import FileFound, inside, read_regular, real_folder, shown, walk
from palate.safety.weights import full_hash, read_header

MAX_JSON = 1024 * 1024
MAX_TOKENIZER = 64 * 1024 * 1024
MAX_FILES = 2_000

CODE_ENDINGS = frozenset({".py", ".pyc", ".pyo", ".pyd", ".pyx", ".so", ".dll", ".dylib"})
PICKLE_ENDINGS = frozenset({".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".npy", ".npz"})
CODE_KEYS = frozenset({"auto_map", "custom_pipeline", "custom_pipelines", "trust_remote_code"})
"""Configuration keys that make a library fetch or import a stranger's module."""

_DRAWING = (
    r"(LatentConsistencyModel|LDMTextToImage|StableDiffusion(XL|3|3PAG|XLPAG|PAG)?|Flux|Flux2|Chroma|PixArt(Alpha|Sigma)"
    r"|Kolors|Lumina2?|LuminaText2Img|Lumina2Text2Img|HunyuanDiT|HiDreamImage|AuraFlow|Sana|SanaSprint|QwenImage|ZImage"
    r"|StableCascade(Combined|Decoder|Prior)?|Wuerstchen(Combined|Decoder|Prior)?|CogView[34](Plus)?|Bria|OmniGen)Pipeline"
)
_NETWORKS = (
    r"UNet2DConditionModel|UNet2DModel|StableCascadeUNet|AutoencoderKL\w{0,16}|AsymmetricAutoencoderKL|AutoencoderTiny"
    r"|AutoencoderDC|VQModel|PaellaVQModel|(\w{1,24})?Transformer2DModel|\w{1,32}Scheduler|VaeImageProcessor"
)
_READERS = (
    r"(CLIP|T5|UMT5|MT5|Bert|Gemma|Gemma2|Gemma3|Llama|Qwen2|Qwen3|Siglip)"
    r"(TextModel|TextModelWithProjection|EncoderModel|Model|ForCausalLM|Tokenizer|TokenizerFast|ImageProcessor|ImageProcessorPil"
    r"|FeatureExtractor|VisionModel|VisionModelWithProjection|Processor)|Qwen2Tokenizer(Fast)?|PreTrainedTokenizer(Fast)?"
    r"|TokenizersBackend|Qwen2_5_VLForConditionalGeneration|Qwen2VLProcessor"
)
ALLOWED: Mapping[str, re.Pattern[str]] = {
    "diffusers": re.compile(rf"(?:{_DRAWING}|{_NETWORKS})\Z"),
    "transformers": re.compile(rf"(?:{_READERS})\Z"),
    "stable_diffusion": re.compile(r"StableDiffusionSafetyChecker\Z"),
    "kolors": re.compile(r"ChatGLM(?:Model|Tokenizer)\Z"),
}
"""Library to class; the last two are modules of diffusers itself that old folders name."""

_WEIGHTLESS = re.compile(r".*(?:Scheduler|Tokenizer(?:Fast)?|FeatureExtractor|Processor(?:Pil)?|TokenizersBackend)\Z")


@dataclass(frozen=True, slots=True)
class PipelineFolder:
    """A folder that may be opened; where `convert` is not empty it may only be listed."""

    class_name: str
    components: Mapping[str, str]
    """Component to class, for those that are there."""
    convert: tuple[str, ...]
    """Components whose weights are there, but not as safetensors."""
    context_width: int | None
    """What its U-Net's cross-attention reads."""
    hash: str
    size: int
    mtime_ns: int
    card: bool
    """Whether it has a README.md."""


def check_pipeline(folder: str | os.PathLike[str], *, links_within: str | None = None) -> PipelineFolder:
    """The folder's description, or `unsafe_format`, `path_not_allowed` or `model_corrupt` with the reason.

    `links_within` lets links lead to files of that folder: the hub's cache keeps its snapshots so.
    """
    root = real_folder(folder)
    files = dict(_files(root, links_within))
    for name in files:
        if PurePath(name).suffix.lower() in CODE_ENDINGS:
            raise _unsafe("it brings code, and code in a model's folder is never run", f"{root}/{name}")
    if "model_index.json" not in files:
        raise PalateError("model_corrupt", "it has no model_index.json", about=shown(root))
    state = hashlib.sha256()
    configurations = dict(_configurations(files, state))
    class_name, components = _components(configurations["model_index.json"], root)
    for name, values in configurations.items():
        _refuse_code(values, f"{root}/{name}")
        _refuse_unknown_class(name, values, f"{root}/{name}")
    convert = tuple(part for part in components if _needs_conversion(part, components[part], files, root))
    for name in sorted(files):
        if name.endswith(".safetensors"):
            real = files[name].path
            state.update(f"{name}\0{read_header(real, os.path.dirname(real)).hash}\0".encode("utf-8", "surrogatepass"))  # noqa: PTH120
    unet = configurations.get("unet/config.json", {})
    width = unet.get("cross_attention_dim") if isinstance(unet, dict) else None
    return PipelineFolder(
        class_name=class_name,
        components=components,
        convert=convert,
        context_width=width if isinstance(width, int) else None,
        hash=state.hexdigest()[:32],
        size=sum(file.size for file in files.values()),
        mtime_ns=max(file.mtime_ns for file in files.values()),
        card="README.md" in files,
    )


def folder_stamp(folder: str | os.PathLike[str], *, links_within: str | None = None) -> tuple[int, int]:
    """(bytes, latest time) of a folder's files: what tells an unchanged one without opening it."""
    files = [file for _, file in _files(real_folder(folder), links_within)]
    return sum(file.size for file in files), max((file.mtime_ns for file in files), default=0)


def folder_hash(folder: str | os.PathLike[str], *, links_within: str | None = None) -> str:
    """sha256 over the names and the sha256 of all files, in hexadecimal."""
    state = hashlib.sha256()
    for name, file in sorted(_files(real_folder(folder), links_within)):
        state.update(f"{name}\0{full_hash(file.path)}\0".encode("utf-8", "surrogatepass"))
    return state.hexdigest()


def _files(root: str, links_within: str | None) -> Iterator[tuple[str, FileFound]]:
    """Names relative to the folder, with `/`, and where each file really lies."""
    count = 0
    for entry in walk(root):
        count += 1
        if count > MAX_FILES:
            raise PalateError("model_corrupt", f"it has more than {MAX_FILES} files", about=shown(root))
        name = os.path.relpath(entry.path, root).replace(os.sep, "/")
        if name.startswith((".git/", ".cache/")):
            continue
        if isinstance(entry, FileFound):
            yield name, entry
        elif entry.code == "link_not_followed" and links_within is not None:
            real = str(inside(links_within, os.path.realpath(entry.path)))
            if os.path.isdir(real):  # noqa: PTH112
                raise PalateError("path_not_allowed", "a link to a folder is not followed", about=shown(entry.path))
            status = os.stat(real)  # noqa: PTH116
            yield name, FileFound(real, status.st_size, status.st_mtime_ns)
        elif entry.code == "link_not_followed":
            raise PalateError("path_not_allowed", "a link may lead out of the folder", about=shown(entry.path))
        else:
            raise PalateError("path_not_allowed", entry.reason, about=shown(entry.path))


def _configurations(files: Mapping[str, FileFound], state: hashlib._Hash) -> Iterator[tuple[str, Any]]:
    """Every JSON file but vocabularies, which are data; their bytes go into the folder's identity."""
    for name in sorted(files):
        base = name.rpartition("/")[2]
        if not base.endswith(".json"):
            continue
        real = files[name].path
        vocabulary = base in ("vocab.json", "tokenizer.json", "added_tokens.json")
        limit = MAX_TOKENIZER if vocabulary else MAX_JSON * (16 if base.endswith(".index.json") else 1)
        raw, _ = read_regular(os.path.dirname(real), real, limit)  # noqa: PTH120
        if len(raw) > limit:
            raise PalateError("model_corrupt", f"larger than {limit} bytes", about=shown(real))
        state.update(f"{name}\0{hashlib.sha256(raw).hexdigest()}\0".encode("utf-8", "surrogatepass"))
        if not vocabulary:
            yield name, _parsed(raw, real)


def _parsed(raw: bytes, path: str) -> Any:
    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=_no_doubles)
    except RecursionError:
        raise PalateError("model_corrupt", "its JSON is nested too deeply", about=shown(path)) from None
    except ValueError as error:
        reason = str(error) if isinstance(error, _DoubledKeyError) else "it is not valid JSON"
        raise PalateError("model_corrupt", reason, about=shown(path)) from None


class _DoubledKeyError(ValueError):
    pass


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Parsers differ in which of two equal keys they believe, so there may not be two."""
    values = dict(pairs)
    if len(values) != len(pairs):
        raise _DoubledKeyError("its JSON names a key twice")
    return values


def _components(index: Any, root: str) -> tuple[str, dict[str, str]]:
    about = f"{root}/model_index.json"
    if not isinstance(index, dict):
        raise PalateError("model_corrupt", "it is not a JSON object", about=shown(about))
    class_name = index.get("_class_name")
    if not isinstance(class_name, str) or not re.match(rf"(?:{_DRAWING})\Z", class_name):
        raise _unsafe(f"its pipeline class {_cut(class_name)} is not one that is known to draw from words", about)
    components: dict[str, str] = {}
    for part, value in index.items():
        if part.startswith("_") or not isinstance(value, list) or value == [None, None]:
            continue
        if len(value) != 2 or not all(isinstance(item, str) for item in value) or not re.match(r"\w{1,64}\Z", part):
            raise _unsafe(f"its component {_cut(part)} is not a library and a class", about)
        library, name = value
        if library not in ALLOWED or not ALLOWED[library].match(name):
            raise _unsafe(f"its component {part} asks for {_cut(library)} {_cut(name)}, which is not allowed", about)
        components[part] = name
    return class_name, components


def _refuse_code(values: Any, path: str) -> None:
    """No key that imports a stranger's module, however deep; a stack and not recursion, for hostile depths."""
    stack = [values]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            switched_on = {key for key in value.keys() & CODE_KEYS if value[key]}
            if switched_on:
                raise _unsafe(f"its configuration asks for a stranger's code ({min(switched_on)})", path)
            stack += value.values()
        elif isinstance(value, list):
            stack += value


def _refuse_unknown_class(name: str, values: Any, path: str) -> None:
    """A component's own configuration may not name another class; an index of shards may not lead elsewhere."""
    if not isinstance(values, dict) or name == "model_index.json":
        return
    named = values.get("_class_name")
    if named is not None and not (isinstance(named, str) and ALLOWED["diffusers"].match(named)):
        raise _unsafe(f"its configuration asks for the class {_cut(named)}, which is not allowed", path)
    shards = values.get("weight_map")
    if isinstance(shards, dict):
        for shard in set(map(str, shards.values())):
            if not re.match(r"[\w.\-]{1,200}\Z", shard) or shard.startswith("."):
                raise PalateError("path_not_allowed", f"its index names the shard {_cut(shard)}", about=shown(path))


def _needs_conversion(part: str, class_name: str, files: Mapping[str, FileFound], root: str) -> bool:
    """Whether a component's weights are only there as something else than safetensors."""
    if _WEIGHTLESS.match(class_name):
        return False
    endings = {PurePath(name).suffix.lower() for name in files if name.startswith(f"{part}/")}
    if ".safetensors" in endings:
        return False
    if endings & PICKLE_ENDINGS:
        return True
    raise PalateError("model_corrupt", f"its component {part} has no weights", about=shown(root))


def _cut(value: object) -> str:
    return repr(value)[:60]


def _unsafe(reason: str, path: str) -> PalateError:
    return PalateError("unsafe_format", reason, about=shown(path))
