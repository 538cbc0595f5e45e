"""A model on the hub: what its page says, and its files, of which only those that run no code are fetched."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

from palate.catalogue.records import Model, digest
from palate.errors import PalateError
from palate.importers.bases import base_family
from palate.importers.sidecars import LONGEST_NAME, count_of, from_card, hub_id_of, mapping_of, text_of
from palate.safety.pipelines import PipelineFolder, check_pipeline

ALLOWED_FILES = ("*.safetensors", "*.json", "*.txt", "*.model", "README.md")
"""`.model` holds a tokenizer's vocabulary (sentencepiece), which is data."""


class HubClient(Protocol):
    """What is asked of `huggingface_hub.HfApi`."""

    def model_info(self, repo_id: str, *, files_metadata: bool = False) -> Any: ...


def read_hub_model(hub_id: str, *, client: HubClient | None = None) -> tuple[Model, tuple[str, ...]]:
    """The hub's page of a model as a catalogue entry, and warnings; nothing is downloaded but the page.

    `size` is what the first drawing will download. Where weights are not safetensors, the model is listed as
    "convert first"; where it brings code, as quarantined.
    """
    if hub_id_of(hub_id) is None:
        raise PalateError("not_a_hub_id", "a hub id has the form maker/name", about=hub_id[:200])
    info = _asked(hub_id, client)
    files = {str(file.rfilename): count_of(file.size) for file in info.siblings or ()}
    about = from_card(_card(info.card_data))
    tags = tuple(tag for tag in map(str, info.tags or ()) if ":" not in tag)
    wanted = wanted_files(files)
    fetched = sum(files[name] or 0 for name in wanted)
    adapter = "model_index.json" not in files
    state, reason = _state(files)
    warnings = (f"the first drawing downloads {_shown_size(fetched)}",) if state == "ready" else ()
    revision = str(info.sha or "")
    return Model(
        id=digest("hub", hub_id, revision),
        name=about.name or hub_id.rpartition("/")[2],
        kind="adapter" if adapter else "pipeline",
        location=hub_id,
        base=about.base or base_family(hub_id) or _by_tags(tags),
        base_location=about.base_location,
        tags=about.tags or tags,
        trigger_words=about.trigger_words,
        downloads=count_of(info.downloads),
        maker=text_of(info.author, LONGEST_NAME) or hub_id.partition("/")[0],
        licence=about.licence,
        state=state,
        state_reason=reason,
        size=fetched,
        card={"revision": revision, "adult": "not-for-all-audiences" in tags, "files": wanted},
    ), warnings


def wanted_files(names: Iterable[str]) -> list[str]:
    """Those that run no code; of a pipeline only what its parts are opened from.

    A pipeline's repository often holds the same weights again as one file at the top, and each part's in several
    precisions (`model.fp16.safetensors` beside `model.safetensors`).
    """
    safe = sorted(name for name in names if _is_fetched(name))
    if "model_index.json" not in safe:
        return safe
    weights = [name for name in safe if name.endswith(".safetensors")]
    plain = {name.rpartition("/")[0] for name in weights if not _is_variant(name)}
    spare = {name for name in weights if "/" not in name or (_is_variant(name) and name.rpartition("/")[0] in plain)}
    return [name for name in safe if name not in spare]


def download(
    hub_id: str, *, revision: str | None = None, files: Iterable[str] | None = None, within: Path | None = None
) -> Path:
    """Fetch the files that run no code, and check what came; the folder that a pipeline can be opened from.

    `files` are those the page listed when the model was added; `within` is the cache to use instead of the hub's own.
    """
    from huggingface_hub import snapshot_download

    try:
        patterns = [name for name in files or ALLOWED_FILES if name in ALLOWED_FILES or _is_fetched(name)]
        folder = snapshot_download(hub_id, revision=revision, allow_patterns=patterns, cache_dir=within)
    except Exception as error:
        raise _unreachable(hub_id, error) from None
    if (Path(folder) / "model_index.json").exists():
        check_snapshot(Path(folder))
    return Path(folder)


def check_snapshot(folder: Path) -> PipelineFolder:
    """`check_pipeline` for a snapshot in the hub's cache, whose files are links into the same repository's blobs."""
    repository = folder.parent.parent
    inside_cache = folder.parent.name == "snapshots" and repository.name.startswith("models--")
    return check_pipeline(folder, links_within=str(repository) if inside_cache else None)


def _asked(hub_id: str, client: HubClient | None) -> Any:
    if client is None:
        from huggingface_hub import HfApi

        client = HfApi()
    try:
        return client.model_info(hub_id, files_metadata=True)
    except Exception as error:
        raise _unreachable(hub_id, error) from None


def _unreachable(hub_id: str, error: Exception) -> PalateError:
    """One plain sentence whichever of the hub's or the network's many errors it was."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "GatedRepoError" in names:
        return PalateError(
            "hub_refused",
            "its makers ask for an agreement first",
            about=hub_id,
            hint="agree on its page and log in with `hf auth login`",
        )
    if names & {"RepositoryNotFoundError", "RevisionNotFoundError", "HFValidationError"}:
        return PalateError("hub_unknown", "the hub has no such model, or hides it from you", about=hub_id)
    return PalateError("hub_unreachable", "the hub cannot be reached", about=hub_id, hint="check the network")


def _card(card: Any) -> Mapping[str, Any]:
    """Card data is a mapping, an object with `to_dict`, or not there."""
    return mapping_of(card if isinstance(card, dict) else card.to_dict() if hasattr(card, "to_dict") else None)


def _is_fetched(name: str) -> bool:
    return name.endswith((".safetensors", ".json", ".txt", ".model")) or name == "README.md"


def _is_variant(name: str) -> bool:
    """`unet/model.fp16.safetensors`, in shards or not: a dot in the name before its ending."""
    return "." in name.rpartition("/")[2].removesuffix(".safetensors")


def _state(files: Iterable[str]) -> tuple[Any, str | None]:
    names = list(files)
    if any(name.endswith(".py") for name in names):
        return "quarantined", "it brings code, and code in a model's folder is never run"
    if not any(name.endswith(".safetensors") for name in names):
        return "convert first", "it has no safetensors weights"
    return "ready", None


_TAG_BASE = re.compile(r"^(?:stable-diffusion|stable-diffusion-xl|sdxl|flux|pocket)\b")


def _by_tags(tags: Iterable[str]) -> str | None:
    return next((family for tag in tags if _TAG_BASE.match(tag) and (family := base_family(tag))), None)


def _shown_size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
