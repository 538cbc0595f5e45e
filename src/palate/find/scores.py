"""GEMRec's scores of what was drawn: CLIP-Score, mCos, popularity, and the GRE-Score that weighs them together.

Guo et al., "GEMRec: Towards Generative Model Recommendation" (2023), and the authors' published code. One batch is the
pictures that all models drew for one prompt: pictures (..., M, d), words (..., d), scores (..., M). Everything is
computed in double precision, batched over the leading axes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError
from palate.find.specification import SHORTEST

Floats = NDArray[np.float64]

UNDECIDED = 0.5
"""What a min-max is where nothing differs (one model, equal scores): neither good nor bad."""


class Weights(NamedTuple):
    """What counts how much in the GRE-Score."""

    clip: float
    mcos: float
    popularity: float


GEMREC_WEIGHTS = Weights(1.0, 0.8, 0.2)
HEAVIEST = 1e6
"""Of a weight: only what they are to one another says anything, and sums of far more overflow."""


def unit(vectors: ArrayLike) -> Floats:
    """(..., d) scaled to length one in double precision; NaN, infinite and zero vectors are refused (THREATS T23)."""
    rows = np.asarray(vectors, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("...d,...d->...", rows, rows))
    bad = ~np.isfinite(lengths) | (lengths < SHORTEST)
    if bad.any():
        raise PalateError(
            "embedding_invalid",
            f"{int(bad.sum())} of {bad.size} vectors are zero or not finite, the first is number {int(bad.argmax())}",
            about="vectors",
            hint="the picture may be black or broken: encode it again",
        )
    scaled: Floats = rows / lengths[..., None]
    return scaled


def clip_score(pictures: ArrayLike, words: ArrayLike) -> Floats:
    """CLIP-Score = 100 cos(words, picture), (..., M). Higher: the picture shows more of what was asked."""
    drawn, asked = unit(pictures), unit(words)
    if drawn.shape[-1] != asked.shape[-1]:
        raise PalateError(
            "space_mismatch", f"pictures have {drawn.shape[-1]} dimensions, words {asked.shape[-1]}", about="vectors"
        )
    score: Floats = 100.0 * np.einsum("...md,...d->...m", drawn, asked)
    return score


def mcos(pictures: ArrayLike) -> Floats:
    """mCos = mean cosine of a picture to all pictures of the same prompt, itself included, (..., M)."""
    drawn = unit(pictures)
    likeness: Floats = np.einsum("...md,...d->...m", drawn, drawn.mean(axis=-2))
    return likeness


def min_max(scores: ArrayLike) -> Floats:
    """(score - min) / (max - min) along the last axis, over those that are known (not NaN); `UNDECIDED` where equal."""
    values = np.asarray(scores, dtype=np.float64)
    known = ~np.isnan(values)
    low = np.where(known, values, np.inf).min(axis=-1, keepdims=True, initial=np.inf)
    high = np.where(known, values, -np.inf).max(axis=-1, keepdims=True, initial=-np.inf)
    spread = np.where(high > low, high - low, 1.0)
    scaled = np.where(high > low, (values - np.where(np.isfinite(low), low, 0.0)) / spread, UNDECIDED)
    return np.where(known, scaled, np.nan)


def norm_clip(clip: ArrayLike) -> Floats:
    """Per-prompt min-max of the CLIP-Scores, (..., M)."""
    return min_max(clip)


def norm_mcos(likeness: ArrayLike) -> Floats:
    """1 - per-prompt min-max of mCos, (..., M): high where a picture is distinctive."""
    return 1.0 - min_max(likeness)


def norm_pop(downloads: ArrayLike) -> Floats:
    """Min-max over models of log10(downloads + 1), (M,); NaN stays where nobody counted."""
    counts = np.asarray(downloads, dtype=np.float64)
    if (counts < 0).any():
        raise PalateError("downloads_invalid", "a count of downloads cannot be negative", about="downloads")
    return min_max(np.log10(counts + 1.0))


def gre_score(clip: ArrayLike, likeness: ArrayLike, popularity: ArrayLike, weights: Weights = GEMREC_WEIGHTS) -> Floats:
    """GRE-Score = 1.0 norm_clip + 0.8 norm_mcos + 0.2 norm_pop, (..., M), of already normalised scores.

    A score that is not known (NaN) is dropped and the weights of the others are scaled up to the same sum of sizes.
    NaN where none is known.
    """
    parts = np.stack(
        np.broadcast_arrays(*(np.asarray(part, dtype=np.float64) for part in (clip, likeness, popularity)))
    )
    sizes = np.asarray(weights, dtype=np.float64).reshape(3, *[1] * (parts.ndim - 1))
    known = ~np.isnan(parts)
    present = (np.abs(sizes) * known).sum(axis=0)
    summed = np.where(known, sizes * np.nan_to_num(parts), 0.0).sum(axis=0)
    total = float(np.abs(np.asarray(weights)).sum())
    score: Floats = np.divide(summed * total, present, out=np.full_like(summed, np.nan), where=present > 0)
    # Rescaling must not touch a complete score, not even in its last digit.
    return np.where(known.all(axis=0), summed, score)


def gre_of_pictures(
    pictures: ArrayLike, words: ArrayLike, downloads: ArrayLike, weights: Weights = GEMREC_WEIGHTS
) -> Floats:
    """The GRE-Score of pictures (..., M, d) drawn for words (..., d) by models with so many downloads (M,)."""
    return gre_score(norm_clip(clip_score(pictures, words)), norm_mcos(mcos(pictures)), norm_pop(downloads), weights)


def parse_weights(written: str | tuple[float, ...] | list[float] | Any) -> Weights:
    """'1,.8,.2' or three numbers as `Weights`; anything else is refused in words."""
    parts = written.split(",") if isinstance(written, str) else list(written)
    try:
        numbers = [float(part) for part in parts]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != 3 or not any(numbers) or not all(abs(number) <= HEAVIEST for number in numbers):
        raise PalateError(
            "weights_invalid",
            f"weights are three numbers of at most {HEAVIEST:,.0f}, not all zero, not {written!r}",
            about="weights",
            hint="such as 1,.8,.2 for clip, mcos, popularity",
        )
    return Weights(*numbers)
