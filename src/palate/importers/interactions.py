"""Who chose what, from the files that recommenders are measured on, split so that nothing of a test is known before."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError

Items = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Split:
    """Histories of people, oldest first. A method learns from `train`, is tuned on `valid` and asked for `test`."""

    name: str
    items: int
    train: list[Items]
    valid: list[Items]
    test: list[Items]
    given: list[Items]
    """What a method is told of a person when `test` is asked for."""
    ordered: bool
    """Whether the order of a history is that of time."""
    called: Items | None = None
    """(items,) what the file calls each item, where those were numbered anew."""

    @property
    def known(self) -> list[Items]:
        """What no answer to `test` may contain."""
        return [np.concatenate(pair) for pair in zip(self.train, self.valid, strict=True)]


def read_interactions(path: Path) -> Split:
    """A split of pairs (.npz of train, valid, test), sequences (.txt: a person and their items a line), or ml-100k."""
    if path.is_dir() and (path / "u.data").is_file():
        return last_two_out("ml-100k", _by_time(path / "u.data"))
    if path.suffix == ".npz" and path.is_file():
        return _own_split(path)
    if path.suffix == ".txt" and path.is_file():
        return last_two_out(path.stem, _sequences(path))
    raise PalateError(
        "interactions_unreadable",
        "this is no file of choices that is known here",
        about=str(path),
        hint="an .npz of train, valid and test pairs, a .txt of sequences, or the folder of MovieLens 100K",
    )


def last_two_out(name: str, sequences: list[Items]) -> Split:
    """The last choice of each person is the test, the one before is for tuning (Kang and McAuley 2018)."""
    people = [sequence for sequence in sequences if len(sequence) >= 3]
    if not people:
        raise PalateError("too_few_cases", "nobody chose three things or more", about=name)
    numbers = np.unique(np.concatenate(people))
    people = [np.searchsorted(numbers, sequence).astype(np.int64) for sequence in people]
    train, valid, test = ([person[part] for person in people] for part in (np.s_[:-2], np.s_[-2:-1], np.s_[-1:]))
    return Split(name, len(numbers), train, valid, test, [person[:-1] for person in people], True, numbers)


def _own_split(path: Path) -> Split:
    """Pairs of person and item; people without a test stay, since others learn from them."""
    try:
        with np.load(path, allow_pickle=False) as file:
            parts = {name: np.asarray(file[name], dtype=np.int64) for name in ("train", "valid", "test")}
    except (KeyError, ValueError, OSError) as error:
        raise PalateError("interactions_unreadable", f"train, valid and test pairs: {error}", about=str(path)) from None
    if any(part.ndim != 2 or part.shape[1] != 2 or part.min(initial=0) < 0 for part in parts.values()):
        raise PalateError("interactions_unreadable", "pairs of person and item numbers are needed", about=str(path))
    everything = np.concatenate(list(parts.values()))
    people, items = everything.max(axis=0) + 1
    train, valid, test = (_grouped(parts[name], int(people)) for name in ("train", "valid", "test"))
    return Split(path.stem, int(items), train, valid, test, train, ordered=False)


def _grouped(pairs: NDArray[np.int64], people: int) -> list[Items]:
    order = np.argsort(pairs[:, 0], kind="stable")
    return np.split(pairs[order, 1], np.searchsorted(pairs[order, 0], np.arange(1, people)))


def _sequences(path: Path) -> list[Items]:
    """Each line a person and then items; or, where every line has two numbers, one choice a line."""
    try:
        lines = [[int(word) for word in line.split()] for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (UnicodeDecodeError, ValueError) as error:
        raise PalateError("interactions_unreadable", f"only whole numbers are read: {error}", about=str(path)) from None
    if lines and all(len(line) == 2 for line in lines):
        pairs = np.array(lines)
        numbers, people = np.unique(pairs[:, 0], return_inverse=True)
        return _grouped(np.column_stack([people, pairs[:, 1]]), len(numbers))
    return [np.array(line[1:], dtype=np.int64) for line in lines]


def _by_time(path: Path) -> list[Items]:
    """MovieLens' person, film, rating, time; every rating is a choice, as is usual for ranking.

    Half of the ratings are of the same second as the one before. They stay as the file has them, in no order: sorted by
    the films' numbers, the last choices would be of the highest ones, which few people chose.
    """
    try:
        rows = np.loadtxt(path, dtype=np.int64)
        person, item, time = rows[:, 0], rows[:, 1], rows[:, 3]
    except (ValueError, IndexError) as error:
        raise PalateError("interactions_unreadable", f"four numbers a line: {error}", about=str(path)) from None
    order = np.argsort(time, kind="stable")
    numbers, people = np.unique(person[order], return_inverse=True)
    return _grouped(np.column_stack([people, item[order]]), len(numbers))
