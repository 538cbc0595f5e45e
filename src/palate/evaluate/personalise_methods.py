"""What each method shows a person: four pictures, whether they exist already or are drawn."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.errors import PalateError
from palate.personalise import adapters
from palate.personalise.choosing import best_fitting, fits
from palate.personalise.drawing import guidance_of, trained_folder
from palate.personalise.histories import KEPT, Collection, Window, interactions_before
from palate.personalise.janus import Janus, Seen, open_janus
from palate.personalise.sampling import sample
from palate.personalise.scorers import Space
from palate.personalise.shelf import Shelf, histories_of
from palate.recommend.methods import METHODS
from palate.safety.pictures import open_picture

SHOWN = 4
RETRIEVAL = ("popularity", "itemknn", "sasrec", "gru4rec")
FEW_PEOPLE = 1000
"""Below which recommenders learn at their small settings: 20 passes in place of 100."""
PARTS = 8
"""Histories that are drawn for at a time."""
DRAWING = ("untrained", "sft", "grpo")
OTHERS = ("random", "ceiling", "hub", "retrieve", "classifier")
"""What else rows and differences are named after."""
CHOSEN = "-chosen"
"""Of more pictures that were drawn those that fit the history best, by encoders that do not judge."""
Drawers = Mapping[str, tuple[Janus, Seen]]
Shown = list[list[Image.Image]]
"""A window each, `SHOWN` pictures each."""


@dataclass(frozen=True, eq=False)
class Shop(Collection):
    """A collection with all its pictures squashed to one side, so that no method wins or loses by a picture's size."""

    side: int = 64

    def picture(self, item: int) -> Image.Image:
        if item not in self._decoded:
            self._decoded[item] = self.sized(open_picture(self.source(item)))
            if len(self._decoded) > KEPT:
                self._decoded.popitem(last=False)
        return self._decoded[item]

    def sized(self, picture: Image.Image) -> Image.Image:
        return picture.convert("RGB").resize((self.side, self.side), Image.Resampling.BICUBIC)

    def pictures(self, chosen: NDArray[np.int64]) -> Shown:
        """(windows, 4) items to their pictures."""
        return [[self.picture(int(item)) for item in row] for row in chosen]


def shop_of(whole: Collection, side: int) -> Shop:
    rows = (whole.person, whole.item, whole.at)
    return Shop(whole.name, whole.items, whole.people, *rows, whole.source, whole.left_out, side=side)


def known(names: Sequence[str] | None) -> tuple[str, ...]:
    """Recommenders by their names; the usual four where none is named."""
    for name in names or ():
        if name not in METHODS:
            raise PalateError(
                "unknown_method", f"there is no recommender '{name}'", hint=f"one of {', '.join(METHODS)}"
            )
    return tuple(names or RETRIEVAL)


def retrieved(shop: Shop, windows: Sequence[Window], name: str, until: float) -> NDArray[np.int64]:
    """The four items that a recommender puts first, which learned from what was liked before `until`. (windows, 4)

    It is told all that the person had liked by then, which is more than the window that the drawing methods see.
    """
    method, items = METHODS[name], len(shop.items)
    histories = [history for history in interactions_before(shop, until) if len(history)]
    settings: dict[str, Any] = dict(method.small) if len(histories) < FEW_PEOPLE else {}
    recommender = method.make(**settings).fit(histories, items)
    return first_new(recommender.score([np.array(window.past) for window in windows]), windows)


def alike(space: Space, windows: Sequence[Window]) -> NDArray[np.int64]:
    """The visual recommender: items whose pictures are nearest to the mean of the history's. (windows, 4)"""
    every = space.pictures(range(len(space.collection.items)))
    means = np.array([space.pictures(window.history).mean(axis=0) for window in windows])
    return first_new(means @ every.T, windows)


def first_new(scores: NDArray[Any], windows: Sequence[Window]) -> NDArray[np.int64]:
    """The best four that the person does not have already. (windows, items) -> (windows, 4)"""
    scores = np.array(scores, dtype=np.float64)
    for row, window in zip(scores, windows, strict=True):
        row[list(window.past)] = -np.inf
    if scores.shape[1] - max(len(window.past) for window in windows) < SHOWN:
        raise PalateError("too_few_items", "there are not four items that somebody does not have")
    found: NDArray[np.int64] = np.argsort(-scores, axis=1, kind="stable")[:, :SHOWN]
    return found


def random_items(collection: Collection, windows: Sequence[Window], seed: int) -> NDArray[np.int64]:
    chance = np.random.default_rng(seed)
    return first_new(chance.random((len(windows), len(collection.items))), windows)


