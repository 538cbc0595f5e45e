"""The intent of the nearest known examples, where no rule speaks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from palate.converse.examples import EXAMPLES
from palate.converse.state import Intent

VOTERS = 3


def pieces(text: str) -> Counter[str]:
    """Words, pairs of words, and runs of four letters within words: typing errors leave most of them standing."""
    words = re.findall(r"[a-z0-9']+", text.lower())
    found = Counter(f"w {word}" for word in words)
    found.update(f"p {first} {second}" for first, second in zip(["^", *words], [*words, "$"], strict=True))
    for word in words:
        padded = f" {word} "
        found.update(padded[at : at + 4] for at in range(len(padded) - 3))
    return found


class Nearest:
    """TF-IDF of `pieces` (Salton and Buckley 1988) and the cosine to each example."""

    def __init__(self, examples: Mapping[Intent, Sequence[str]]) -> None:
        self.labels = [intent for intent, texts in examples.items() for _ in texts]
        counted = [pieces(text) for texts in examples.values() for text in texts]
        self.vocabulary = {piece: at for at, piece in enumerate(sorted({piece for one in counted for piece in one}))}
        found = np.zeros(len(self.vocabulary))
        for one in counted:
            for piece in one:
                found[self.vocabulary[piece]] += 1
        self.rarity = np.log((1 + len(counted)) / (1 + found)) + 1
        self.rows = np.stack([self._row(one) for one in counted])

    def _row(self, counted: Counter[str]) -> NDArray[np.float64]:
        row = np.zeros(len(self.vocabulary))
        for piece, count in counted.items():
            if piece in self.vocabulary:
                row[self.vocabulary[piece]] = np.log1p(count)
        row *= self.rarity
        unit: NDArray[np.float64] = row / max(float(np.linalg.norm(row)), 1e-9)
        return unit

    def intent(self, text: str) -> tuple[Intent, float]:
        """The intent with the most cosine among the nearest few examples, and the nearest one's cosine."""
        cosines = self.rows @ self._row(pieces(text))
        votes: dict[Intent, float] = {}
        for at in np.argsort(-cosines, kind="stable")[:VOTERS]:
            votes[self.labels[at]] = votes.get(self.labels[at], 0.0) + float(cosines[at])
        return max(votes, key=lambda intent: votes[intent]), float(cosines.max())


@cache
def _known() -> Nearest:
    return Nearest(EXAMPLES)


def nearest_intent(text: str) -> tuple[Intent, float]:
    return _known().intent(text)
