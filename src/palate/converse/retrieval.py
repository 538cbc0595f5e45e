"""Texts for words: by the words themselves (BM25), and by what they are about (latent semantic analysis)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_PLAIN = """
a an and are as at be been but by can could did do does for from had has have he her him his how i i'd i'll i'm i've
if in is it it's its just like me more most movie movies my no not of on one or our out really see seen she so some
than that that's the their them then there they this to too up us very was watch watched we were what when which who
will with would yeah yes you you're your film films good great think about know any also
"""
PLAIN = frozenset(_PLAIN.split())
"""Words that stand in any talk of films, or in any talk."""


def words_of(text: str) -> list[str]:
    """Lower-case words that say something."""
    return [word for word in WORD.findall(text.lower()) if word not in PLAIN]


class Texts:
    """Documents counted once."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self.vocabulary = {word: at for at, word in enumerate(sorted({word for one in documents for word in one}))}
        self.counts = np.zeros((len(documents), len(self.vocabulary)))
        for row, document in zip(self.counts, documents, strict=True):
            for word, count in Counter(document).items():
                row[self.vocabulary[word]] = count
        found = (self.counts > 0).sum(axis=0)
        self.rarity: Floats = np.log1p((len(documents) - found + 0.5) / (found + 0.5))

    @cached_property
    def weighed(self) -> Floats:
        """(documents, words) by rarity, of unit length."""
        return _unit(np.log1p(self.counts) * self.rarity)

    @cached_property
    def directions(self) -> Floats:
        """(directions, words) the right singular vectors of `weighed`, the greatest first."""
        found: Floats = np.linalg.svd(self.weighed, full_matrices=False)[2]
        return found

    def counted(self, words: Sequence[str]) -> Floats:
        row = np.zeros(len(self.vocabulary))
        for word in words:
            if word in self.vocabulary:
                row[self.vocabulary[word]] += 1
        return row


class BM25:
    """Robertson and Zaragoza 2009, equation 3.15; a word that is asked twice counts twice."""

    def __init__(self, texts: Texts, *, k1: float = 1.2, b: float = 0.75) -> None:
        self.texts = texts
        lengths = texts.counts.sum(axis=1, keepdims=True)
        usual = float(lengths.mean()) if lengths.size else 1.0
        norm = k1 * (1 - b + b * lengths / max(usual, 1e-9))
        self.weights: Floats = texts.rarity * texts.counts * (k1 + 1) / (texts.counts + norm)

    def scores(self, words: Sequence[str]) -> Floats:
        found: Floats = self.weights @ self.texts.counted(words)
        return found


class Latent:
    """Deerwester et al. 1990: the documents' leading directions; cosine of the asked words' and a document's place."""

    def __init__(self, texts: Texts, *, dimensions: int = 64) -> None:
        self.texts = texts
        self.directions = texts.directions[:dimensions]
        self.places: Floats = _unit(texts.weighed @ self.directions.T)

    def scores(self, words: Sequence[str]) -> Floats:
        asked = np.log1p(self.texts.counted(words)) * self.texts.rarity
        found: Floats = self.places @ _unit(self.directions @ asked)
        return found


def _unit(rows: Floats) -> Floats:
    scaled: Floats = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return scaled
