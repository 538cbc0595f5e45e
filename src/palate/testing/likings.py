"""A world of people who each like the shapes of one colour: whose next picture it is can be told from its pixels."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from palate.personalise.histories import Collection, Item, collected
from palate.testing.shapes import COLOURS, SHAPES, draw_shape

TASTES = ("red", "blue", "green", "yellow")


def painted_collection(
    people: int = 24, each: int = 24, *, variants: int = 6, side: int = 16, seed: int = 0
) -> Collection:
    """Person p likes pictures of TASTES[p % 4] at random, in an order and at times of their own."""
    chance = np.random.default_rng(seed)
    items, sources = [], []
    for colour in TASTES:
        for shape in SHAPES[:4]:
            for variant in range(variants):
                centre = tuple(0.5 + 0.15 * chance.standard_normal(2))
                picture = draw_shape(
                    shape, colour, size=side, centre=(centre[0], centre[1]), radius=0.25 + 0.03 * variant
                )
                items.append(Item(f"{colour}-{shape}-{variant}", f"{colour} {shape}"))
                sources.append(as_png(picture))
    of_colour = {colour: [item.id for item in items if item.id.startswith(f"{colour}-")] for colour in TASTES}
    events = []
    for person in range(people):
        own = of_colour[TASTES[person % len(TASTES)]]
        chosen = chance.permutation(len(own))[: min(each, len(own))]
        events += [(f"p{person}", own[at], 10.0 * place + person / 100) for place, at in enumerate(chosen)]
    return collected("painted", items, events, lambda at: sources[at])


def publish(folder: Path, made: Collection) -> Path:
    """The same world as files in the form of a later MovieLens, posters beside it."""
    (folder / "posters").mkdir(parents=True)
    rows = zip(made.person, made.item, made.at, strict=True)
    lines = [f"{person},{item},5.0,{at}" for person, item, at in rows]
    (folder / "ratings.csv").write_text("\n".join(["userId,movieId,rating,timestamp", *lines]) + "\n")
    titles = [f"{place},{item.title},{item.title.split()[0]}" for place, item in enumerate(made.items)]
    (folder / "movies.csv").write_text("\n".join(["movieId,title,genres", *titles]) + "\n")
    for place in range(len(made.items)):
        made.picture(place).save(folder / "posters" / f"{place}.png")
    return folder


def as_png(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


def colour_of(picture: Image.Image) -> str:
    """The taste whose colour the picture's ink is nearest to, judged by its pixels alone."""
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float64).reshape(-1, 3)
    ink = pixels[pixels.min(1) < 200]
    mean = ink.mean(0) if len(ink) else pixels.mean(0)
    return min(TASTES, key=lambda colour: float(((mean - np.array(COLOURS[colour])) ** 2).sum()))
