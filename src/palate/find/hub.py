"""A hub ready to be asked: its specifications, and what is learned from them, kept on disk by their content."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palate.catalogue.home import Home
from palate.catalogue.records import Model
from palate.catalogue.vectors import Space
from palate.find.cells import tabulate
from palate.find.evidence import fit_scale
from palate.find.loading import load_specifications
from palate.find.scores import Weights, norm_pop
from palate.find.specification import Specifications
from palate.find.style import StyleIndex, fit_style
from palate.find.unseen import Nearness
from palate.find.words import WordsHub, words_scale

Arrays = dict[str, NDArray[np.generic]]

LEARNED_VERSION = "1"
"""Raised when the same pictures would teach something else."""
HELD_OUT_SHARE = 5
"""One prompt in so many is held out to learn how far a style score can be believed."""


class Hub:
    """Everything that ranking needs. Nothing in it is the truth: all of it can be made again from the catalogue."""

    def __init__(self, folder: Path, space: Space, specifications: Specifications, models: list[Model]) -> None:
        self.folder = folder
        self.space = space
        self.specifications = specifications
        self.models = models

    @classmethod
    def load(cls, home: Home, space: Space) -> Hub:
        with home.read() as connection:
            specifications, models = load_specifications(connection, space)
        return cls(home.derived, space, specifications, models)

    @cached_property
    def key(self) -> str:
        """What the learned things depend on: every vector, and which model and prompt it belongs to."""
        known = self.specifications
        state = hashlib.blake2b(LEARNED_VERSION.encode(), digest_size=16)
        for part in (known.pictures, known.prompts, known.model_index, known.downloads):
            state.update(part.tobytes())
        state.update("\n".join((*known.model_ids, *known.prompt_ids)).encode())
        return state.hexdigest()

    @cached_property
    def words(self) -> WordsHub:
        """How well models answer words they did and did not draw."""
        fresh: list[WordsHub] = []

        def learn() -> Arrays:
            fresh.append(WordsHub.learn(self.specifications))
            return _packed(fresh[0])

        learned = self.kept("words", learn)
        if fresh:
            return fresh[0]
        clip, mcos = (Nearness(*map(float, learned[name])) for name in ("clip", "mcos"))
        return WordsHub(tabulate(self.specifications), clip, mcos, norm_pop(self.specifications.downloads))

    @cached_property
    def style(self) -> StyleIndex:
        """One vector a model."""
        return StyleIndex.from_arrays(self.kept("style", lambda: fit_style(self.specifications).arrays()))

    @cached_property
    def style_scale(self) -> float:
        """Log-odds that a unit of style score is worth, from prompts that the index was not shown."""
        return float(
            self.kept("style-scale", lambda: {"scale": np.array(learn_style_scale(self.specifications))})["scale"]
        )

    def learn(self, weights: Weights, progress: Callable[[str, int, int], None]) -> None:
        """Everything that the first question would have to wait for."""
        names = ("words", "style", "style_scale")
        for done, name in enumerate(names):
            progress("learning", done, len(names) + 1)
            getattr(self, name)
        self.words_scale(weights)
        progress("learning", len(names) + 1, len(names) + 1)

    def words_scale(self, weights: Weights) -> float:
        name = "words-scale-" + "-".join(f"{weight:g}" for weight in weights)
        return float(self.kept(name, lambda: {"scale": np.array(words_scale(self.words, weights))})["scale"])

    def kept(self, what: str, learn: Callable[[], Arrays]) -> Arrays:
        """Read what was learned from the same pictures before, or learn it and keep it, whole or not at all."""
        path = self.folder / f"{self.key}.{what}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, EOFError, KeyError):
            learned = learn()
        target = io.BytesIO()
        np.savez(target, **learned)  # type: ignore[arg-type]
        with suppress(OSError):  # a home that cannot be written still answers
            self.folder.mkdir(parents=True, exist_ok=True)
            scratch = path.with_suffix(f".{os.getpid()}")
            scratch.write_bytes(target.getvalue())
            os.replace(scratch, path)  # noqa: PTH105 - atomic on every system
        return learned


def _packed(words: WordsHub) -> Arrays:
    return {
        name: np.array([how.sharpness, how.local, how.doubt, how.lean])
        for name, how in (("clip", words.clip), ("mcos", words.mcos))
    }


def learn_style_scale(known: Specifications) -> float:
    """Fit the index without every fifth prompt, and see how surely it names who drew those pictures."""
    prompts = np.array([name or f"row {row}" for row, name in enumerate(known.prompt_ids)])
    names, place = np.unique(prompts, return_inverse=True)
    held = place % HELD_OUT_SHARE == 0
    if len(names) < 2 or held.all() or not held.any():
        return 1.0
    index = fit_style(known.take(~held))
    asked = known.take(held)
    queries = index.queries(asked.pictures, asked.prompts, has_caption=asked.has_prompt)
    right = asked.model_index
    return fit_scale(index.scores(queries).astype(np.float64), right)
