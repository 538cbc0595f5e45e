"""A hub's own differences: how its pictures change with an attribute, read off what one model drew with and without it.

The difference of two sentences is a guess at what "in outline" does to a picture. Where the same model drew the same
thing both ways it is known, and a mean over a few things is enough (visual analogies, Reed et al. 2015: a is to b as c
is to a + (b - a)). What a prompt says of the thing and what of its look is read from its words.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palate.converse.changes import COLOURS, OPPOSITE
from palate.converse.state import Change

Vectors = NDArray[np.float32]
Words = frozenset[str]
_NO_LOOKS = "a an the of in on at by to and or with very icon picture image drawing"
SMALL: Words = frozenset(_NO_LOOKS.split())
_MORE_LOOKS = "duotone monochrome gradient pixel art watercolour ink sketch cartoon neon pastel glossy shaded"
LOOKS: Words = (
    (frozenset(word for attribute in OPPOSITE for word in attribute.split()) - SMALL)
    | COLOURS
    | frozenset(_MORE_LOOKS.split())
)
"""Words of a prompt that say how and not what; what is asked for is one of them whatever it is."""
FEWEST_THINGS = 2
"""Things that a difference is the mean of: one alone is about that thing."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawings:
    """Pictures, (n, d) of unit length, who drew each, and for which words."""

    vectors: Vectors
    models: Sequence[str]
    texts: Sequence[str]


def thing_and_look(text: str, asked: Words = frozenset()) -> tuple[Words, Words]:
    """ "a thin outline icon of a cat" is (cat; thin, outline)."""
    words = _words(text)
    looks = LOOKS | asked
    return words - looks, words & looks


def _words(text: str) -> Words:
    return frozenset(re.findall(r"[a-z0-9]+", text.lower())) - SMALL


def difference(drawn: Drawings, change: Change, *, before: str = "") -> Vectors | None:
    """(d,) the mean over things of v(thing so) - v(thing before), not of unit length; None where it is not known.

    `before` are the words that the picture was drawn for: from a thin house to a filled one is another way than from
    a plain one. Where nothing was drawn in the whole of that look, most of it has to do.
    """
    asked = _words(change.towards)
    if not asked:
        return None
    means = _means(drawn, asked)
    own = thing_and_look(before, asked)[1] - asked if change.more else frozenset()
    looks = sorted({look for _, _, look in means if look <= own}, key=lambda look: (-len(look), sorted(look)))
    for start in dict.fromkeys((*(look for look in looks if look), _words(change.away), frozenset[str]())):
        pairs = [
            (thing, there - means[maker, thing, start])
            for (maker, thing, look), there in means.items()
            if thing and asked <= look and not asked <= start and (maker, thing, start) in means
        ]
        if len({thing for thing, _ in pairs}) >= FEWEST_THINGS:
            mean: Vectors = np.mean([moved for _, moved in pairs], axis=0).astype(np.float32)
            return mean if change.more else -mean
    return None


def _means(drawn: Drawings, asked: Words) -> dict[tuple[str, Words, Words], Vectors]:
    """The mean picture of each model, thing and look."""
    read = {text: thing_and_look(text, asked) for text in set(drawn.texts)}
    rows: dict[tuple[str, Words, Words], list[int]] = defaultdict(list)
    for at, (maker, text) in enumerate(zip(drawn.models, drawn.texts, strict=True)):
        rows[maker, *read[text]].append(at)
    return {key: drawn.vectors[own].mean(axis=0) for key, own in rows.items()}
