"""Trains what turns pictures into 8 x 8 x 16 latents and back: `python -m recipes.autoencoder` in pocket/; `--resume`.

A `diffusers.AutoencoderTiny`: the pocket diffusion draws in its latents. Logged: `loss`, absolute error plus that of
the differences between neighbouring pixels (edges are what icons are made of) and of patches' means, their colours
above all; `error`, the mean absolute error on held-out pictures in shades of 255; `spread`, the latents' standard
deviation, which becomes the scaling factor.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes import captions, clip, course, pictures

if TYPE_CHECKING:
    import torch
    from diffusers import AutoencoderTiny

LATENTS = 16


def autoencoder_of(width: int, scaling: float = 1.0) -> AutoencoderTiny:
    """Few channels and none of the blocks at full size: a 64 x 64 picture is decoded in about 0.3 GFLOP at width 32."""
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(
        encoder_block_out_channels=(width,) * 4,
        decoder_block_out_channels=(width,) * 4,
        num_encoder_blocks=(0, 1, 2, 2),
        num_decoder_blocks=(2, 2, 1, 1),
        latent_channels=LATENTS,
        scaling_factor=scaling,
    )


def edges_error(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of the pictures, of their horizontal and vertical differences, and of 4 x 4 patches' colours.

    (b, 3, s, s) both. Edges make lines sharp. A patch's colour is its mean less its lightness: few pixels of icons have
    one, so without a weight of its own the last of the colours' axes, green against magenta, was never found.
    """
    from torch.nn.functional import avg_pool2d

    error = drawn - wanted
    down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    across = (error[..., 1:] - error[..., :-1]).abs().mean()
    patches = avg_pool2d(error, 4)
    colours = (patches - patches.mean(1, keepdim=True)).abs().mean()
    total: torch.Tensor = error.abs().mean() + down + across + patches.abs().mean() + 4 * colours
    return total


def greens(shown: NDArray[np.uint8], chosen: NDArray[np.intp]) -> NDArray[np.float64]:
    """Chances that favour pictures with much green or magenta, the axis of colour that comes last: half of all chances.

    (n, s, s, 3) and the indices of those to choose from; sums to 1.
    """
    found = np.empty(len(chosen))
    for start in range(0, len(chosen), 512):
        few = shown[chosen[start : start + 512], ::4, ::4].astype(np.float64)
        found[start : start + 512] = np.abs(few[..., 1] - (few[..., 0] + few[..., 2]) / 2).mean((1, 2))
    chances = 1 / len(chosen) + found / max(found.sum(), 1e-9)
    shares: NDArray[np.float64] = chances / chances.sum()
    return shares


def arguments(args: list[str] | None) -> argparse.Namespace:
    parser = course.parser(__doc__, steps=6000, batch=48, rate=2e-3, tests=250, name="autoencoder")
    parser.add_argument("--width", type=int, default=32)
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> dict[str, Any]:
    options = arguments(args)
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    shown, rows = pictures.load()
    parts = np.array(captions.split(rows))
    train, held = np.flatnonzero(parts == "train"), np.flatnonzero(parts != "train")
    tests = np.random.default_rng(options.seed).permutation(held)[: options.tests]
    # Colour is rare among icons and hard to draw: every other picture has some, the rarest hues most, where there are
    # enough of them.
    colourful = train[[rows[i]["colours"] > 1 for i in train]]
    half = options.batch // 2 if len(colourful) > options.batch else 0
    hues = greens(shown, colourful) if half else None
    vae = autoencoder_of(options.width).to(memory_format=torch.channels_last)
    network = torch.nn.ModuleDict({"vae": vae})

    def loss(step: int) -> course.Loss:
        draw, _ = course.chance(options.seed, step)
        chosen = np.concatenate([draw.choice(train, options.batch - half), draw.choice(colourful, half, p=hues)])
        wanted = clip.pixels(shown[chosen]).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            latents = vae.encode(wanted).latents
            drawn = vae.decode(latents).sample
        # The pull to 0 keeps latents where the decoder's tanh is near a line, and near what noise looks like.
        total = edges_error(drawn.float(), wanted) + 1e-3 * latents.float().square().mean()
        return total, {"loss": float(total.detach())}

    def measured() -> dict[str, Any]:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            wanted = clip.pixels(shown[tests])
            latents = vae.encode(wanted).latents.float()
            error = (vae.decode(latents).sample.float().clamp(-1, 1) - wanted).abs().mean() * 127.5
        return {"error": round(float(error), 3), "spread": round(float(latents.std()), 4)}

    trained: list[torch.optim.Optimizer] = [torch.optim.AdamW(network.parameters(), betas=(0.9, 0.98))]
    return course.Course(options, network, trained).run(loss, measured, warm=options.steps // 20 + 1)


if __name__ == "__main__":
    main()
