"""Splits of prompts into what specifies the models and what they are asked, near-duplicates kept together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError

Indices = NDArray[np.intp]


def family_splits(
    families: Sequence[str], *, test: int, splits: int = 5, seed: int = 0
) -> list[tuple[Indices, Indices]]:
    """`splits` pairs of (specification, task) positions with exactly `test` task prompts each, if families allow it.

    Prompts of one family stay on one side. No prompt is a task twice before every prompt was (5 x 14 of 90: never), so
    that cases are as independent as they can be.
    """
    names = list(dict.fromkeys(families))
    members = {name: [at for at, family in enumerate(families) if family == name] for name in names}
    if not 0 < test < len(families):
        raise PalateError("too_few_prompts", f"{test} task prompts cannot be set apart from {len(families)}")
    rng = np.random.default_rng(seed)
    waiting: list[str] = []
    made = []
    for _ in range(splits):
        if sum(len(members[name]) for name in waiting) < test:
            shuffled = [names[at] for at in rng.permutation(len(names))]
            waiting += [name for name in shuffled if name not in waiting]
        chosen: list[int] = []
        taken: list[str] = []
        for name in waiting:
            if len(chosen) + len(members[name]) <= test:
                chosen += members[name]
                taken.append(name)
        if not chosen:
            raise PalateError("too_few_prompts", f"every family of prompts is larger than {test}")
        waiting = [name for name in waiting if name not in taken]
        held = np.array(sorted(chosen), dtype=np.intp)
        made.append((np.setdiff1d(np.arange(len(families)), held).astype(np.intp), held))
    return made


def task_count(prompts: int) -> int:
    """14 of 90, as GEMRec's 90 prompts are split; the same share of any other number."""
    return min(max(round(prompts * 14 / 90), 1), prompts - 1)
