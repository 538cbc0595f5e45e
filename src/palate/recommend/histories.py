"""What people chose, as methods see it: item numbers in the order they were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Items = NDArray[np.int64]
Histories = Sequence[Items]
"""One a person, oldest choice first; an item may come again."""
Scores = NDArray[np.float32]
State = dict[str, NDArray[Any]]


def checked(histories: Sequence[Any], items: int) -> Histories:
    """The same as arrays of item numbers; what is none of them is an error that says whose."""
    if items < 1:
        raise PalateError("no_items", "there are no items to recommend")
    return [_numbers(history, items, person) for person, history in enumerate(histories)]


def _numbers(history: Any, items: int, person: int) -> Items:
    given = np.asarray(history).reshape(-1)
    if not len(given):
        return np.empty(0, np.int64)
    # Not a number compares as unequal to anything, itself included.
    if given.dtype.kind not in "iuf" or (given.dtype.kind == "f" and not (given == np.floor(given)).all()):
        raise PalateError("not_an_item", "items are whole numbers", about=f"history {person}")
    if not (given.min() >= 0 and given.max() < items):
        raise PalateError("unknown_item", f"there are {items} items", about=f"history {person}")
    return given.astype(np.int64, copy=False)


def matrix_of(histories: Histories, items: int) -> csr_array:
    """(people, items) of 0 and 1: what was chosen at all."""
    from scipy.sparse import csr_array

    own = [np.unique(history) for history in histories]
    starts = np.concatenate([[0], np.cumsum([len(history) for history in own])])
    columns = np.concatenate([*own, np.empty(0, np.int64)])
    return csr_array((np.ones(len(columns), np.float32), columns, starts), shape=(len(own), items))


def counts_of(histories: Histories, items: int) -> NDArray[np.int64]:
    """(items,) how many people chose each."""
    own = [np.unique(history) for history in histories]
    return np.bincount(np.concatenate([*own, np.empty(0, np.int64)]), minlength=items)
