"""What is known of each model as arrays: the vectors of its pictures, and of the prompts they were drawn for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.catalogue.records import digest
from palate.errors import PalateError

Floats = NDArray[np.floating[Any]]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

SHORTEST = 1e-6
"""A vector shorter than this has no direction worth trusting (zeros, denormals, a black picture's overflow)."""


def unit_rows(vectors: ArrayLike, *, about: str) -> NDArray[np.float32]:
    """(n, d) rows scaled to length one, float32; refuses NaN, infinite and zero rows by their number."""
    rows = np.asarray(vectors, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise PalateError(
            "embedding_invalid", f"vectors must be a table of rows, not of shape {rows.shape}", about=about
        )
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.einsum("rd,rd->r", rows, rows))
    bad = np.flatnonzero(~np.isfinite(lengths) | (lengths < SHORTEST))
    if bad.size:
        raise PalateError(
            "embedding_invalid",
            f"{bad.size} of {len(rows)} vectors are not finite or have no length, the first is number {bad[0]}",
            about=about,
            hint="the picture may be black or broken: encode it again",
        )
    scaled: NDArray[np.float32] = (rows / lengths[:, None]).astype(np.float32)
    return scaled


@dataclass(frozen=True, eq=False)
class Specifications:
    """The pictures of M models, R in all, one a row; a model may have any number of them, in any order.

    Every vector is of one encoder and of unit length. Rows without a known prompt hold zeros in `prompts` and are
    False in `has_prompt`. Two rows with the same `prompt_ids` were drawn for exactly the same prompt.
    """

    model_ids: tuple[str, ...]
    """(M,)"""
    model_index: Indices
    """(R,) which model drew the row: a position in `model_ids`."""
    pictures: NDArray[np.float32]
    """(R, d)"""
    prompts: NDArray[np.float32]
    """(R, d)"""
    has_prompt: Mask
    """(R,)"""
    prompt_ids: tuple[str, ...]
    """(R,) '' where the prompt is unknown."""
    downloads: NDArray[np.float64]
    """(M,) NaN where nobody counted them."""
    picture_ids: tuple[str, ...] = ()
    """(R,) or empty."""
    encoder_id: str = ""

    @classmethod
    def build(
        cls,
        model_ids: Sequence[str],
        model_index: ArrayLike,
        pictures: ArrayLike,
        *,
        prompts: ArrayLike | None = None,
        has_prompt: ArrayLike | None = None,
        prompt_ids: Sequence[str | None] | None = None,
        downloads: Sequence[float | None] | None = None,
        picture_ids: Sequence[str] = (),
        encoder_id: str = "",
    ) -> Specifications:
        """Checks what it is given, and scales every vector to length one (THREATS T23)."""
        rows = unit_rows(pictures, about="pictures")
        count = len(rows)
        known = np.zeros(count, dtype=bool)
        words = np.zeros_like(rows)
        if prompts is not None:
            given = np.asarray(prompts)
            _same_space(given, rows)
            known = np.ones(count, dtype=bool) if has_prompt is None else np.array(has_prompt, dtype=bool)
            _expect(known.shape == (count,), "has_prompt", f"one entry for each of {count} pictures")
            if known.any():
                words[known] = unit_rows(given[known], about="prompts")
        index = np.array(model_index, dtype=np.intp)
        _expect(index.shape == (count,), "model_index", f"one entry for each of {count} pictures")
        in_range = not count or (index.min() >= 0 and index.max() < len(model_ids))
        _expect(in_range, "model_index", f"positions below {len(model_ids)}")
        names = tuple(name or "" for name in prompt_ids) if prompt_ids is not None else _names(words, known)
        _expect(len(names) == count, "prompt_ids", f"one entry for each of {count} pictures")
        _expect(len(picture_ids) in (0, count), "picture_ids", f"one entry for each of {count} pictures")
        counts = [None] * len(model_ids) if downloads is None else list(downloads)
        _expect(len(counts) == len(model_ids), "downloads", f"one entry for each of {len(model_ids)} models")
        return cls(
            model_ids=tuple(model_ids),
            model_index=index,
            pictures=rows,
            prompts=words,
            has_prompt=known,
            prompt_ids=names,
            downloads=np.array([np.nan if n is None else n for n in counts], dtype=np.float64),
            picture_ids=tuple(picture_ids),
            encoder_id=encoder_id,
        )

    @property
    def dim(self) -> int:
        return int(self.pictures.shape[1])

    @cached_property
    def counts(self) -> Indices:
        """(M,) how many pictures each model has."""
        return np.bincount(self.model_index, minlength=len(self.model_ids)).astype(np.intp)

    @cached_property
    def prompt_index(self) -> Indices:
        """(R,) equal where the prompt is the same one, -1 where it is unknown."""
        found: dict[str, int] = {}
        codes = [found.setdefault(name, len(found)) if name else -1 for name in self.prompt_ids]
        return np.array(codes, dtype=np.intp)

    def take(self, rows: ArrayLike) -> Specifications:
        """The same models with only some of their pictures: positions, or a mask over rows."""
        kept = np.arange(len(self.pictures))[np.asarray(rows)]
        return Specifications(
            model_ids=self.model_ids,
            model_index=self.model_index[kept],
            pictures=self.pictures[kept],
            prompts=self.prompts[kept],
            has_prompt=self.has_prompt[kept],
            prompt_ids=tuple(self.prompt_ids[row] for row in kept),
            downloads=self.downloads,
            picture_ids=tuple(self.picture_ids[row] for row in kept) if self.picture_ids else (),
            encoder_id=self.encoder_id,
        )

    def of_models(self, models: ArrayLike) -> Specifications:
        """Only some of the models (positions), with all their pictures, numbered anew in the order given."""
        chosen = np.arange(len(self.model_ids))[np.asarray(models)]
        place = np.full(len(self.model_ids), -1, dtype=np.intp)
        place[chosen] = np.arange(len(chosen))
        kept = self.take(place[self.model_index] >= 0)
        return Specifications(
            model_ids=tuple(self.model_ids[model] for model in chosen),
            model_index=place[kept.model_index],
            pictures=kept.pictures,
            prompts=kept.prompts,
            has_prompt=kept.has_prompt,
            prompt_ids=kept.prompt_ids,
            downloads=self.downloads[chosen],
            picture_ids=kept.picture_ids,
            encoder_id=self.encoder_id,
        )

    def require_encoder(self, encoder_id: str) -> None:
        """Vectors of two encoders are never compared, whatever their dimension (THREATS T24)."""
        if encoder_id != self.encoder_id:
            raise PalateError(
                "encoder_mismatch",
                f"the catalogue's vectors are of encoder {self.encoder_id}, the request's of {encoder_id}",
                about="encoder",
                hint="encode the catalogue again with this encoder, or ask with the other one",
            )


def _names(words: NDArray[np.float32], known: Mask) -> tuple[str, ...]:
    """Without names, prompts are the same where their vectors are."""
    return tuple(digest("vector", row.tobytes()) if there else "" for row, there in zip(words, known, strict=True))


def _same_space(given: NDArray[Any], rows: NDArray[np.float32]) -> None:
    if given.shape != rows.shape:
        raise PalateError(
            "embedding_invalid",
            f"prompt vectors have shape {given.shape}, picture vectors {rows.shape}",
            about="prompts",
            hint="both must come from one encoder, one row a picture",
        )


def _expect(holds: bool, about: str, wanted: str) -> None:
    if not holds:
        raise PalateError("specification_invalid", f"{about} must hold {wanted}", about=about)