def copied(windows: Sequence[Window]) -> NDArray[np.int64]:
    """The four latest items of the history themselves. (windows, 4)"""
    return np.array([(window.history[::-1] * SHOWN)[:SHOWN] for window in windows])


def pixel_means(shop: Shop, windows: Sequence[Window]) -> Shown:
    """The mean of the history's pixels, four times: what wins where blur is rewarded."""
    made = []
    for window in windows:
        pixels = [np.asarray(shop.picture(item), dtype=np.float64) for item in window.history]
        made.append([Image.fromarray(np.mean(pixels, axis=0).round().astype(np.uint8))] * SHOWN)
    return made


def drawn(
    shelf: Shelf, windows: Sequence[Window], *, seed: int = 0, guidance: float | None = None, count: int = SHOWN
) -> Shown:
    """`count` pictures for each history by one Janus, with the guidance that its makers set."""
    strength = guidance_of(shelf.janus) if guidance is None else guidance
    made: Shown = []
    for start in range(0, len(windows), PARTS):
        told = shelf.told(histories_of(windows[start : start + PARTS]))
        codes = sample(shelf.janus, told, group=count, guidance=strength, seed=seed + start).codes
        pictures = shelf.janus.decoded(codes)
        made += [pictures[at : at + count] for at in range(0, len(pictures), count)]
    return made


def chosen(made: Shown, spaces: Sequence[Space], windows: Sequence[Window]) -> Shown:
    """Of each person's drawn pictures the four that fit their history best, as these encoders see it."""
    found = []
    for pictures, window in zip(made, windows, strict=True):
        seen = [(space.drawn(pictures), space.pictures(window.history)) for space in spaces]
        found.append([pictures[at] for at in best_fitting(seen, SHOWN)])
    return found


def existing_chosen(spaces: Sequence[Space], windows: Sequence[Window]) -> NDArray[np.int64]:
    """The same choice among everything there is, in place of what was drawn. (windows, 4)"""
    every = [space.pictures(range(len(space.collection.items))) for space in spaces]
    worth = [
        np.mean([fits(rows, space.pictures(window.history)) for space, rows in zip(spaces, every, strict=True)], axis=0)
        for window in windows
    ]
    return first_new(np.array(worth), windows)


def ceiling(janus: Janus, collection: Collection, windows: Sequence[Window]) -> Shown:
    """The true next picture as the codes give it back: what a perfect guess would look like."""
    pictures = janus.decoded(janus.coded([collection.picture(window.target) for window in windows]))
    return [[picture] * SHOWN for picture in pictures]


def open_drawers(
    home: Path | None, base: str, device: str | None, notes: list[str], wanted: Sequence[str] = DRAWING
) -> dict[str, tuple[Janus, Seen]]:
    """The network as it comes, and what was trained for it, in the home or shipped; what is missing is noted.

    `NAME=FOLDER` is what was trained elsewhere: for another domain, or with histories read in another way.
    """
    found: dict[str, tuple[Janus, Seen]] = {}
    if "untrained" in wanted:
        try:
            found["untrained"] = open_janus(base, device=device), "vision"
        except PalateError as error:
            notes.append(f"untrained, sft and grpo are not measured: {error}")
            return found
    for kind in DRAWING[1:]:
        place = trained_folder(home, base, kind) if kind in wanted else None
        if place is not None:
            janus, trained = adapters.open_trained(place, device=device)
            found[kind] = janus, trained.seen
        elif kind in wanted:
            notes.append(f"{kind} is not measured: nothing was trained for {base} in the home, and nothing ships")
    for name, _, folder in (one.partition("=") for one in wanted if "=" in one):
        janus, trained = adapters.open_trained(Path(folder).expanduser(), device=device)
        found[name] = janus, trained.seen
    return found


def known_drawers(names: Sequence[str] | None) -> tuple[str, ...]:
    """By their names, in their order, then those of other folders; all of the home's where none is named."""
    for name in names or ():
        head, is_folder, _ = name.partition("=")
        if (head in DRAWING) == bool(is_folder) or not re.fullmatch("[a-z0-9]+", head) or head in OTHERS:
            said = f"'{name}' draws nothing"
            raise PalateError("unknown_method", said, hint=f"one of {', '.join(DRAWING)}, or NAME=FOLDER")
    elsewhere = {name.partition("=")[0]: name for name in names or () if "=" in name}
    return (*(name for name in DRAWING if not names or name in names), *elsewhere.values())


def drawn_by(drawers: Drawers) -> dict[str, list[dict[str, Any]]]:
    """Which weights drew: a name stays when they change."""
    rows = [{"method": name, "network": janus.name, "weights": janus.version} for name, (janus, _) in drawers.items()]
    return {"drawn by": rows} if rows else {}
