"""What makes two encoders' spaces one: equal weights, preprocessing, library, dimension and norm (THREATS T24)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from palate.catalogue.records import canonical, digest
from palate.encoders.places import weights_of

READ_BESIDE = ("config.json", "tokenizer.json", "vocab.json", "merges.txt", "spiece.model", "tokenizer.model")


def space_id(folder: Path, preprocessing: Mapping[str, Any], dim: int) -> str:
    """Equal for equal files wherever they lie; another for anything that moves a vector by more than rounding."""
    major = version("transformers").partition(".")[0]
    files = [*weights_of(folder), *(folder / name for name in READ_BESIDE if (folder / name).exists())]
    return digest(
        "space", *file_hashes(files), canonical(preprocessing), f"transformers {major}", str(dim), "unit length"
    )


def file_hashes(files: Iterable[Path]) -> list[str]:
    """name=sha256 of each; the hub's cache already names its large files so."""
    from palate.safety.weights import full_hash

    hashes = []
    for file in files:
        stored = file.resolve()
        known = stored.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", stored.name)
        hashes.append(f"{file.name}={stored.name if known else full_hash(stored)}")
    return hashes
