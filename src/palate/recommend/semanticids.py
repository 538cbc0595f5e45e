"""Semantic ids (Rajput et al. 2023, section 3.1): items alike in content share the first digits of their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from palate.recommend.histories import Histories, Scores, matrix_of

if TYPE_CHECKING:
    import torch

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Naming:
    """How names are made: an RQ-VAE's settings (Lee et al. 2022)."""

    levels: int = 3
    codes: int = 256
    latent: int = 32
    hidden: int = 128
    commitment: float = 0.25
    steps: int = 1000
    batch: int = 1024
    rate: float = 1e-3


def semantic_ids(vectors: Scores, naming: Naming, seed: int = 0) -> Codes:
    """(items, d) -> (items, levels + 1): codes from coarse to fine, and a last one that tells equals apart."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x = torch.from_numpy(np.asarray(vectors, np.float32))
        x = (x - x.mean(0)) / x.std(correction=0).clamp_min(1e-6)
        encoder, decoder, books = _networks(x, naming)
        weights = [*encoder.parameters(), *decoder.parameters(), *books.parameters()]
        adam = torch.optim.AdamW(weights, lr=naming.rate)
        for _ in range(naming.steps):
            rows = x[torch.randint(0, len(x), (min(naming.batch, len(x)),))]
            latent = encoder(rows)
            _, quantised, loss = quantise(latent, list(books.parameters()), naming.commitment)
            # Straight through: the decoder sees the codes, the encoder feels the decoder.
            error = (decoder(latent + (quantised - latent).detach()) - rows).square().sum(1).mean()
            adam.zero_grad()
            (error + loss).backward()
            adam.step()
        with torch.inference_mode():
            codes, _, _ = quantise(encoder(x), list(books.parameters()), naming.commitment)
    return told_apart(codes.numpy())


def _networks(x: torch.Tensor, naming: Naming) -> tuple[torch.nn.Module, torch.nn.Module, torch.nn.ParameterList]:
    """Encoder, decoder, and codebooks that begin at items of their level, without which most codes are never used."""
    import torch
    from torch import nn

    width = x.shape[1]
    encoder = nn.Sequential(nn.Linear(width, naming.hidden), nn.ReLU(), nn.Linear(naming.hidden, naming.latent))
    decoder = nn.Sequential(nn.Linear(naming.latent, naming.hidden), nn.ReLU(), nn.Linear(naming.hidden, width))
    books = nn.ParameterList()
    with torch.inference_mode():
        residual = encoder(x)
    residual = residual.clone()
    for _ in range(naming.levels):
        book = k_means(residual, naming.codes)
        books.append(nn.Parameter(book))
        residual = residual - book[torch.cdist(residual, book).argmin(1)]
    return encoder, decoder, books


def k_means(x: torch.Tensor, count: int, rounds: int = 20) -> torch.Tensor:
    """k-means (Lloyd 1982) from items drawn at random; an empty cluster begins again at an item."""
    import torch

    chosen = torch.randperm(len(x))[:count]
    more = torch.randint(0, len(x), (count - len(chosen),))
    centres = x[torch.cat([chosen, more])].clone()
    centres += 1e-4 * torch.randn_like(centres)
    for _ in range(rounds):
        nearest = torch.cdist(x, centres).argmin(1)
        sizes = torch.bincount(nearest, minlength=count)
        sums = torch.zeros_like(centres).index_add_(0, nearest, x)
        again = x[torch.randint(0, len(x), (count,))]
        centres = torch.where(sizes[:, None] > 0, sums / sizes[:, None].clamp_min(1), again)
    return centres


def quantise(
    latent: torch.Tensor, books: list[torch.Tensor], commitment: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Codes (n, levels), their sum (n, d), and L_rqvae = sum_d |sg(r_d) - e|^2 + beta |r_d - sg(e)|^2.

    At each level the nearest code to what the levels before left over: r_0 = z, r_d+1 = r_d - e.
    """
    import torch

    residual, codes, total = latent, [], torch.zeros(())
    for book in books:
        nearest = torch.cdist(residual.detach(), book.detach()).argmin(1)
        code = book[nearest]
        total = total + (residual.detach() - code).square().sum(1).mean()
        total = total + commitment * (residual - code.detach()).square().sum(1).mean()
        residual = residual - code.detach()
        codes.append(nearest)
    return torch.stack(codes, 1), latent - residual, total


def told_apart(codes: Codes) -> Codes:
    """Items with the same codes are numbered 0, 1, ... in one code more, so that each name is one item's."""
    _, same = np.unique(codes, axis=0, return_inverse=True)
    last = np.zeros(len(codes), np.int64)
    met: dict[int, int] = {}
    for item, name in enumerate(same.ravel().tolist()):
        last[item] = met.get(name, 0)
        met[name] = last[item] + 1
    return np.column_stack([codes, last])


def by_company(histories: Histories, items: int, width: int = 32) -> Scores:
    """Vectors from who chose what, for items of which nothing else is known: X's leading right singular vectors."""
    from scipy.sparse.linalg import svds

    X = matrix_of(histories, items)
    width = min(width, min(X.shape) - 1)
    if width < 1 or X.nnz == 0:
        return np.eye(items, dtype=np.float32)
    _, s, Vt = svds(X.astype(np.float64), k=width, rng=np.random.default_rng(0))
    vectors: Scores = (Vt.T * s).astype(np.float32)
    return vectors
