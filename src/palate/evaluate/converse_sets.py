"""Sets of drawings whose names say what they show and how: the same thing filled and in outline, in red and in blue.

A folder holds `<set>.npy`, (n, side, side, 3) bytes, and `<set>.jsonl`, a row a picture with `name` and `variant`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

Vectors = NDArray[np.float32]
COLOURS = frozenset(("red", "blue", "green", "yellow", "orange", "purple", "black", "white", "brown", "pink"))
LOOKS = {
    "fill": "filled", "filled": "filled", "solid": "filled", "outline": "outline", "outlined": "outline",
    "line": "outline", "linear": "outline", "duotone": "duotone", "duo": "duotone", "twotone": "duotone",
    "sharp": "sharp", "rounded": "rounded", "round": "rounded", "thin": "thin", "light": "thin", "bold": "bold",
}  # fmt: skip
TRAILING = frozenset(("outline", "outlined", "line", "linear", "filled", "fill", "solid", "duotone", "twotone"))
CHUNK = 256
DEFAULT_SETS = ("noto", "fluent-emoji-flat", "fluent-emoji", "tabler", "ph", "mingcute", "ri", "boxicons", "heroicons")
"""Sets that draw one thing in several ways."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What one picture shows, and how, by its name."""

    set: str
    thing: tuple[str, ...]
    look: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Sets:
    """All pictures of some sets, and their unit vectors (n, d)."""

    rows: tuple[Shown, ...]
    vectors: Vectors

    @property
    def places(self) -> dict[tuple[str, tuple[str, ...]], list[int]]:
        """Pictures by set and thing."""
        found: dict[tuple[str, tuple[str, ...]], list[int]] = defaultdict(list)
        for at, row in enumerate(self.rows):
            found[row.set, row.thing].append(at)
        return found


def drawn(set_: str, name: str, variant: str) -> Shown:
    """`bell-ringing-filled` -> bell ringing, filled."""
    words = [word for word in re.split(r"[^a-z0-9]+", name.lower()) if word]
    look = {LOOKS[word] for word in re.split(r"[^a-z0-9]+", variant.lower()) if word in LOOKS}
    while len(words) > 1 and words[-1] in TRAILING:
        look.add(LOOKS[words.pop()])
    return Shown(set_, tuple(words), frozenset(look))


def load_sets(folder: Path, names: Sequence[str], encoder: Encoder, cache: Path) -> Sets:
    """The sets that were named; vectors are kept in `cache`, since encoding takes minutes."""
    rows: list[Shown] = []
    parts: list[Vectors] = []
    for name in names:
        described = folder / f"{name}.jsonl"
        if not described.is_file():
            raise PalateError("file_missing", "there is no such set of pictures", about=str(described))
        lines = [json.loads(line) for line in described.read_text("utf-8").splitlines()]
        rows += [drawn(name, str(line["name"]), str(line.get("variant", ""))) for line in lines]
        parts.append(_vectors(folder / f"{name}.npy", encoder, cache / f"{name}.{encoder.id[:16]}.npy"))
        if len(parts[-1]) != len(lines):
            raise PalateError("sets_unequal", f"{len(parts[-1])} pictures and {len(lines)} rows", about=name)
    return Sets(tuple(rows), np.concatenate(parts))


def _vectors(pictures: Path, encoder: Encoder, kept: Path) -> Vectors:
    if kept.is_file():
        found: Vectors = np.load(kept, allow_pickle=False)
        return found
    from PIL import Image

    pixels = np.load(pictures, mmap_mode="r", allow_pickle=False)
    parts = []
    for start in range(0, len(pixels), CHUNK):
        part = [Image.fromarray(np.asarray(one)) for one in pixels[start : start + CHUNK]]
        parts.append(encoder.encode_pictures(part))
    kept.parent.mkdir(parents=True, exist_ok=True)
    made: Vectors = np.concatenate(parts)
    np.save(kept, made, allow_pickle=False)
    return made


def share(*parts: str) -> float:
    """A number in [0, 1) that depends on the words alone: a split that survives any reordering."""
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:6], "big") / 2**48


def part_of(thing: tuple[str, ...]) -> str:
    """`train`, `dev` or `test`: by the thing's first word, so that "cloud" and "cloud rain" are on one side."""
    at = share("composed", thing[0])
    return "train" if at < 0.6 else "dev" if at < 0.8 else "test"
