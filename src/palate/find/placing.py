"""A model's style without learning everything again: its vector from its own pictures and what others taught.

What is learned from a hub (what content words predict, which directions tell models apart, how far each is trusted)
changes little with one more model; a model's own vector is then a sum over its own pictures. So a million models are
placed a part at a time by what some thousands of them taught, and one that drew something new is placed again alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palate.find.content import Decomposition, WordsToContent
from palate.find.specification import Specifications

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placing:
    """Everything about a hub's styles but its models."""

    parts: Decomposition
    inward: Floats
    """(d, k) from a mean residual to the index's coordinates."""
    centre: Floats
    """(k,) where a model without a style is."""
    odds: Floats
    """(k,) trust in each direction, as odds."""
    typical: float
    """How much was known of the models that trust was measured with."""
    crossed: Floats
    """(k, k) the quadratic form of the penalty of pictures without captions."""

    def with_penalties(self, coordinates: Floats) -> Floats:
        """(M, k) -> (M, k + 2): half the squared length of each style, by what is open with captions and without."""
        penalty = 0.5 * np.einsum("mk,mk->m", coordinates, coordinates)
        free_penalty = 0.5 * np.einsum("mk,mk->m", coordinates @ self.crossed, coordinates)
        return np.column_stack([coordinates, -penalty, -free_penalty])

    def place(self, known: Specifications) -> NDArray[np.float32]:
        """(M, k + 2) one row a model: the weighted mean of its pictures less their content, shrunk by how many."""
        content, share = self._content(known)
        weights = self.parts.ratio / (self.parts.ratio + 1.0 - share)
        models = len(known.model_ids)
        amount = np.bincount(known.model_index, weights=weights, minlength=models)[:, None]
        sums = np.zeros((models, self.inward.shape[1]))
        np.add.at(sums, known.model_index, ((known.pictures - content) * weights[:, None]) @ self.inward)
        place = sums / np.maximum(amount, 1e-12) - self.centre
        place[amount[:, 0] == 0] = 0.0
        shrink = self.odds * amount / (self.odds * amount + self.typical)
        return self.with_penalties(place * shrink).astype(np.float32)

    def _content(self, known: Specifications) -> tuple[Floats, Floats]:
        """(R, d) what any model would have drawn there, and (R,) the share that others' pictures have in it."""
        words: WordsToContent | None = self.parts.words
        content = np.tile(self.parts.mean, (len(known.pictures), 1))
        if words is not None and known.has_prompt.any():
            content[known.has_prompt] = words.predict(known.prompts[known.has_prompt])
        share = np.zeros(len(content))
        for row, name in enumerate(known.prompt_ids):
            drawn = self.parts.shared.get(name)
            if drawn is not None:
                seen, by = drawn
                share[row] = by / (by + self.parts.ratio)
                content[row] += share[row] * (seen - content[row])
        return content, share

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What `place` needs, as plain arrays."""
        words, shared = self.parts.words, self.parts.shared
        dim = len(self.parts.mean)
        kept: dict[str, NDArray[np.generic]] = {
            "mean": self.parts.mean,
            "numbers": np.array([self.parts.ratio, self.typical]),
            "inward": self.inward,
            "centre": self.centre,
            "odds": self.odds,
            "crossed": self.crossed,
            "prompts": np.array(list(shared), dtype=np.str_),
            "seen": np.array([seen for seen, _ in shared.values()]).reshape(len(shared), dim),
            "drawn_by": np.array([by for _, by in shared.values()]),
        }
        if words is not None:
            kept |= {"words_mean": words.words_mean, "words_content": words.mean, "matrix": words.matrix}
        return kept

    @classmethod
    def from_arrays(cls, kept: dict[str, NDArray[np.generic]]) -> Placing:
        tables = {name: np.asarray(array, dtype=np.float64) for name, array in kept.items() if name != "prompts"}
        words = None
        if "matrix" in tables:
            words = WordsToContent(tables["words_mean"], tables["words_content"], tables["matrix"])
        shared = {
            str(name): (seen, float(by))
            for name, seen, by in zip(kept["prompts"], tables["seen"], tables["drawn_by"], strict=True)
        }
        ratio, typical = tables["numbers"]
        nothing = np.zeros((0, len(tables["mean"])))
        parts = Decomposition(
            words, tables["mean"], nothing.astype(np.float32), np.zeros(0), nothing.astype(np.float32), nothing,
            float(ratio), shared,
        )  # fmt: skip
        return cls(parts, tables["inward"], tables["centre"], tables["odds"], float(typical), tables["crossed"])
