"""Is a difference more than chance, of the same cases asked twice, and of many differences looked at together?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError

Floats = NDArray[np.float64]
FLIPS = 10_000
BLOCK = 2_000_000


def sign_flip(a: ArrayLike, b: ArrayLike, *, seed: int = 0, flips: int = FLIPS) -> float:
    """Two-sided p of a - b over the same cases (n,), by Fisher's randomisation test (1935): signs flipped by chance.

    The share of flips whose mean is at least as far from 0, the one that was seen among them: never exactly 0.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise PalateError("unpaired", f"paired cases must be the same cases, not {first.shape} and {second.shape}")
    gaps = first - second
    gaps = gaps[gaps != 0.0]
    if not len(gaps):
        return 1.0
    rng = np.random.default_rng(seed)
    seen, far = abs(gaps.sum()) * (1 - 1e-12), 0
    block = max(1, BLOCK // len(gaps))
    for start in range(0, flips, block):
        signs = rng.integers(0, 2, size=(min(block, flips - start), len(gaps)), dtype=np.int8) * 2 - 1
        far += int((np.abs(signs @ gaps) >= seen).sum())
    return (far + 1) / (flips + 1)


def holm(p: ArrayLike) -> Floats:
    """Adjusted p values (Holm 1979): below alpha, the chance that any of them is wrong is below alpha."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Adjusted p values (Benjamini and Hochberg 1995): of those below alpha, a share of alpha may be wrong."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    steps = values[order] * len(values) / np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(steps), 1.0)
    return adjusted


CORRECTIONS = {"holm": holm, "bh": benjamini_hochberg}


def by_case(folder: Path) -> dict[str, Floats]:
    """Of a run's `scores.jsonl`, each metric's values case by case: rows of {"method": M, "<metric>": [values]}."""
    found: dict[str, Floats] = {}
    for row in _rows(folder / "scores.jsonl"):
        method = row.get("method")
        for name, values in row.items():
            if isinstance(method, str) and isinstance(values, list) and values:
                try:
                    found[f"{method}/{name}"] = np.asarray(values, dtype=np.float64)
                except (TypeError, ValueError):
                    continue
    return found


def same_cases(first: Path, second: Path) -> bool:
    """Whether two runs asked the same of the same data: equal cases, and equal names, sizes and digests of files."""
    cases = [_rows(folder / "cases.jsonl") for folder in (first, second)]
    known = [_specification(folder) for folder in (first, second)]
    about = ("data", "sha256", "files", "people", "cases")
    return cases[0] == cases[1] and all(known[0].get(name) == known[1].get(name) for name in about)


def compared_by_case(first: Path, second: Path) -> dict[str, tuple[Floats, Floats]]:
    """The metrics whose cases can be compared one by one; none where the runs asked different things."""
    if not same_cases(first, second):
        return {}
    before, after = by_case(first), by_case(second)
    return {
        name: (before[name], after[name])
        for name in before
        if name in after and before[name].shape == after[name].shape and before[name].ndim == 1
    }


def scores_by_case(columns: Sequence[tuple[str, str, ArrayLike]]) -> list[dict[str, Any]]:
    """(method, metric, values) as rows that `by_case` reads back."""
    rows: dict[str, dict[str, Any]] = {}
    for method, name, values in columns:
        rows.setdefault(method, {"method": method})[name] = [round(float(value), 6) for value in np.asarray(values)]
    return list(rows.values())


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except (FileNotFoundError, json.JSONDecodeError):
        return []


def _specification(folder: Path) -> dict[str, Any]:
    try:
        said: dict[str, Any] = json.loads((folder / "specification.json").read_text("utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return said
