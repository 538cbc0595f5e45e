"""Prompt-based model identification (PMI): Zhou, Tan, Song and Guo, "CGI", Eq. 9, exactly and batched.

Expanding the norm of Eq. 9 with the kernel trick, for one picture z of a requirement with caption q^ and the N pictures
z_j of a specification with prompts q_j, w_j = cos(q_j, q^):

    (1/N^2) sum_jk w_j w_k k(z_j, z_k)  -  (2/N) sum_j w_j k(z_j, z)  +  k(z, z)

It is a distance: smaller is better. Scores here are minus that, so that higher is better as everywhere in Palate. With
all w_j = 1 it is the paper's ablation without task-specific matching: its model matching space alone (`mms`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from palate.errors import PalateError
from palate.find.kernels import gammas_for, squared_distances
from palate.find.specification import Indices, Specifications, unit_rows

Array = NDArray[np.floating[Any]]

MOST_PICTURES = 1000
"""A model with more pictures is specified by so many of them, evenly spaced: its kernel grows with their square."""
CELLS = 2_000_000
"""Kernel values worked on at a time: what fits a processor's cache does not wait for memory."""
SAFE_EXPONENT = 30.0
"""Kernels smaller than exp(-30) would drown in rounding: they are compared on a scale of their own."""
MOST_LIFT = 60.0
"""Where k(z, z) differs between models it stays in, and must stay finite in float32."""


def distance(Z: Array, Q: Array, z: Array, q_hat: Array, gamma: float) -> float:
    """Eq. 9 as it is written, for checking: Z, Q (N, d) of one model, z, q_hat (n, d) of one requirement."""
    total = 0.0
    for picture, caption in zip(z, q_hat, strict=True):
        w = (Q @ caption) / (np.linalg.norm(Q, axis=1) * np.linalg.norm(caption))
        among = np.exp(-gamma * ((Z[:, None, :] - Z[None, :, :]) ** 2).sum(axis=2))
        across = np.exp(-gamma * ((Z - picture) ** 2).sum(axis=1))
        total += float(w @ among @ w / len(Z) ** 2 - 2.0 * w @ across / len(Z) + 1.0)
    return total / len(z)


@dataclass(frozen=True, eq=False)
class Block:
    """Models with equally many pictures. With `shared`, all drew the same prompts and Q holds them once."""

    models: Indices
    """(G,)"""
    Z: Array
    """(G * N, d)"""
    Q: Array | None
    """(G * N, d), or (N, d) where shared; None without weights."""
    prompt: Indices
    """(G, N) equal where the prompt is the same, -1 where unknown."""
    among: Array
    """(G, N, N) squared distances within each model's pictures."""

    @property
    def size(self) -> int:
        return int(self.among.shape[1])

    @property
    def shared(self) -> bool:
        return self.Q is not None and len(self.Q) == self.size and len(self.models) > 1


@dataclass(frozen=True, eq=False)
class PromptMatching:
    """A hub ready to be matched at one gamma: `fit_pmi` and `fit_mms` make it."""

    models: int
    blocks: tuple[Block, ...]
    gamma: float

    def distances(self, pictures: ArrayLike, captions: ArrayLike | None = None) -> Array:
        """Eq. 9 for each of n pictures alone: (n, d), (n, d) -> (n, M); a model without pictures is infinitely far.

        What several pictures ask for together is the mean of their rows. Without captions all weights are 1.
        """
        x, q = self._requirement(pictures, captions)
        return _costs(self, x, q) + 1.0

    def scores(self, pictures: ArrayLike, captions: ArrayLike | None = None) -> Array:
        """(M,) minus Eq. 9 for all the pictures together, up to a constant and a positive factor common to all models.

        Both are there because with a large gamma every kernel drowns next to k(z, z) = 1 and all models seem equal:
        scaling by the nearest picture, and leaving out what is common, keeps the order of exact arithmetic.
        """
        x, q = self._requirement(pictures, captions)
        summed: Array = -_costs(self, x, q, lift=self._lift(x), keep_common=False).mean(axis=0)
        return summed

    def _requirement(self, pictures: ArrayLike, captions: ArrayLike | None) -> tuple[Array, Array | None]:
        x = unit_rows(pictures, about="pictures")
        q = None if captions is None else unit_rows(captions, about="captions")
        for rows in (x, q):
            if rows is not None and self.blocks and rows.shape[1] != self.blocks[0].Z.shape[1]:
                raise PalateError("embedding_invalid", f"vectors have {rows.shape[1]} dimensions, the hub's others")
        if q is not None and len(q) != len(x):
            raise PalateError("captions_missing", f"{len(x)} pictures need as many captions, not {len(q)}")
        dtype = self.blocks[0].Z.dtype if self.blocks else np.dtype(np.float64)
        return x.astype(dtype), None if q is None else q.astype(dtype)

    def _lift(self, x: Array) -> float:
        """Exponent that brings the largest kernel value telling models apart back to 1; 0 where none is lost."""
        nearest = np.inf
        for block in self.blocks:
            nearest = min(nearest, float(squared_distances(x, block.Z).min()))
            if block.size > 1:
                nearest = min(nearest, float(block.among[:, ~np.eye(block.size, dtype=bool)].min()))
        exponent = self.gamma * nearest if np.isfinite(nearest) else 0.0
        return exponent if exponent > SAFE_EXPONENT else 0.0


