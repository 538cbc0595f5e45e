"""Where a network lies: a folder, the pocket package, or the hub's cache, filled when it is first asked for."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from typing import Any

from palate.errors import PalateError

FETCHED = ("*.json", "*.txt", "tokenizer.model", "spiece.model", "model.safetensors", "model-*.safetensors")
"""What transformers reads of a repository, and nothing that can run code."""

KNOWN_SIZES = {
    "openai/clip-vit-base-patch16": "600 MB",
    "openai/clip-vit-base-patch32": "600 MB",
    "openai/clip-vit-large-patch14": "1.7 GB",
    "openai/clip-vit-large-patch14-336": "1.7 GB",
    "laion/CLIP-ViT-H-14-laion2B-s32B-b79K": "3.9 GB",
    "google/siglip-base-patch16-224": "810 MB",
    "google/siglip-so400m-patch14-384": "3.5 GB",
    "google/siglip2-base-patch16-224": "1.5 GB",
    "google/siglip2-so400m-patch14-384": "4.5 GB",
    "facebook/dinov2-base": "350 MB",
    "facebook/dinov2-large": "1.2 GB",
    "Salesforce/blip-image-captioning-base": "990 MB",
    "Salesforce/blip-image-captioning-large": "1.9 GB",
}
"""Weights to download, for the sentence that says so."""

POCKET = re.compile(r"pocket(?::(clip|dino|janus))?\Z")
HUB_ID = re.compile(r"[\w.\-]{1,96}/[\w.\-]{1,96}\Z")


def find_folder(name: str, *, kind: str = "clip") -> Path:
    """The folder of a network by name: `pocket` (or `pocket:dino`), a folder, or a hub id. `kind` is the pocket's."""
    pocket = POCKET.match(name)
    if pocket:
        return pocket_folder(pocket[1] or kind)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if not HUB_ID.match(name) or name.startswith("."):
        raise PalateError("network_missing", "there is no such folder, and it is no hub id", about=name)
    return hub_folder(name)


def pocket_folder(kind: str) -> Path:
    """What the package `palate_pocket` holds of this kind (clip, dino, diffusion, janus)."""
    try:
        pocket: Any = importlib.import_module("palate_pocket")
        return Path(pocket.folder(kind))
    except ImportError:
        raise PalateError(
            "network_missing",
            "the pocket networks are not installed",
            about="pocket",
            hint="`pip install palate-pocket`, or set another name with `palate config set`",
        ) from None
    except LookupError as error:
        raise PalateError("network_missing", str(error), about=f"pocket {kind}") from None


def hub_folder(hub_id: str) -> Path:
    """A repository's files in the hub's cache; the network is asked only for what is not there."""
    from huggingface_hub import snapshot_download

    wanted: dict[str, Any] = {"allow_patterns": list(FETCHED)}
    try:
        folder = Path(snapshot_download(hub_id, local_files_only=True, **wanted))
        if weights_of(folder):
            return folder
    except Exception as error:
        del error  # not in the cache: whatever the reason, downloading says it better
    try:
        return Path(snapshot_download(hub_id, **wanted))
    except Exception as error:
        raise _unavailable(hub_id, error) from None


def _unavailable(hub_id: str, error: Exception) -> PalateError:
    names = {kind.__name__ for kind in type(error).__mro__}
    size = f", {KNOWN_SIZES[hub_id]}," if hub_id in KNOWN_SIZES else ""
    if names & {"GatedRepoError"}:
        hint = "agree on its page and log in with `hf auth login`"
        return PalateError("network_missing", "its makers ask for an agreement first", about=hub_id, hint=hint)
    if names & {"RepositoryNotFoundError", "RevisionNotFoundError"}:
        return PalateError("network_missing", "the hub has no such network, or hides it from you", about=hub_id)
    return PalateError(
        "network_missing",
        f"it is not on this machine{size} and the hub cannot be reached",
        about=hub_id,
        hint="check the network, or name a folder that holds it",
    )


def weights_of(folder: Path) -> list[Path]:
    """The weights files that transformers will read."""
    single = folder / "model.safetensors"
    return [single] if single.exists() else sorted(folder.glob("model-*-of-*.safetensors"))


def read_config(folder: Path, name: str) -> dict[str, Any]:
    """One of the network's small JSON files; {} where it has none."""
    path = folder / name
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise PalateError("model_corrupt", "it is not valid JSON", about=str(path)) from None
    if not isinstance(values, dict):
        raise PalateError("model_corrupt", "it is not a JSON object", about=str(path))
    return values


def require_sound(folder: Path, name: str) -> None:
    """Weights are there, are safetensors by their bytes, and nothing in the configuration asks for code."""
    from palate.safety.weights import read_header

    files = weights_of(folder)
    if not files:
        raise PalateError(
            "unsafe_format",
            "it has no safetensors weights",
            about=name,
            hint="convert it with a tool you trust; pickles are never opened",
        )
    for file in files:
        read_header(file.resolve())
    for config in ("config.json", "preprocessor_config.json", "processor_config.json", "tokenizer_config.json"):
        if read_config(folder, config).get("auto_map"):
            raise PalateError("unsafe_format", "it asks for a stranger's code (auto_map)", about=f"{name}/{config}")
