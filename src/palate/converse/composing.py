"""A picture and words, "this, but ...", as one query: by arithmetic, by a small learned combiner, or by a caption.

All vectors are of unit length and of one encoder: p (n, d) of the pictures, w (n, d) of what was said to be
otherwise, and named (n, d) of the words for the whole, where the thing has a name ("a filled bell").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.converse.changes import reworded
from palate.converse.state import Change
from palate.errors import PalateError

if TYPE_CHECKING:
    from PIL import Image

    from palate.writers.protocol import Captioner

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]


def unit(rows: NDArray[np.floating]) -> Vectors:
    scaled: Vectors = (rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)).astype(np.float32)
    return scaled


def arithmetic(
    pictures: Vectors, directions: Vectors, named: Vectors | None = None, *, strength: float, share: float = 0.0
) -> Vectors:
    """q = unit(p + s d + h named), (n, d): SIMAT's delta vectors (Couairon et al. 2022, section 3), and the words."""
    moved = pictures + strength * directions
    return unit(moved if named is None else moved + share * named)


@dataclass(frozen=True, slots=True, eq=False)
class Combiner:
    """q = unit(p + F W) with F = [1, p, d, named, p * d, p * named]: what is left of the target is linear in these.

    W (5d + 1, d) is ridge regression from training triplets: picture, words, and the picture that was meant. It has a
    known answer, unlike Combiner's network (Baldrati et al. 2022), and learns in a second.
    """

    weights: Floats
    residual: float = 1.0

    def __call__(self, pictures: Vectors, directions: Vectors, named: Vectors) -> Vectors:
        return unit(self.residual * pictures + features(pictures, directions, named) @ self.weights)


def features(pictures: Vectors, directions: Vectors, named: Vectors) -> Floats:
    """(n, 5d + 1)."""
    one = np.ones((len(pictures), 1))
    root = np.sqrt(pictures.shape[1])
    both = root * pictures * directions, root * pictures * named
    return np.concatenate([one, pictures, directions, named, *both], axis=1).astype(np.float64)


def fit_combiner(
    pictures: Vectors, directions: Vectors, named: Vectors, targets: Vectors, *, penalty: float = 1.0
) -> Combiner:
    """W = (F'F + l I)^-1 F'(t - p), the row of the constant not penalised."""
    F = features(pictures, directions, named)
    left = F.T @ F
    ridge = np.full(len(left), penalty)
    ridge[0] = 1e-9
    right = F.T @ (targets - pictures).astype(np.float64)
    return Combiner(np.asarray(np.linalg.solve(left + np.diag(ridge), right), dtype=np.float64))


def save(combiner: Combiner, file: Path, encoder: str) -> None:
    """As safetensors, with the encoder's id: it means nothing in another space."""
    from safetensors.numpy import save_file

    save_file({"weights": combiner.weights.astype(np.float32)}, file, metadata={"encoder": encoder})


def load(file: Path, encoder: str) -> Combiner:
    from safetensors import safe_open

    with safe_open(file, framework="numpy") as opened:
        if (opened.metadata() or {}).get("encoder") != encoder:
            raise PalateError(
                "encoder_mismatch", "this combiner was learned in another encoder's space", about=str(file)
            )
        return Combiner(opened.get_tensor("weights").astype(np.float64))


def captioned(captioner: Captioner, picture: Image.Image, changes: Sequence[Change]) -> str:
    """The words of a query by a captioner, which may be any vision-language model behind a server.

    The picture is described, what contradicts a change gives way to it, and the rest of the changes is added.
    """
    words = captioner.caption([picture])[0]
    if not words:
        raise PalateError("no_caption", "the captioner said nothing of this picture", about=captioner.name)
    for change in changes:
        words, _ = reworded(words, change)
        if change.more and change.towards not in words.lower():
            words = f"{words}, {change.towards}"
    return words
