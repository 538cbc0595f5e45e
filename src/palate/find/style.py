"""The style index: one vector a model, and for any example pictures one vector whose inner product ranks the models.

A picture of model m is x = c + s_m + e: content c predicted from its caption (`find.content`), e whatever words and
style leave open, with covariance T. For n pictures, log p(pictures | m) - log p(pictures | no style) is

    sum_i (x_i - c_i)' T^-1 s_m  -  n/2 s_m' T^-1 s_m,

linear in the pictures and constant otherwise, so any inner product index serves it: the vector of a model holds s_m in
the directions that tell models apart and its own penalty; the vector of a question holds the sum over its pictures and
their number. Pictures without a caption take c to be the mean content, and a T that knows it. Nothing is set by hand:
the ridge, T's spectrum (`find.shrinkage`) and how far each direction of s_m is trusted all come from the hub's own
pictures, each prompt judged by what the other prompts predict for it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.catalogue.cells import CellIndex
from palate.errors import PalateError
from palate.find.content import Decomposition, WordsToContent, decompose
from palate.find.placing import Placing
from palate.find.shrinkage import held_out_spectrum, pooled_adjacent
from palate.find.specification import Indices, Mask, Specifications, unit_rows

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

MOST_ROWS = 20_000
"""Covariances are taken from at most so many pictures, evenly spaced over the hub."""


@dataclass(frozen=True)
class StyleConfig:
    dimensions: int = 128
    """Directions kept; a model's vector has two more coordinates, its penalties with and without captions."""
    folds: int = 5
    """Groups of prompts that judge one another."""


