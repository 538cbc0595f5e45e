"""What recommenders can read of the catalogue's own pictures and models: the words they were drawn from, their look."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from palate.catalogue import pictures as picture_rows
from palate.catalogue import vectors
from palate.catalogue.pictures import Evidence
from palate.catalogue.vectors import Space
from palate.recommend.methods import Content

WORD = re.compile(r"[^\W\d_]{3,}")
WORDS = 12
"""So many words of a thing are read one by one: the rarest of its prompts."""


def content_of(
    connection: Connection,
    space: Space,
    evidence: Sequence[Evidence],
    drawn: Mapping[str, Sequence[str]],
    look: NDArray[np.float32],
) -> Content:
    """`pictures` is how things look; `text` (mean vectors of prompts) and `words` only where some prompt is known.

    `drawn` says which pictures speak for a thing; a thing without words has zeros.
    """
    prompt_of = {row.picture_id: row.prompt_id for row in evidence if row.prompt_id is not None}
    own = [list(dict.fromkeys(prompt_of[id] for id in ids if id in prompt_of)) for ids in drawn.values()]
    asked = sorted({id for ids in own for id in ids})
    found: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {"pictures": look}
    if not asked:
        return found
    texts = picture_rows.prompts(connection, asked) if len(asked) < 1000 else picture_rows.prompts(connection)
    found["words"] = numbered([" ".join(texts[id].text for id in ids if id in texts) for ids in own])
    known, rows = vectors.load(connection, space, "prompt", asked)
    if known:
        place = {id: at for at, id in enumerate(known)}
        text = np.zeros((len(own), rows.shape[1]), np.float32)
        for row, ids in zip(text, own, strict=True):
            mine = [place[id] for id in ids if id in place]
            if mine:
                row[:] = rows[mine].mean(axis=0)
        found["text"] = text
    return found


def numbered(texts: Sequence[str]) -> NDArray[np.int64]:
    """Each text's rarest words as numbers from 1, 0 where there are no more. (n, WORDS)"""
    split = [list(dict.fromkeys(WORD.findall(text.lower()))) for text in texts]
    common = Counter(word for words in split for word in words)
    vocabulary = {word: at + 1 for at, word in enumerate(sorted(common))}
    rows = np.zeros((len(texts), WORDS), np.int64)
    for row, words in zip(rows, split, strict=True):
        rarest = sorted(words, key=lambda word: (common[word], word))[:WORDS]
        row[: len(rarest)] = [vocabulary[word] for word in rarest]
    return rows
