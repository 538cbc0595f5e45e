"""Film vectors: what is known of a film by itself, and what training people's ratings say of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palate.importers.movielens import Films

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

WORD = re.compile(r"[a-z]{3,}")
FEWEST_PLOTS = 8
"""A word of fewer plots than this says nothing about taste."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """How film vectors are made."""

    plot: int = 0
    """Leading directions of the plots' words."""
    factors: int = 4
    """Directions that training people's ratings give a film."""
    shrink: float = 5.0
    """What holds a film's directions near zero, in ratings."""
    rounds: int = 12
    seed: int = 0


def film_vectors(films: Films, training: NDArray[np.bool_], made: Vectors) -> Floats:
    """(films, d): content beside what the people in `training` (people,) gave; nobody else's ratings are looked at."""
    known = training[films.person]
    person, film, rating = films.person[known], films.film[known], films.rating[known]
    quality, popularity, residual = _biases(films, person, film, rating)
    factors = _factors(films, person, film, residual, made)
    columns = [quality, popularity, _standard(films.years), films.genres - films.genres.mean(axis=0)]
    columns += [_plot_directions(films.plots, made.plot), factors]
    return np.hstack([column.reshape(len(films.plots), -1) for column in columns])


def _biases(films: Films, person: Indices, film: Indices, rating: Floats) -> tuple[Floats, Floats, Floats]:
    """A film's shrunken mean above its raters' own means, how often it was rated, and what is left of each rating."""
    people, count = films.people, len(films.plots)
    means = np.bincount(person, rating, people) / np.maximum(np.bincount(person, minlength=people), 1)
    times = np.bincount(film, minlength=count)
    quality = np.zeros(count)
    for _ in range(5):
        quality = np.bincount(film, rating - means[person], count) / (times + 5.0)
        means = np.bincount(person, rating - quality[film], people) / np.maximum(
            np.bincount(person, minlength=people), 1
        )
    residual: Floats = rating - means[person] - quality[film]
    return quality / 0.5, _standard(np.log1p(times)), residual


def _factors(films: Films, person: Indices, film: Indices, residual: Floats, made: Vectors) -> Floats:
    """(films, factors) by EM of a factor analysis of what the biases leave: r = U_person . V_film + noise, U ~ N(0, 1).

    People's places are integrated out and not maximised over, so that few ratings do not make a long vector.
    """
    if not made.factors:
        return np.zeros((len(films.plots), 0))
    rng = np.random.default_rng(made.seed)
    V = 0.1 * rng.standard_normal((len(films.plots), made.factors))
    noise, one = float(residual.var()), np.eye(made.factors)
    by_person, by_film = _grouped(person), _grouped(film)
    U = np.zeros((films.people, made.factors))
    second = np.zeros((films.people, made.factors, made.factors))
    for _ in range(made.rounds):
        for at, rows in by_person:
            X = V[film[rows]]
            covariance = np.linalg.inv(one + X.T @ X / noise)
            U[at] = covariance @ (X.T @ residual[rows]) / noise
            second[at] = covariance + np.outer(U[at], U[at])
        for at, rows in by_film:
            V[at] = np.linalg.solve(
                second[person[rows]].sum(axis=0) + made.shrink * one, U[person[rows]].T @ residual[rows]
            )
        off = residual - (U[person] * V[film]).sum(axis=1)
        open_part = np.einsum("nd,nde,ne->n", V[film], second[person], V[film]) - (U[person] * V[film]).sum(axis=1) ** 2
        noise = float((off**2 + open_part).mean())
    vectors: Floats = V / np.sqrt(noise)
    return vectors


def _grouped(keys: Indices) -> list[tuple[int, Indices]]:
    """Each key with the places where it stands."""
    order = np.argsort(keys, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(keys[order])) + 1)
    return [(int(keys[part[0]]), part) for part in parts]


def _plot_directions(plots: tuple[str, ...], wide: int) -> Floats:
    """(films, wide): the plots' words by tf-idf, brought to their leading singular directions."""
    words = [Counter(WORD.findall(plot.lower())) for plot in plots]
    seen = Counter(word for each in words for word in each)
    kept = {
        word: at for at, word in enumerate(sorted(w for w, n in seen.items() if FEWEST_PLOTS <= n < len(plots) / 4))
    }
    if len(kept) < wide or not wide:
        return np.zeros((len(plots), wide))
    table = np.zeros((len(plots), len(kept)))
    for at, each in enumerate(words):
        for word, times in each.items():
            if word in kept:
                table[at, kept[word]] = (1 + np.log(times)) * np.log(len(plots) / seen[word])
    table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    values, directions = np.linalg.eigh(table.T @ table)
    found: Floats = table @ directions[:, np.argsort(-values)[:wide]]
    found /= np.maximum(found.std(axis=0), 1e-12)
    return found


def _standard(values: Floats) -> Floats:
    scaled: Floats = (values - values.mean()) / max(float(values.std()), 1e-12)
    return scaled
