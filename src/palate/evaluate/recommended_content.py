"""What is known of the items that recommenders are compared on: a file of vectors, or MovieLens' own texts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palate.converse.retrieval import Latent, Texts, words_of
from palate.errors import PalateError
from palate.importers.interactions import Items, Split
from palate.importers.movielens import GENRES, read_movielens
from palate.recommend.methods import Content

DIRECTIONS = 64
WORDS = 12
"""So many words of a film's text are read one by one: its rarest."""


def content_of(path: Path, split: Split, file: Path | None = None) -> Content:
    """The arrays of `file`, each (items, ...), in the order of its `ids`; else what stands beside the choices."""
    if file is not None:
        return _of_file(file, split)
    if path.is_dir() and (path / "items.csv").is_file() and split.called is not None:
        return _of_movielens(path, split.called)
    return {}


def _of_file(file: Path, split: Split) -> Content:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found = {name: np.asarray(arrays[name]) for name in arrays.files}
    except (OSError, ValueError) as error:
        raise PalateError("content_unreadable", f"not an .npz of arrays: {error}", about=str(file)) from None
    called = split.called if split.called is not None else np.arange(split.items)
    ids = found.pop("ids", np.arange(len(next(iter(found.values()), ()))))
    place = {int(id): at for at, id in enumerate(ids)}
    lacking = [int(id) for id in called if int(id) not in place]
    if lacking or not found.keys() <= {"text", "pictures", "words"}:
        said = f"item {lacking[0]} is not in it" if lacking else "text, pictures, words and ids are read"
        raise PalateError("content_unreadable", said, about=str(file))
    rows = np.array([place[int(id)] for id in called])
    return {name: array[rows] for name, array in found.items()}


def _of_movielens(folder: Path, called: Items) -> Content:
    """Titles, plots and genres: their leading directions, and their rarest words."""
    films = read_movielens(folder)
    named = [" ".join(name.lower() for name, has in zip(GENRES, row, strict=True) if has) for row in films.genres]
    texts = Texts([words_of(f"{films.plots[id - 1]} {named[id - 1]}") for id in called.tolist()])
    return {"text": Latent(texts, dimensions=DIRECTIONS).places.astype(np.float32), "words": rarest(texts)}


def rarest(texts: Texts) -> NDArray[np.int64]:
    """Each text's words with the most weight, as numbers from 1, 0 where there are no more. (texts, WORDS)"""
    order = np.argsort(-texts.weighed, axis=1, kind="stable")[:, :WORDS]
    there = np.take_along_axis(texts.weighed, order, axis=1) > 0
    numbered: NDArray[np.int64] = np.where(there, order + 1, 0).astype(np.int64)
    return numbered