@dataclass(frozen=True, eq=False)
class StyleIndex:
    """scores = vectors @ query(pictures, captions): log-likelihood ratios against a model without a style."""

    model_ids: tuple[str, ...]
    vectors: Vectors
    """(M, k + 2)"""
    mean: Vectors
    """(d,) the content of a picture without a caption."""
    content_mean: Vectors
    """(d,) the content of the mean caption."""
    words_mean: Vectors
    """(d,)"""
    words_to_content: Vectors
    """(d, d)"""
    captioned: Vectors
    """(d, k) from picture minus predicted content to the index's coordinates."""
    uncaptioned: Vectors
    """(d, k) the same from picture minus mean content."""
    encoder_id: str = ""

    def query(
        self, pictures: ArrayLike, captions: ArrayLike | None = None, *, has_caption: ArrayLike | None = None
    ) -> Vectors:
        """(n, d) pictures and, where known, (n, d) caption vectors -> (k + 2,)."""
        summed: Vectors = self.queries(pictures, captions, has_caption=has_caption).sum(axis=0)
        return summed

    def queries(
        self, pictures: ArrayLike, captions: ArrayLike | None = None, *, has_caption: ArrayLike | None = None
    ) -> Vectors:
        """(n, k + 2) one row a picture; what several pictures ask for is the sum of their rows."""
        x = unit_rows(pictures, about="pictures")
        self._same_space(x)
        known = np.full(len(x), captions is not None) if has_caption is None else np.asarray(has_caption, dtype=bool)
        rows = np.zeros((len(x), self.vectors.shape[1]), dtype=np.float32)
        if captions is not None and known.any():
            words = unit_rows(np.asarray(captions)[known], about="captions")
            self._same_space(words)
            content = self.content_mean + (words - self.words_mean) @ self.words_to_content
            rows[known, :-2] = (x[known] - content) @ self.captioned
            rows[known, -2] = 1.0
        else:
            known = np.zeros(len(x), dtype=bool)
        rows[~known, :-2] = (x[~known] - self.mean) @ self.uncaptioned
        rows[~known, -1] = 1.0
        return rows

    def scores(self, query: Vectors) -> Vectors:
        """(M,) for one question, (T, M) for a table of them."""
        found: Vectors = query @ self.vectors.T
        return found

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything as plain arrays, for a store to keep."""
        kept: dict[str, NDArray[np.generic]] = {name: getattr(self, name) for name in _TABLES}
        return kept | {"model_ids": np.array(self.model_ids, dtype=np.str_), "encoder_id": np.array(self.encoder_id)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[np.generic]]) -> StyleIndex:
        tables = {name: np.asarray(arrays[name], dtype=np.float32) for name in _TABLES}
        ids = tuple(str(name) for name in arrays["model_ids"])
        if len(ids) != len(tables["vectors"]) or not all(np.isfinite(table).all() for table in tables.values()):
            raise PalateError("index_damaged", "the style index does not hold together", hint="rebuild it")
        return cls(model_ids=ids, encoder_id=str(arrays["encoder_id"]), **tables)

    def _same_space(self, rows: Vectors) -> None:
        if rows.shape[1] != len(self.mean):
            raise PalateError(
                "embedding_invalid",
                f"vectors have {rows.shape[1]} dimensions, the style index {len(self.mean)}",
                hint="encode them with the encoder of the catalogue",
            )


_TABLES = tuple(field.name for field in fields(StyleIndex) if field.name not in ("model_ids", "encoder_id"))


def fit_style(known: Specifications, config: StyleConfig | None = None) -> StyleIndex:
    """The style index of a hub, from its own pictures; at least one picture, any number of models."""
    return fit_and_place(known, config)[0]


def fit_and_place(known: Specifications, config: StyleConfig | None = None) -> tuple[StyleIndex, Placing]:
    """The same, and how a model that was not among these gets its vector."""
    if not len(known.pictures):
        raise PalateError("no_pictures", "no model here has a picture to tell its style by", hint="add or draw some")
    config = config or StyleConfig()
    parts = decompose(known)
    fold = _fold_of_prompt(known, config.folds)
    free = _noise_spectrum(known, parts, fold, config.folds, captions=False)
    given = _noise_spectrum(known, parts, fold, config.folds, captions=True) if parts.words is not None else free
    U, values = given
    whiten = U / np.sqrt(values)
    directions, coordinates, (centre, odds, typical) = _style_coordinates(known, parts, whiten, fold, config)
    # In whitened coordinates s = style_basis @ v, and T^-1 s = whiten @ directions @ v.
    style_basis = (U * np.sqrt(values)) @ directions
    captioned = whiten @ directions
    free_U, free_values = free
    uncaptioned = (free_U / free_values) @ (free_U.T @ style_basis)
    placing = Placing(parts, whiten @ directions, centre @ directions, odds, typical, style_basis.T @ uncaptioned)
    vectors = placing.with_penalties(coordinates)
    words = parts.words or WordsToContent(np.zeros(known.dim), parts.mean, np.zeros((known.dim, known.dim)))
    index = StyleIndex(
        model_ids=known.model_ids,
        vectors=vectors.astype(np.float32),
        mean=parts.mean.astype(np.float32),
        content_mean=words.mean.astype(np.float32),
        words_mean=words.words_mean.astype(np.float32),
        words_to_content=words.matrix.astype(np.float32),
        captioned=captioned.astype(np.float32),
        uncaptioned=uncaptioned.astype(np.float32),
        encoder_id=known.encoder_id,
    )
    return index, placing


def style_cells(index: StyleIndex) -> CellIndex:
    """For more models than are worth scoring all: ask with `queries[:, :-2]`, `weights=queries[:, -2]` (captioned).

    Whitened noise has variance 1 and styles add theirs: that is what questions' coordinates measure.
    """
    vectors = index.vectors[:, :-2]
    return CellIndex.build(vectors, index.vectors[:, -2], scale=np.sqrt(1.0 + vectors.var(axis=0)))


def _fold_of_prompt(known: Specifications, folds: int) -> Indices:
    """(R,) pictures of one prompt fall into one fold; pictures without one are dealt in turn."""
    prompt = known.prompt_index
    dealt = np.where(prompt >= 0, prompt, np.arange(len(prompt)))
    order = np.random.default_rng(0).permutation(int(dealt.max()) + 1)
    return (order[dealt] % folds).astype(np.intp)


def _noise_spectrum(
    known: Specifications, parts: Decomposition, fold: Indices, folds: int, *, captions: bool
) -> tuple[Floats, Floats]:
    """Eigenvectors and eigenvalues of T: what of a picture of an unseen prompt neither style nor content explains."""
    counts = known.counts[known.model_index]
    usable: Mask = counts > 1
    if captions:
        usable = usable & known.has_prompt
    own_style = usable.any()
    rows = np.flatnonzero(usable) if own_style else np.arange(len(counts))
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_ROWS)).astype(np.intp)]
    left = parts.unseen[rows] if captions and own_style else known.pictures[rows] - parts.mean.astype(np.float32)
    if own_style:
        # A model's style was judged with these very pictures: n / (n - 1) is what that hides.
        left = left - parts.style[known.model_index[rows]].astype(np.float32)
        left *= np.sqrt(counts[rows] / (counts[rows] - 1.0))[:, None].astype(np.float32)
    prompt = known.prompt_index[rows]
    drawn = np.bincount(prompt[prompt >= 0], minlength=1)
    weights = np.where(prompt >= 0, 1.0 / np.maximum(drawn[np.maximum(prompt, 0)], 1), 1.0)
    return held_out_spectrum(left, weights, fold[rows], folds)


def _style_coordinates(
    known: Specifications, parts: Decomposition, whiten: Floats, fold: Indices, config: StyleConfig
) -> tuple[Floats, Floats, tuple[Floats, Floats, float]]:
    """Directions (d, k) of whitened space that tell models apart, and every model's place in them (M, k), shrunk.

    What they were shrunk by goes with them: the centre (d,), the odds of trust (k,), and the amount behind these.

    How far to trust a direction: the slope of a model's style on held-out prompts against its style on the others.
    """
    models, folds = len(known.model_ids), config.folds
    cell = known.model_index * folds + fold
    mass = _mass(cell, parts.weights, models * folds).reshape(models, folds)
    sums = np.zeros((models * folds, known.dim))
    np.add.at(sums, cell, parts.residuals * parts.weights[:, None].astype(np.float32))
    by_fold = (sums @ whiten).reshape(models, folds, -1)
    total, amount = by_fold.sum(axis=1), mass.sum(axis=1)
    centre = total.sum(axis=0) / max(amount.sum(), 1e-12)
    place = total / np.maximum(amount, 1e-12)[:, None] - centre
    place[amount == 0] = 0.0
    k = max(1, min(config.dimensions, models - 1, known.dim))
    directions = _principal(place, amount, k)
    trust, typical = _trust(by_fold, mass, centre, k)
    odds = trust / np.maximum(1.0 - trust, 1e-6)
    shrink = odds * amount[:, None] / (odds * amount[:, None] + typical)
    return directions, place @ directions * shrink, (centre, odds, typical)


def _mass(cell: Indices, weights: Floats, cells: int) -> Floats:
    return np.bincount(cell, weights=weights, minlength=cells).astype(np.float64)


def _principal(place: Floats, amount: Floats, k: int) -> Floats:
    """(d, k) directions of most variance between models, each counted by how much is known of it; sign fixed."""
    scaled = place * np.sqrt(amount)[:, None]
    if len(place) <= place.shape[1]:
        directions = np.linalg.svd(scaled, full_matrices=False)[2][:k].T
    else:
        directions = np.linalg.eigh(scaled.T @ scaled)[1][:, ::-1][:, :k]
    largest = np.abs(directions).argmax(axis=0)
    fixed: Floats = directions * np.where(directions[largest, np.arange(directions.shape[1])] < 0, -1.0, 1.0)
    return fixed


def _trust(sums: Floats, mass: Floats, centre: Floats, k: int) -> tuple[Floats, float]:
    """(k,) slope of held-out style on the rest's style by rank of direction, and the amount it was measured at."""
    agree, spread = np.zeros(k), np.zeros(k)
    inverse, seen = 0.0, 0.0
    total, amount = sums.sum(axis=1), mass.sum(axis=1)
    for f in range(mass.shape[1]):
        rest = amount - mass[:, f]
        both = (mass[:, f] > 0) & (rest > 1e-9)
        if both.sum() < 2:
            continue
        held_out = sums[both, f] / mass[both, f, None] - centre
        others = (total - sums[:, f])[both] / rest[both, None] - centre
        directions = _principal(others, rest[both], k)
        found = min(k, directions.shape[1])
        weight = mass[both, f]
        at = others @ directions
        agree[:found] += weight @ (at * (held_out @ directions))
        spread[:found] += weight @ (at * at)
        inverse += float(weight @ (1.0 / rest[both]))
        seen += float(weight.sum())
    if seen == 0.0:
        return np.full(k, 0.5), 1.0
    slope = np.clip(agree / np.maximum(spread, 1e-12), 0.0, 1.0)
    return np.clip(-pooled_adjacent(-slope), 1e-3, 1.0 - 1e-6), seen / inverse
