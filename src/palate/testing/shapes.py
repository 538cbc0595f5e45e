"""A world of coloured shapes on flat grounds: every right answer in it can be worked out on paper."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from PIL import Image, ImageDraw

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "green": (30, 160, 50),
    "blue": (40, 60, 220),
    "yellow": (240, 220, 40),
    "purple": (140, 40, 170),
    "orange": (245, 140, 20),
    "black": (15, 15, 15),
    "white": (250, 250, 250),
    "grey": (128, 128, 128),
}
SHAPES: tuple[str, ...] = ("circle", "square", "triangle", "cross", "bar")
"""`bar` is what a generator draws when it does not know the shape it was asked for."""

UNKNOWN_COLOUR = "grey"
UNKNOWN_SHAPE = "bar"


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def first_of(names: Iterable[str], text: str) -> str | None:
    """The first word of the text that is one of the names."""
    known = set(names)
    return next((word for word in words_of(text) if word in known), None)


def draw_shape(
    shape: str,
    colour: str,
    *,
    ground: str = "white",
    size: int = 64,
    centre: tuple[float, float] = (0.5, 0.5),
    radius: float = 0.3,
) -> Image.Image:
    """One flat shape without smoothed edges; `centre` and `radius` are shares of the side."""
    picture = Image.new("RGB", (size, size), COLOURS[ground])
    x, y, r = centre[0] * size, centre[1] * size, radius * size
    pen = ImageDraw.Draw(picture)
    ink = COLOURS[colour]
    if shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=ink)
    elif shape == "square":
        pen.rectangle((x - r, y - r, x + r, y + r), fill=ink)
    elif shape == "triangle":
        pen.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=ink)
    elif shape == "cross":
        pen.rectangle((x - r, y - r / 3, x + r, y + r / 3), fill=ink)
        pen.rectangle((x - r / 3, y - r, x + r / 3, y + r), fill=ink)
    elif shape == "bar":
        pen.rectangle((x - r, y - r / 4, x + r, y + r / 4), fill=ink)
    else:
        raise ValueError(f"no such shape: {shape}")
    return picture


FILL: dict[str, float] = {"circle": math.pi / 4, "square": 1.0, "triangle": 0.5, "cross": 5 / 9}
"""The share of its bounding box that a shape fills; a bar is told by its box, which is not square."""
