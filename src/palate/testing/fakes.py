"""Small and exact stand-ins, so that the whole application runs in a test without weights and with known answers.

The space of `FakeEncoder` has one axis for each colour, each shape and each ground. A shape's picture is

    (e_colour + e_shape + 0.5 e_ground) / 1.5        of unit length, since 1 + 1 + 0.25 = 1.5^2

and words are the mean of the axes they name, made unit. So the cosine of "red circle" with

    a red circle             2 / (1.5 sqrt 2) = 0.943
    a red bar, a grey circle 1 / (1.5 sqrt 2) = 0.471
    a grey bar               0
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.catalogue.records import digest
from palate.encoders.protocol import Vectors
from palate.generators.protocol import Order
from palate.safety.pictures import open_picture
from palate.testing.shapes import COLOURS, FILL, SHAPES, UNKNOWN_COLOUR, UNKNOWN_SHAPE, draw_shape, first_of, words_of

_COLOUR_NAMES = tuple(COLOURS)
_PALETTE = np.array(list(COLOURS.values()), dtype=np.int32)
AXES = (*_COLOUR_NAMES, *SHAPES, *(f"on {name}" for name in _COLOUR_NAMES), "other")
GROUND_WEIGHT = 0.5


def axis(name: str) -> int:
    return AXES.index(name)


class FakeEncoder:
    """Colour and shape as axes; see the module's text for the cosines this gives."""

    def __init__(self, name: str = "fake", *, reads_words: bool = True, words_limit: int = 16) -> None:
        self.name = name
        self.reads_words = reads_words
        self.dim = len(AXES)
        self.id = digest("fake encoder", name, str(self.dim))
        self.words_limit = words_limit

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        vectors = np.zeros((len(pictures), self.dim), dtype=np.float32)
        for row, picture in zip(vectors, pictures, strict=True):
            _describe(row, np.asarray(picture.convert("RGB"), dtype=np.int32))
        return _unit(vectors)

    def encode_words(self, words: Sequence[str]) -> Vectors:
        if not self.reads_words:
            from palate.errors import PalateError

            raise PalateError("no_words", "this encoder reads pictures only", about=self.name)
        vectors = np.zeros((len(words), self.dim), dtype=np.float32)
        for row, text in zip(vectors, words, strict=True):
            for word in words_of(text)[: self.words_limit]:
                if word in AXES:
                    row[axis(word)] = 1.0
            if not row.any():
                row[axis("other")] = 1.0
        return _unit(vectors)

    def cut(self, words: Sequence[str]) -> list[bool]:
        return [len(words_of(text)) > self.words_limit for text in words]


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _nearest(pixels: NDArray[np.int32]) -> NDArray[np.int64]:
    """The index of the nearest named colour of each pixel; pixels (n, 3)."""
    nearest: NDArray[np.int64] = np.argmin(((pixels[:, None] - _PALETTE) ** 2).sum(2), axis=1)
    return nearest


def _describe(row: Vectors, pixels: NDArray[np.int32]) -> None:
    """Fill in one row: the corner is the ground, what differs from it is the shape."""
    named = _nearest(pixels.reshape(-1, 3)).reshape(pixels.shape[:2])
    ground = named[0, 0]
    row[axis(f"on {_COLOUR_NAMES[ground]}")] = GROUND_WEIGHT
    mask = named != ground
    if not mask.any():
        return
    row[: len(_COLOUR_NAMES)] = np.bincount(named[mask], minlength=len(_COLOUR_NAMES)) / mask.sum()
    row[axis(_shape_of(mask))] = 1.0


def _shape_of(mask: NDArray[np.bool_]) -> str:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    if width > 1.5 * height:
        return UNKNOWN_SHAPE
    fill = mask.sum() / (height * width)
    if mask[rows[0], columns[0]] and fill > 0.9:
        return "square"
    first_row = mask[rows[0]].sum() / width
    if fill < 0.65:  # a triangle begins with a point, a cross with its arm
        return "triangle" if first_row < 0.2 else "cross"
    return min(FILL, key=lambda shape: abs(FILL[shape] - fill))


@dataclass
class FakeGenerator:
    """Draws the first colour and the first shape its words name, on its own ground.

    What it does not know it draws as a grey bar: a generator that knows "red" but not "circle" draws a red bar. So
    the right ranking of generators for "a red circle" is: knows both, knows one, knows neither.
    """

    name: str = "fake"
    knows: Collection[str] | None = None
    """The colours and shapes it can draw; None means all."""
    ground: str = "white"
    size: int = 64
    batch: int = 8
    drawn: int = 0
    closed: bool = False

    def draw(self, orders: Sequence[Order]) -> list[Image.Image]:
        self.drawn += len(orders)
        return [self._one(order) for order in orders]

    def close(self) -> None:
        self.closed = True

    def _one(self, order: Order) -> Image.Image:
        colour = first_of(self._known(COLOURS), order.text) or UNKNOWN_COLOUR
        shape = first_of(self._known(SHAPES), order.text) or UNKNOWN_SHAPE
        own, (width, height) = self._beginning(order)
        ground = own if colour != own else "black" if colour != "black" else "white"
        rng = np.random.default_rng(order.seed)
        x, y, radius = rng.uniform(0.42, 0.58), rng.uniform(0.42, 0.58), rng.uniform(0.22, 0.36)
        size = order.width or width
        picture = draw_shape(shape, colour, ground=ground, size=size, centre=(float(x), float(y)), radius=float(radius))
        height = order.height or (size if order.width else height)
        return picture if height == size else picture.resize((size, height), Image.Resampling.NEAREST)

    def _beginning(self, order: Order) -> tuple[str, tuple[int, int]]:
        """The ground that is drawn on and the size: the fake's own, or those of the picture that is begun from."""
        if order.start is None:
            return self.ground, (self.size, self.size)
        picture = open_picture(order.start)
        corner = np.asarray(picture.crop((0, 0, 1, 1)), dtype=np.int32).reshape(1, 3)
        return _COLOUR_NAMES[_nearest(corner)[0]], picture.size

    def _known(self, names: Collection[str]) -> list[str]:
        return [name for name in names if self.knows is None or name in self.knows]


class FakeCaptioner:
    """Says colour and shape, as `FakeEncoder` sees them."""

    name = "fake"
    skipped: Mapping[int, str] = MappingProxyType({})

    def caption(self, pictures: Sequence[Image.Image]) -> list[str]:
        vectors = FakeEncoder().encode_pictures(pictures)
        colours, shapes = vectors[:, : len(COLOURS)], vectors[:, len(COLOURS) : len(COLOURS) + len(SHAPES)]
        return [
            f"a {_COLOUR_NAMES[colour]} {SHAPES[shape]}"
            for colour, shape in zip(colours.argmax(1), shapes.argmax(1), strict=True)
        ]
