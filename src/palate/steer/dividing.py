"""A bank in two by what its prompts are about: some things to learn from, and things that nothing was learned of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from palate.errors import PalateError
from palate.steer.drawn_bank import DrawnBank, alike, expected, mapped_to_pictures
from palate.taste.evidence import Rows


def by_things(bank: DrawnBank, *, seed: int = 0) -> tuple[DrawnBank, DrawnBank]:
    """Half of the things each, and half of those that come in several looks.

    What is expected of a picture before it is seen comes from the first half's pictures in both: where words lie, and
    what each model makes different. Only the directions of taste are everybody's.
    """
    plain = np.array(bank.plain)
    looks = {thing for thing, simple in zip(bank.things, bank.plain, strict=True) if not simple}
    luck, first = np.random.default_rng([seed, 9]), set[str]()
    for group in (sorted(looks), sorted(set(bank.things) - looks)):
        first |= {group[at] for at in luck.permutation(len(group))[: -(-len(group) // 2)]}
    ours = np.array([thing in first for thing in bank.things])
    if not looks or not (plain & ~ours).any():
        raise PalateError("too_few_things", "a bank of so few things cannot be divided")
    middle = bank.drawn.mean(axis=2)
    here, there = np.flatnonzero(ours), np.flatnonzero(~ours)
    things = [bank.things[at] for at in here]
    near = alike(middle[here].mean(axis=0), bank.near.shape[1])
    everybody = middle[here].mean(axis=1)
    share = (middle[here] - everybody[:, None]).mean(axis=0)
    words = mapped_to_pictures(bank.spoken[here], everybody, bank.spoken[there])
    learned = replace(_part(bank, here), near=near, said=expected(bank.spoken[here], middle[here], things))
    return learned, replace(_part(bank, there), near=near, said=words[:, None] + share)


def _part(bank: DrawnBank, rows: Rows) -> DrawnBank:
    """Of these prompts alone."""
    texts, things, plain = (tuple(part[at] for at in rows) for part in (bank.texts, bank.things, bank.plain))
    return replace(
        bank,
        texts=texts,
        things=things,
        plain=plain,
        drawn=bank.drawn[rows],
        said=bank.said[rows],
        spoken=bank.spoken[rows],
    )
