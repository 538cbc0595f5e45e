"""How alike two pictures are to the eye, and how sharp one is: plain functions of pixels or of feature maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError

Floats = NDArray[np.float64]
SIGMA = 1.5
LEVELS = 255.0
LUMA = (0.299, 0.587, 0.114)


def grey(picture: ArrayLike) -> Floats:
    """Luma of (h, w, 3) in [0, 255] -> (h, w)."""
    pixels = np.asarray(picture, dtype=np.float64)
    found: Floats = pixels @ np.array(LUMA) if pixels.ndim == 3 else pixels
    return found


def ssim(a: ArrayLike, b: ArrayLike) -> float:
    """Mean structural similarity (Wang et al. 2004, eq. 13) of two pictures of one size, 1 where they are equal.

    (2 mu_a mu_b + c1)(2 s_ab + c2) / ((mu_a^2 + mu_b^2 + c1)(s_a^2 + s_b^2 + c2)) in Gaussian windows of sigma 1.5 and
    11 pixels, with c1 = (0.01 255)^2 and c2 = (0.03 255)^2, averaged over all places; borders are mirrored.
    """
    from scipy.ndimage import gaussian_filter

    x, y = grey(a), grey(b)
    if x.shape != y.shape:
        raise PalateError("sizes_differ", f"pictures of {x.shape} and {y.shape} pixels do not compare")

    def smooth(values: Floats) -> Floats:
        found: Floats = gaussian_filter(values, SIGMA, radius=5, mode="mirror")
        return found

    c1, c2 = (0.01 * LEVELS) ** 2, (0.03 * LEVELS) ** 2
    mean_x, mean_y = smooth(x), smooth(y)
    var_x, var_y = smooth(x * x) - mean_x**2, smooth(y * y) - mean_y**2
    both = smooth(x * y) - mean_x * mean_y
    top = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    return float((top / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


def perceptual_distance(a: Sequence[ArrayLike], b: Sequence[ArrayLike]) -> float:
    """LPIPS' distance (Zhang et al. 2018, eq. 1) with all of its weights 1, over any extractor's layers.

    Each layer (places, channels) is scaled to unit length at each place; squared differences are summed over channels,
    averaged over places and over layers. From 0, where the features point alike everywhere, to 4.
    """
    apart = []
    for first, second in zip(a, b, strict=True):
        one, two = _unit(first), _unit(second)
        apart.append(float(((one - two) ** 2).sum(axis=1).mean()))
    return float(np.mean(apart))


def sharpness(picture: ArrayLike) -> float:
    """Mean length of the luma's gradient (Krotkov 1988, without the square), in levels of 255 a pixel."""
    down, across = np.gradient(grey(picture))
    return float(np.hypot(down, across).mean())


def mean_pairwise(vectors: ArrayLike) -> float:
    """Mean cosine between the rows of unit vectors (n, d), each with the n - 1 others."""
    rows = np.asarray(vectors, dtype=np.float64)
    n = len(rows)
    if n < 2:
        raise PalateError("too_few_pictures", "a pair is two pictures")
    return float(((rows.sum(axis=0) ** 2).sum() - (rows**2).sum()) / (n * (n - 1)))


def _unit(features: ArrayLike) -> Floats:
    rows = np.asarray(features, dtype=np.float64)
    found: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-10)
    return found
