"""Colours and seasons as critiques on the hub that ships: what its colourful models draw when they are asked.

The bank that ships holds looks and no colours, so these are drawn here, once, and kept: twelve things plainly, in six
colours, and in winter. What was asked for is not always what was drawn. A picture counts as red where its pixels are,
by their hue; nothing that ranks pictures is asked, so a target is known and not believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from palate.evaluate.converse_banked import Pictures

if TYPE_CHECKING:
    from palate.encoders.protocol import Encoder

Pixels = NDArray[np.uint8]
COLOURFUL = ("flat-color-icons", "fluent-emoji", "fluent-emoji-flat", "noto", "noto-v1")
"""The hub's models of sets that are drawn in colours; flags are left out, whose colours are what they show."""
THINGS = ("car", "house", "flower", "book", "umbrella", "key", "fish", "bird", "bus", "heart", "balloon", "apple")
HUES = {"red": 0.0, "orange": 30.0, "yellow": 55.0, "green": 120.0, "blue": 215.0, "purple": 280.0}
"""Degrees; between two of them a hue is called by the nearer."""
WINTER = "in winter"
SEEDS = (1, 2)
BATCH = 8
SATURATED, BRIGHT, WHITE = 0.35, 0.4, 0.92
"""A pixel counts for a colour from so much saturation and brightness; what is lighter than `WHITE` is paper."""
LEAST_VIVID, MOST_OF_IT = 0.3, 0.6
"""Of what is drawn so much has to be coloured, and of that so much in one colour."""


def asked_of(thing: str, said: str) -> str:
    """As the prompts that ship say it: "an icon of a red apple"."""
    if said == WINTER:
        return f"{_one(thing)} {WINTER}"
    return _one(f"{said} {thing}" if said else thing)


def _one(words: str) -> str:
    return f"an icon of {_a(words)}"


def _a(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


GRID = tuple((thing, said) for thing in THINGS for said in ("", *HUES, WINTER))


def drawn_grid(pocket: Any, key: str, folder: Path) -> Pixels:
    """(things and critiques, seeds, 64, 64, 3) by one model; what was drawn before is read."""
    kept = folder / f"{key}.npy"
    if kept.is_file():
        found: Pixels = np.load(kept, allow_pickle=False)
        return found
    from palate.generators.opening import open_generator
    from palate.generators.protocol import Order
    from palate.importers.pocket import drawing_models

    base, adapters = drawing_models(pocket)
    made = pocket.bank().made
    generator = open_generator(adapters[key], base=base)
    orders = [
        Order(asked_of(thing, said), seed, steps=made["steps"], cfg=made["guidance"])
        for thing, said in GRID
        for seed in SEEDS
    ]
    pictures: list[Any] = []
    for start in range(0, len(orders), BATCH):
        pictures += generator.draw(orders[start : start + BATCH])
    generator.close()
    pixels: Pixels = np.stack([np.asarray(picture.convert("RGB")) for picture in pictures])
    folder.mkdir(parents=True, exist_ok=True)
    pixels = pixels.reshape(len(GRID), len(SEEDS), *pixels.shape[1:])
    np.save(kept, pixels, allow_pickle=False)
    return pixels


def hue_of(pixels: Pixels) -> str:
    """The colour that most coloured pixels of a picture (h, w, 3) have, "" where that is none of `HUES` or too few."""
    rgb = pixels.reshape(-1, 3).astype(np.float64) / 255
    high, low = rgb.max(axis=1), rgb.min(axis=1)
    spread = np.maximum(high - low, 1e-9)
    vivid = (high - low > SATURATED * high) & (high > BRIGHT)
    drawn = low < WHITE
    if vivid.sum() < max(1.0, LEAST_VIVID * drawn.sum()):
        return ""
    red, green, blue = rgb.T
    sixth = np.select(
        [high == red, high == green],
        [(green - blue) / spread % 6, (blue - red) / spread + 2],
        (red - green) / spread + 4,
    )
    apart = np.abs(60 * sixth[vivid, None] - np.array(list(HUES.values())))
    nearest = np.minimum(apart, 360 - apart).argmin(axis=1)
    shares = np.bincount(nearest, minlength=len(HUES)) / len(nearest)
    return list(HUES)[int(shares.argmax())] if shares.max() >= MOST_OF_IT else ""


@dataclass(frozen=True, eq=False)
class Coloured:
    """The pictures of `COLOURFUL`, those of the bank among them, and how much of what was asked for was drawn."""

    pictures: Pictures
    tables: dict[str, list[dict[str, Any]]]


def coloured(pocket: Any, encoder: Encoder, folder: Path) -> Coloured:
    """Draws what is missing in `folder`: two minutes of a core."""
    from PIL import Image

    bank, grids = pocket.bank(), [drawn_grid(pocket, key, folder) for key in COLOURFUL]
    own = bank.starts[-1]
    vectors, sound, seen = [], [], []
    for key, grid in zip(COLOURFUL, grids, strict=True):
        first = bank.models.index(key) * own
        rows = range(first, first + own)
        flat = grid.reshape(-1, *grid.shape[2:])
        vectors += [bank.vectors(rows), encoder.encode_pictures([Image.fromarray(one) for one in flat])]
        sound += [~np.asarray(bank.broken[first : first + own]), flat.std(axis=(1, 2, 3)) > 1]
        seen += [*[""] * own, *map(hue_of, flat)]
    places = {
        (_a(thing), said): tuple(range(own + at * len(SEEDS), own + (at + 1) * len(SEEDS)))
        for at, (thing, said) in enumerate(GRID)
    }
    pictures = Pictures(np.concatenate(vectors), np.concatenate(sound), places, COLOURFUL, tuple(seen), shipped=False)
    return Coloured(pictures, {"What was drawn as it was asked for": as_asked(pictures, encoder)})


def as_asked(pictures: Pictures, encoder: Encoder) -> list[dict[str, Any]]:
    """The share of pictures that show what was said, and of plain ones that show it anyway.

    Colours by their pixels. For winter nothing is at hand that knows it, so the encoder has to choose between a model's
    two pictures of a thing by one seed, which of them is in winter: by chance it is right half the time.
    """
    assert pictures.seen is not None
    everything = [(model, thing) for model in range(len(pictures.models)) for thing in map(_a, THINGS)]
    plain = [row for model, thing in everything for row in _rows(pictures, model, thing, "")]
    table: list[dict[str, Any]] = []
    for said in HUES:
        rows = [row for model, thing in everything for row in _rows(pictures, model, thing, said)]
        shown, anyway = ([pictures.seen[row] == said for row in own] for own in (rows, plain))
        table.append(
            {"said": said, "drawn": len(rows), "shown": f"{np.mean(shown):.1%}", "plain": f"{np.mean(anyway):.1%}"}
        )
    right = []
    for model, thing in everything:
        words = encoder.encode_words([f"{thing} {WINTER}"])[0]
        both = zip(_rows(pictures, model, thing, WINTER), _rows(pictures, model, thing, ""), strict=True)
        right += [float(pictures.vectors[there] @ words > pictures.vectors[here] @ words) for there, here in both]
    return [
        *table,
        {"said": WINTER, "drawn": len(right), "shown": f"chosen {np.mean(right):.1%}", "plain": "chance 50.0%"},
    ]


def _rows(pictures: Pictures, model: int, thing: str, said: str) -> list[int]:
    return [model * pictures.own + at for at in pictures.places[thing, said]]
