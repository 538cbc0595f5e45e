"""Trains the picture tokens of the pocket Janus: `python -m recipes.vq` in pocket/, after render; `--resume` goes on.

A `JanusVQVAE` (van den Oord et al. 2017, equation 3) that writes a 64 x 64 picture as 8 x 8 codes. Codes are compared
by direction, as Janus decodes them (Yu et al. 2022, section 3.2), so the codebook is kept at length 1; codes that
nobody uses are moved to where pictures are. Logged: `loss`; `error`, mean absolute error on held-out pictures in shades
of 255; `used`, the share of the codes that held-out pictures use.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes import autoencoder, captions, clip, course, pictures

if TYPE_CHECKING:
    import torch
    from transformers import JanusVQVAEConfig

COMMITMENT = 0.25
REVIVED_EVERY = 50


def vq_config(codes: int, channels: int, width: int) -> JanusVQVAEConfig:
    """`width` is that of the language model which reads and writes the codes."""
    from transformers import JanusVQVAEConfig

    return JanusVQVAEConfig(
        embed_dim=8,
        num_embeddings=codes,
        latent_channels=4 * channels,
        base_channels=channels,
        channel_multiplier=[1, 1, 2, 4],
        num_res_blocks=1,
        num_patches=8,
        projection_dim=width,
        image_token_embed_dim=width,
    )


def quantised(vectors: torch.Tensor, codebook: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(b, d, h, w), (k, d) -> what the decoder gets, gradients passed straight through; codes (b, h w); loss."""
    from torch.nn.functional import mse_loss, normalize

    unit = normalize(vectors.permute(0, 2, 3, 1), dim=-1)
    codes = (unit @ codebook.T).argmax(-1)
    chosen = normalize(codebook[codes], dim=-1)
    loss = mse_loss(chosen, unit.detach()) + COMMITMENT * mse_loss(unit, chosen.detach())
    passed = unit + (chosen - unit).detach()
    return passed.permute(0, 3, 1, 2), codes.flatten(1), loss


def revive(codebook: torch.Tensor, counts: torch.Tensor, unit: torch.Tensor) -> int:
    """Moves codes that were never chosen onto random vectors of the batch, in place; returns how many."""
    import torch

    dead = torch.nonzero(counts == 0).flatten()[: len(unit)]
    codebook[dead] = unit[torch.randperm(len(unit))[: len(dead)]]
    return len(dead)


def arguments(args: list[str] | None) -> argparse.Namespace:
    parser = course.parser(__doc__, steps=700, batch=48, rate=1e-3, tests=250, name="vq")
    parser.add_argument("--codes", type=int, default=1024)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--width", type=int, default=192)
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> dict[str, Any]:
    options = arguments(args)
    import torch
    from torch.nn.functional import normalize
    from transformers.models.janus.modeling_janus import JanusVQVAE

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    shown, rows = pictures.load()
    parts = np.array(captions.split(rows))
    train, held = np.flatnonzero(parts == "train"), np.flatnonzero(parts != "train")
    tests = np.random.default_rng(options.seed).permutation(held)[: options.tests]
    network: Any = JanusVQVAE(vq_config(options.codes, options.channels, options.width))
    codebook = network.quantize.embedding.weight
    with torch.no_grad():
        codebook.copy_(normalize(torch.randn_like(codebook), dim=-1))
    counts = torch.zeros(options.codes)
    latest = torch.empty(0)

    def loss(step: int) -> course.Loss:
        nonlocal latest
        draw, _ = course.chance(options.seed, step)
        wanted = clip.pixels(shown[draw.choice(train, options.batch, replace=False)])
        with torch.autocast("cpu", torch.bfloat16):
            vectors = network.quant_conv(network.encoder(wanted))
        passed, codes, own_loss = quantised(vectors.float(), codebook)
        with torch.autocast("cpu", torch.bfloat16):
            drawn = network.decoder(network.post_quant_conv(passed))
        total = autoencoder.edges_error(drawn.float(), wanted) + own_loss
        counts.add_(torch.bincount(codes.flatten(), minlength=options.codes))
        latest = vectors.detach().float()
        return total, {"loss": float(total.detach())}

    def after(step: int) -> None:
        with torch.no_grad():
            codebook.copy_(normalize(codebook, dim=-1))
            if (step + 1) % REVIVED_EVERY == 0 and step + 1 < 0.7 * options.steps:
                revive(codebook, counts, normalize(latest.permute(0, 2, 3, 1), dim=-1).flatten(0, 2))
                counts.zero_()

    def measured() -> dict[str, Any]:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            wanted = clip.pixels(shown[tests])
            codes = network.encode(wanted).image_tokens.reshape(len(tests), -1)
            error = (network.decode(codes).float().clamp(-1, 1) - wanted).abs().mean() * 127.5
        return {"error": round(float(error), 3), "used": round(len(codes.unique()) / options.codes, 3)}

    both = torch.nn.ModuleDict({"vq": network})
    adam = torch.optim.AdamW(network.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
    return course.Course(options, both, [adam]).run(loss, measured, warm=options.steps // 20 + 1, after=after)


if __name__ == "__main__":
    main()
