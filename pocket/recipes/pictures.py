"""The rendered pictures and their rows, all sets together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recipes import work

Row = dict[str, Any]
BRAND_NAME = re.compile(r"(^|-)(logos?|brands?)(-|$)")
BRAND_CATEGORY = re.compile(r"logo|brand|social", re.I)


def is_brand(row: Row) -> bool:
    """Trade marks inside general sets: left out, as sets of logos are."""
    return bool(BRAND_NAME.search(row["icon"])) or any(BRAND_CATEGORY.search(name) for name in row["categories"])


def load(only: set[str] | None = None) -> tuple[NDArray[np.uint8], list[Row]]:
    """(n, 64, 64, 3) and n rows without brands, in the order of the sets' names; about 2.5 GB for all of them."""
    folder = work.folder("pictures")
    names = [path.stem for path in sorted(folder.glob("*.npy")) if only is None or path.stem in only]
    parts: list[tuple[str, list[int], list[Row]]] = []
    for name in names:
        rows = work.read_lines(folder / f"{name}.jsonl")
        kept = [index for index, row in enumerate(rows) if not is_brand(row)]
        parts.append((name, kept, [rows[index] for index in kept]))
    rows = [row for _, _, part in parts for row in part]
    pictures = np.empty((len(rows), 64, 64, 3), np.uint8)
    start = 0
    for name, kept, _ in parts:
        drawn = np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        pictures[start : start + len(kept)] = drawn[kept]
        start += len(kept)
    return pictures, rows


def rows() -> list[Row]:
    """The rows of `load`, without the pictures."""
    found = [row for path in sorted(work.folder("pictures").glob("*.npy")) for row in _rows_beside(path)]
    return [row for row in found if not is_brand(row)]


def _rows_beside(path: Path) -> list[Row]:
    return work.read_lines(path.with_suffix(".jsonl"))


def coarse_keys(pictures: NDArray[np.uint8], chunk: int = 4096) -> NDArray[np.uint64]:
    """One number a picture, equal where two agree as 8 x 8 greys of 8 levels: finds copies between sets. (n,)"""
    weights = np.random.default_rng(0).integers(1, 2**63, 64, dtype=np.uint64)
    keys = np.empty(len(pictures), np.uint64)
    for start in range(0, len(pictures), chunk):
        part = pictures[start : start + chunk]
        grey = part.mean(-1, dtype=np.float32).reshape(len(part), 8, 8, 8, 8).mean((2, 4))
        levels = (grey / 32).astype(np.uint64).reshape(len(part), 64)
        keys[start : start + chunk] = (levels * weights).sum(1)
    return keys


def kept_keys(pictures: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """`coarse_keys`, computed once for the same pictures: a sum over a sample tells whether they are the same."""
    path = work.folder() / f"keys-{len(pictures)}-{int(pictures[::997].sum(dtype=np.int64))}.npy"
    if path.exists():
        kept: NDArray[np.uint64] = np.load(path, allow_pickle=False)
        return kept
    keys = coarse_keys(pictures)
    np.save(path, keys, allow_pickle=False)
    return keys
