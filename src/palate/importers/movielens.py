"""MovieLens 100K as GroupLens publishes it (`u.data`), and the films' plots where there are any (`items.csv`)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from palate.errors import PalateError

GENRES = (
    *("Action", "Adventure", "Animation", "Children", "Comedy", "Crime", "Documentary", "Drama", "Fantasy"),
    *("FilmNoir", "Horror", "Musical", "Mystery", "Romance", "SciFi", "Thriller", "War", "Western"),
)
MIDDLE_YEAR = 1990.0


@dataclass(frozen=True, slots=True)
class Films:
    """Who rated what, in the order of time (n,); and what is known of the films without asking anybody.

    `person` and `film` count from 0. `genres` (films, 18) are 0 or 1, `years` (films,), `plots` one text a film.
    """

    person: NDArray[np.intp]
    film: NDArray[np.intp]
    rating: NDArray[np.float64]
    genres: NDArray[np.float64]
    years: NDArray[np.float64]
    plots: tuple[str, ...]

    @property
    def people(self) -> int:
        return int(self.person.max()) + 1


def read_movielens(folder: Path) -> Films:
    """Ratings by time, then by film: two of one second have no order of their own."""
    path = folder / "u.data"
    if not path.is_file():
        raise PalateError("no_ratings", "there is no u.data in this folder", about=str(folder))
    try:
        lines = path.read_text("ascii").split("\n")
        rows = np.array([[int(part) for part in line.split("\t")] for line in lines if line], dtype=np.int64)
    except ValueError as error:
        hint = "tab-separated: person, film, rating, time"
        raise PalateError(
            "ratings_unreadable", "this is not MovieLens 100K's form", about=str(path), hint=hint
        ) from error
    if rows.ndim != 2 or rows.shape[1] != 4 or rows[:, :2].min() < 1:
        raise PalateError("ratings_unreadable", "person, film, rating and time are expected", about=str(path))
    rows = rows[np.lexsort((rows[:, 1], rows[:, 3]))]
    films = int(rows[:, 1].max())
    genres, years, plots = np.zeros((films, len(GENRES))), np.full(films, MIDDLE_YEAR), [""] * films
    for row in _items(folder / "items.csv"):
        at = int(row["movie_id"]) - 1
        if 0 <= at < films:
            genres[at] = [float(row.get(name) or 0) for name in GENRES]
            years[at] = _year(row.get("year"))
            plots[at] = f"{row.get('title') or ''} {row.get('overview') or ''}"
    return Films(rows[:, 0] - 1, rows[:, 1] - 1, rows[:, 2].astype(np.float64), genres, years, tuple(plots))


def _year(text: str | None) -> float:
    try:
        year = float(text or "nan")
    except ValueError:
        return MIDDLE_YEAR
    return year if 1800 < year < 2200 else MIDDLE_YEAR


def _items(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
