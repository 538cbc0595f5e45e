"""The checkerboard: people of one colour choose items of that colour, in a circle where order counts."""

from __future__ import annotations

import numpy as np

from palate.recommend.histories import Histories

ITEMS = 24
PEOPLE = 400


def checkerboard(seed: int = 0) -> tuple[Histories, Histories, np.ndarray]:
    """Histories to learn from, histories of others, and the one item of their colour that each of these lacks.

    Everybody walks round the items of one colour, from a random place: all but one of them, so that what is missing is
    also what would come next.
    """
    rng = np.random.default_rng(seed)
    circles = [np.arange(0, ITEMS, 2), np.arange(1, ITEMS, 2)]

    def walk(colour: int) -> np.ndarray:
        return np.roll(circles[colour], int(rng.integers(ITEMS // 2)))

    learned = [walk(person % 2) for person in range(PEOPLE)]
    asked = [walk(person % 2) for person in range(20)]
    return learned, [one[:-1] for one in asked], np.array([one[-1] for one in asked])


def content() -> dict[str, np.ndarray]:
    """What is known of the items themselves: their colour, and where on the circle they lie."""
    colour, angle = np.arange(ITEMS) % 2, np.arange(ITEMS) // 2 * 4 * np.pi / ITEMS
    look = np.column_stack([colour, 1 - colour, np.cos(angle), np.sin(angle)]).astype(np.float32)
    words = np.column_stack([1 + colour, 3 + np.arange(ITEMS) // 2])
    return {
        "text": look,
        "pictures": look @ np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))[0],
        "words": words,
    }
