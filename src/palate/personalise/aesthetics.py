"""How well made a picture looks: NIMA's head (Talebi and Milanfar 2018), a distribution over the scores 1 to 10.

The head is one linear layer on an encoder's vectors with a softmax, trained with the earth mover's distance. People's
scores are not at hand for most collections; `learn_from_damage` learns from what is: a picture that was blurred, made
coarse or noisy looks worse than it did (Liu et al. 2017 rank pictures by such damage).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from palate.encoders.protocol import Encoder
from palate.errors import PalateError
from palate.personalise.histories import Window
from palate.personalise.rewards import Floats

SCORES = np.arange(1.0, 11.0)
WORST, BEST = 2.0, 8.0
"""Scores that the strongest damage and none at all stand for."""
STRENGTHS = (0.0, 0.25, 0.5, 1.0)
SPREAD = 1.2
"""How far people part about one picture: the standard deviation of the scores that a damage is taught with."""


def emd(p: Floats, q: Floats) -> Floats:
    """Earth mover's distance between distributions over ordered scores, r = 2 (Talebi and Milanfar, eq. 1). (n, 10)"""
    apart = np.cumsum(p, axis=1) - np.cumsum(q, axis=1)
    found: Floats = np.sqrt((apart**2).mean(axis=1))
    return found


def mean_score(p: Floats) -> Floats:
    """sum_i s_i p_i: a distribution's mean score. (n, 10) -> (n,)"""
    found: Floats = p @ SCORES
    return found


@dataclass(frozen=True)
class Nima:
    """Scores from 1 to 10 of pictures, by a head on the vectors of one encoder. weight (10, d), bias (10,)."""

    encoder: Encoder
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    name: str = "aesthetics"
    paper: str = "Talebi and Milanfar 2018"
    higher: bool = True
    span: tuple[float, float] = (1.0, 10.0)
    look: Callable[[Sequence[Image.Image]], NDArray[np.float32]] | None = None
    """How drawn pictures become vectors, where others look through the same encoder: once for all of them."""

    def distribution(self, vectors: NDArray[np.float32]) -> Floats:
        """(n, d) -> (n, 10)"""
        raw = vectors.astype(np.float64) @ self.weight.T + self.bias
        grown = np.exp(raw - raw.max(axis=1, keepdims=True))
        found: Floats = grown / grown.sum(axis=1, keepdims=True)
        return found

    def score(self, drawn: Sequence[Image.Image], windows: Sequence[Window]) -> Floats:  # noqa: ARG002 - as all rewards
        look = self.look or self.encoder.encode_pictures
        return mean_score(self.distribution(look(drawn)))


def fit_nima(
    encoder: Encoder, vectors: NDArray[np.float32], wanted: Floats, *, steps: int = 300, seed: int = 0
) -> Nima:
    """The head whose distributions are nearest to `wanted` (n, 10) by the mean earth mover's distance."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = torch.nn.Linear(vectors.shape[1], 10)
        adam = torch.optim.AdamW(layer.parameters(), lr=0.05, weight_decay=1e-3)
        given, target = torch.from_numpy(vectors), torch.from_numpy(np.cumsum(wanted, axis=1)).float()
        for _ in range(steps):
            apart = layer(given).softmax(1).cumsum(1) - target
            loss = (apart.square().mean(1) + 1e-12).sqrt().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
    return Nima(encoder, layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy())


def learn_from_damage(encoder: Encoder, pictures: Sequence[Image.Image], *, seed: int = 0) -> Nima:
    """From pictures as they are and as they look when damaged, each strength with the scores it stands for."""
    chance = np.random.default_rng(seed)
    shown, wanted = [], []
    for picture in pictures:
        for strength in STRENGTHS:
            shown.append(damaged(picture, strength, chance))
            wanted.append(around(BEST - (BEST - WORST) * strength))
    return fit_nima(encoder, encoder.encode_pictures(shown), np.array(wanted), seed=seed)


def around(score: float) -> Floats:
    """The distribution of many people's scores about one mean. (10,)"""
    raw = np.exp(-((SCORES - score) ** 2) / (2 * SPREAD**2))
    found: Floats = raw / raw.sum()
    return found


def damaged(picture: Image.Image, strength: float, chance: np.random.Generator) -> Image.Image:
    """Blurred, made coarse, noisy or pale, by chance; `strength` from 0 (as it was) to 1."""
    whole = picture.convert("RGB")
    if strength <= 0:
        return whole
    side = max(whole.size)
    kind = int(chance.integers(4))
    if kind == 0:
        return whole.filter(ImageFilter.GaussianBlur(strength * side / 16))
    if kind == 1:
        small = [max(2, round(length * (1 - 0.9 * strength))) for length in whole.size]
        return whole.resize((small[0], small[1]), Image.Resampling.BOX).resize(whole.size, Image.Resampling.NEAREST)
    pixels = np.asarray(whole, dtype=np.float64)
    if kind == 2:
        made = pixels + chance.normal(0, 80 * strength, pixels.shape)
    else:
        made = pixels.mean() + (1 - 0.9 * strength) * (pixels - pixels.mean())
    return Image.fromarray(made.clip(0, 255).round().astype(np.uint8))


def save_head(head: Nima, path: Path) -> None:
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"weight": head.weight, "bias": head.bias}, path, metadata={"encoder": head.encoder.id})


def open_head(path: Path, encoder: Encoder) -> Nima:
    """A head is good for the one space that it was learned in."""
    from safetensors import safe_open

    try:
        with safe_open(path, "numpy") as file:
            known, weight, bias = (
                (file.metadata() or {}).get("encoder"),
                file.get_tensor("weight"),
                file.get_tensor("bias"),
            )
    except Exception as error:
        raise PalateError("head_unreadable", f"it is no head of scores: {error}", about=str(path)) from None
    if known != encoder.id or weight.shape != (10, encoder.dim) or bias.shape != (10,):
        raise PalateError("space_mismatch", "it was learned in the space of another encoder", about=str(path))
    return Nima(encoder, weight.astype(np.float32), bias.astype(np.float32))
