"""Begins the reading half of the pocket Janus as the pocket CLIP's first layers, as Janus begins with a SigLIP's.

CLIP normalises its patches before the first layer and looks at a class token too; Janus' reading half does neither. The
normalisation is fitted by one linear map of a patch's pixels and a constant for each place; the token is left out. What
is lost by that, the training that follows mends.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes import checkpoints, clip

if TYPE_CHECKING:
    import torch

PLACES, PIXELS = 64, 3 * 8 * 8
RENAMED = {"self_attn.out_proj": "self_attn.projection_layer"}
BESIDE = 1e-3
"""Of the pixels' own spread: added to the least squares, as blank patches say nothing about most directions."""


def patches(shown: torch.Tensor) -> torch.Tensor:
    """Each picture's patches as the convolution reads them. (b, 3, 64, 64) -> (b, 64, 192)"""
    cut = shown.unfold(2, 8, 8).unfold(3, 8, 8)
    return cut.permute(0, 2, 3, 1, 4, 5).reshape(len(shown), PLACES, PIXELS)


def normalised(weights: dict[str, Any], cut: torch.Tensor) -> torch.Tensor:
    """What CLIP's first layer gets for patches. (b, 64, 192) -> (b, 64, width)"""
    from torch.nn.functional import layer_norm

    kernel = weights["embeddings.patch_embedding.weight"].flatten(1)
    tokens = cut @ kernel.T + weights["embeddings.position_embedding.weight"][1:]
    gain, shift = weights["pre_layrnorm.weight"], weights["pre_layrnorm.bias"]
    return layer_norm(tokens, gain.shape, gain, shift, 1e-5)


def linear(cut: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The map (width, 192) and the constants (64, width) that come nearest to what is wanted, by least squares."""
    import torch

    middle, aim = cut.mean(0), wanted.mean(0)
    inputs, outputs = (cut - middle).flatten(0, 1), (wanted - aim).flatten(0, 1)
    spread = inputs.T @ inputs
    spread += BESIDE * spread.diagonal().mean() * torch.eye(len(spread))
    found = torch.linalg.solve(spread, inputs.T @ outputs)
    return found.T, aim - middle @ found


def begun(source: Path, shown: NDArray[np.uint8], layers: int) -> dict[str, torch.Tensor]:
    """Weights of a Janus' reading half from the CLIP in a work folder and some pictures that it learned from."""
    weights = {
        name.removeprefix("vision_model."): value.float()
        for name, value in checkpoints.weights(source, "clip").items()
        if name.startswith("vision_model.")
    }
    cut = patches(clip.pixels(shown))
    kernel, constants = linear(cut, normalised(weights, cut))
    found = {
        "embeddings.patch_embedding.weight": kernel.reshape(-1, 3, 8, 8),
        "embeddings.patch_embedding.bias": constants.new_zeros(len(kernel)),
        "embeddings.position_embedding.weight": constants,
    }
    for name, value in weights.items():
        place = name.split(".")
        if place[:2] == ["encoder", "layers"] and int(place[2]) < layers:
            for theirs, ours in RENAMED.items():
                name = name.replace(theirs, ours)
            found[name] = value
    return found