def fit_pmi(
    known: Specifications, *, gamma: float | None = None, dtype: type[np.floating[Any]] = np.float64
) -> PromptMatching:
    """Eq. 9 over a hub; pictures without a prompt are left out. gamma by leave-one-prompt-out unless it is given."""
    return _fit(known.take(known.has_prompt), gamma, weighted=True, dtype=dtype)


def fit_mms(
    known: Specifications, *, gamma: float | None = None, dtype: type[np.floating[Any]] = np.float64
) -> PromptMatching:
    """Eq. 9 with all weights 1: no prompts needed."""
    return _fit(known, gamma, weighted=False, dtype=dtype)


def choose_gamma(known: Specifications, *, weighted: bool = True, most: int = 1200) -> float:
    """The gamma under which the hub's own pictures are best told apart: least mean log rank of their true models.

    Each picture is a task, and all pictures of its prompt (where that is unknown: the picture itself) are taken out of
    every specification; ties count against. At most `most` pictures are tried, evenly spaced, with gammas on the scale
    of their distances.
    """
    gammas = gammas_for(known.pictures)
    asked = np.flatnonzero(known.has_prompt) if weighted else np.arange(len(known.pictures))
    if len(asked) < 2:
        return gammas[len(gammas) // 2]
    asked = asked[_evenly(len(asked), most)]
    pool = known.take(known.has_prompt) if weighted else known
    blocks = _blocks(pool, weighted, np.float32)
    costs = np.full((len(gammas), len(asked), len(known.model_ids)), np.inf)
    for block in blocks:
        step = max(1, CELLS // len(block.Z))
        for start in range(0, len(asked), step):
            some = asked[start : start + step]
            squared = squared_distances(known.pictures[some], block.Z)
            w, counts = _weights(block, known.prompts[some] if weighted else None, len(some))
            w, counts = _leave_out(block, w, squared, known.prompt_index[some])
            for g, gamma in enumerate(gammas):
                among = np.exp(-gamma * block.among)
                found = _expand(w, among, np.exp(-gamma * squared), counts)
                costs[g, start : start + step, block.models] = found.T
    true = costs[:, np.arange(len(asked)), known.model_index[asked]]
    rank = (costs <= true[:, :, None]).sum(axis=2)
    return gammas[int(np.log(rank).mean(axis=1).argmin())]


def _fit(
    known: Specifications, gamma: float | None, *, weighted: bool, dtype: type[np.floating[Any]]
) -> PromptMatching:
    chosen = choose_gamma(known, weighted=weighted) if gamma is None else gamma
    return PromptMatching(len(known.model_ids), _blocks(known, weighted, dtype), chosen)


def _blocks(known: Specifications, weighted: bool, dtype: type[np.floating[Any]]) -> tuple[Block, ...]:
    """Models grouped by their number of pictures, so that no padding is needed; rows within a model by prompt."""
    order = np.lexsort((known.prompt_index, known.model_index))
    ends = np.cumsum(known.counts)
    rows_of = [order[end - count : end] for end, count in zip(ends, known.counts, strict=True)]
    rows_of = [rows[_evenly(len(rows), MOST_PICTURES)] for rows in rows_of]
    sizes = np.array([len(rows) for rows in rows_of])
    blocks = []
    for size in np.unique(sizes[sizes > 0]):
        models = np.flatnonzero(sizes == size)
        rows = np.stack([rows_of[model] for model in models])
        Z = known.pictures[rows].astype(dtype)
        prompt = known.prompt_index[rows]
        Q = known.prompts[rows].astype(dtype) if weighted else None
        if Q is not None:
            same = len(models) > 1 and bool((prompt == prompt[0]).all() and (prompt >= 0).all())
            Q = Q[0] if same else Q.reshape(-1, Q.shape[-1])
        blocks.append(Block(models, Z.reshape(-1, Z.shape[-1]), Q, prompt, squared_distances(Z, Z)))
    return tuple(blocks)


def _evenly(count: int, most: int) -> Indices:
    return np.linspace(0, count - 1, min(count, most)).astype(np.intp)


def _costs(
    matching: PromptMatching, x: Array, q: Array | None, *, lift: float = 0.0, keep_common: bool = True
) -> Array:
    """(n, M) Eq. 9 without k(z, z), times exp(lift); in blocks that fit the cache.

    Without `keep_common`, a term that is equal for all models is left out.
    """
    found = np.full((len(x), matching.models), np.inf, dtype=x.dtype)
    alike = len(matching.blocks) == 1 and (matching.blocks[0].shared or q is None)
    if not alike:
        lift = min(lift, MOST_LIFT)
    for block in matching.blocks:
        among = lift - matching.gamma * block.among
        if alike and not keep_common:
            among[:, np.arange(block.size), np.arange(block.size)] = -np.inf
        among = np.exp(among, out=among)
        step = max(1, CELLS // len(block.Z))
        for start in range(0, len(x), step):
            some = slice(start, start + step)
            across = squared_distances(x[some], block.Z)
            across *= -matching.gamma
            across += lift
            w, counts = _weights(block, None if q is None else q[some], len(across))
            found[some, block.models] = _expand(w, among, np.exp(across, out=across), counts)
    return found


def _weights(block: Block, q: Array | None, n: int) -> tuple[Array, Array]:
    """w (n, 1 or G, N), 1 where all models share them; and by how many pictures the sums are divided, (1, 1)."""
    count = np.array([[block.size]], dtype=block.Z.dtype)
    if q is None or block.Q is None:
        return np.ones((n, 1, block.size), dtype=block.Z.dtype), count
    return (q @ block.Q.T).reshape(n, -1, block.size), count


def _leave_out(block: Block, w: Array, squared: Array, exclude: Indices) -> tuple[Array, Array]:
    """Weights 0 for pictures of the excluded prompts (n,), or where one is unknown (-1) for the equal picture.

    squared (n, G * N). Returns the weights and how many pictures are left, (n, 1 or G).
    """
    if w.shape[1] == 1 and (block.prompt == block.prompt[0]).all() and (exclude >= 0).all():
        absent = block.prompt[None, :1] == exclude[:, None, None]
    else:
        absent = (block.prompt == exclude[:, None, None]) & (exclude >= 0)[:, None, None]
        absent |= (squared < 1e-6).reshape(absent.shape) & (exclude < 0)[:, None, None]
    left = np.where(absent, w.dtype.type(0.0), w)
    return left, (block.size - absent.sum(axis=2)).astype(w.dtype)


def _expand(w: Array, among: Array, across: Array, counts: Array) -> Array:
    """(n, G) the two sums of Eq. 9 that depend on the model; w (n, 1 or G, N), among (G, N, N), across (n, G * N)."""
    models, size = among.shape[0], among.shape[1]
    n = len(w)
    if w.shape[1] == 1:
        flat = w[:, 0]
        left, right = np.triu_indices(size, 1)
        own = (2.0 * flat[:, left] * flat[:, right]) @ among[:, left, right].T
        own += (flat * flat) @ among[:, np.arange(size), np.arange(size)].T
        cross = np.matmul(across.reshape(n, models, size), flat[:, :, None])[:, :, 0]
    else:
        by_model = w.transpose(1, 0, 2)
        own = np.einsum("gnj,gnj->ng", by_model @ among, by_model)
        cross = np.einsum("ngj,ngj->ng", across.reshape(n, models, size), w)
    number = np.maximum(counts, 1.0)
    cost: Array = own / number**2 - 2.0 * cross / number
    return np.where(counts <= 0, np.inf, cost) if (counts <= 0).any() else cost
