"""A bank whose pictures are drawn when they are asked for: whether what was simulated holds when it is really done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from palate.steer.bank import Options
from palate.steer.drawn_bank import DrawnBank
from palate.taste.evidence import Floats, Rows
from palate.taste.space import Vectors

SEEDS_FROM = 1_000_000
"""Seeds that no bank was drawn with."""

Draw = Callable[[str, Sequence[tuple[str, int]]], Vectors]
"""A model's key, and words with a seed each: the vectors (n, dim) of new pictures."""


@dataclass
class Redrawn:
    """The entries, candidates and words of a bank, and pictures of other seeds; each entry is drawn once.

    `keep`: a folder in which what was drawn is found again by a run that goes on.
    """

    bank: DrawnBank
    draw: Draw
    keep: Path | None = None
    kept: dict[int, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from safetensors.numpy import load_file

        for path in sorted(self.keep.glob("*.safetensors")) if self.keep else []:
            part = load_file(path)
            self.kept |= dict(zip(part["entries"].tolist(), part["features"], strict=True))

    @property
    def wide(self) -> int:
        return self.bank.wide

    def first(self, count: int, rng: np.random.Generator) -> Rows:
        return self.bank.first(count, rng)

    def options(self, entries: Rows, rng: np.random.Generator) -> Options:
        return self.bank.options(entries, rng)

    def words(self, entries: Rows) -> Floats:
        return self.bank.words(entries)

    def pictures(self, entries: Rows) -> Floats:
        """A model at a time: opening one costs more than a picture."""
        flat = np.asarray(entries).ravel().tolist()
        new: dict[int, list[int]] = {}
        for entry in sorted(set(flat) - set(self.kept)):
            new.setdefault(self.bank.parts(entry)[1], []).append(entry)
        each = self.bank.drawn.shape[2]
        for model, own in new.items():
            texts = [self.bank.texts[self.bank.parts(entry)[0]] for entry in own]
            orders = [
                (text, SEEDS_FROM + entry * each + n)
                for text, entry in zip(texts, own, strict=True)
                for n in range(each)
            ]
            features = self.bank.space.of_pictures(self.draw(self.bank.models[model], orders))
            self._keep(own, features.reshape(len(own), each, -1))
        found = np.stack([self.kept[entry] for entry in flat])
        return found.reshape(*np.shape(entries), *found.shape[1:])

    def _keep(self, entries: list[int], features: Floats) -> None:
        from safetensors.numpy import save_file

        self.kept |= dict(zip(entries, features, strict=True))
        if self.keep is not None:
            self.keep.mkdir(parents=True, exist_ok=True)
            path = self.keep / f"{len(self.kept):06}"
            save_file({"entries": np.array(entries), "features": np.ascontiguousarray(features)}, path)
            path.replace(path.with_suffix(".safetensors"))
