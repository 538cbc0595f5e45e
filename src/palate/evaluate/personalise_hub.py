"""What the hub's own models draw for planted people after hunches, and what exists already that shows them best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from palate.evaluate.personalise_methods import SHOWN, Shown, first_new
from palate.personalise.from_hub import Repertoire, Wish, best_of, opened, wishes
from palate.personalise.histories import Window
from palate.personalise.hunches import Vectors, hunches, showing
from palate.personalise.planted import Pool
from palate.personalise.scorers import Space

METHOD, EXISTING = "hub", "retrieve-hunch"
Draw = Callable[[Sequence[Wish]], list[bytes]]


@dataclass(frozen=True, eq=False)
class ByHub:
    """What training may know of a hub, in spaces that do not judge, over the whole pool and over people's own items."""

    repertoire: Repertoire
    pool: Sequence[Space]
    own: Sequence[Space]
    draw: Draw
    of: int

    @classmethod
    def learned(cls, known: Pool, pool: Sequence[Space], own: Sequence[Space], draw: Draw, of: int) -> ByHub:
        place = {item.id: at for at, item in enumerate(pool[0].collection.items)}
        rows = [place[item.id] for item in known.items]
        models = [labels["style"] for labels in known.labels]
        words = [item.words for item in known.items]
        return cls(Repertoire.of(models, words, known.labels, _seen(pool, rows)), pool, own, draw, of)

    def shown(self, windows: Sequence[Window], there: Sequence[Window], seed: int) -> dict[str, Shown]:
        """New pictures, the best of many, and beside them the same choice among all that exists."""
        held = [hunches(self.repertoire.known, _seen(self.own, window.history)) for window in windows]
        asked = [
            wishes(self.repertoire, own, max(self.of, SHOWN) if own else SHOWN, np.random.default_rng((seed, at)))
            for at, own in enumerate(held)
        ]
        pngs = self.draw([wish for own in asked for wish in own])
        side = self.own[0].collection.picture(0).size
        pictures = [opened(png).resize(side, Image.Resampling.BICUBIC) for png in pngs]
        drawn = np.hstack([space.drawn(pictures) for space in self.own])
        found, start = Shown(), 0
        for own, wanted in zip(held, asked, strict=True):
            rows = slice(start, start + len(wanted))
            found.append([pictures[start + at] for at in best_of(self.repertoire, own, wanted, drawn[rows], SHOWN)])
            start = rows.stop
        every = _seen(self.pool, range(len(self.pool[0].collection.items)))
        worth = np.array([showing(self.repertoire.known, every, own) for own in held])
        chosen = first_new(worth, there)
        existing = [[self.pool[0].collection.picture(int(item)) for item in row] for row in chosen]
        return {METHOD: found, EXISTING: existing}


def _seen(spaces: Sequence[Space], items: Sequence[int]) -> Vectors:
    """(n, the sum of the spaces' widths)"""
    return np.hstack([space.pictures(items).reshape(len(items), space.encoder.dim) for space in spaces])
