"""Tiny but real: a diffusers pipeline, LoRAs on it, a CLIPModel, a Dinov2Model and a BLIP, of the classes people use.

Nothing is downloaded and nothing trained: weights are random under a seed, and only last layers are solved for, by
ridge regression on coloured shapes, so that words decide colours and vectors of like things are alike. Each takes
about a second to build.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from palate.testing.shapes import COLOURS, SHAPES, draw_shape
from palate.testing.words import tiny_tokenizer, words_config

if TYPE_CHECKING:
    import torch

SIDE = 32
"""Pixels a side of every tiny picture."""

LATENT_SCALE = 2
BRIGHT = [name for name in COLOURS if name not in ("black", "white", "grey")]
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random weights under a seed, one thread so that they are the same everywhere, and the caller's state after."""
    import torch

    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars while folders are written."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def lessons(count: int, seed: int) -> tuple[torch.Tensor, list[str], list[tuple[str, str]]]:
    """Coloured shapes in [-1, 1] as (count, 3, side, side), what each is called, and its (colour, shape)."""
    import torch

    rng = np.random.default_rng(seed)
    things = [(BRIGHT[rng.integers(len(BRIGHT))], SHAPES[rng.integers(len(SHAPES) - 1)]) for _ in range(count)]
    drawn = [
        draw_shape(
            shape,
            colour,
            size=SIDE,
            centre=(float(rng.uniform(0.4, 0.6)), float(rng.uniform(0.4, 0.6))),
            radius=float(rng.uniform(0.25, 0.4)),
        )
        for colour, shape in things
    ]
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in drawn])).permute(0, 3, 1, 2)
    return pixels.float() / 127.5 - 1, [f"a {colour} {shape}" for colour, shape in things], things


# ------------------------------------------------------------------------------------------------ a diffusers pipeline


def build_tiny_pipeline(folder: Path | str, *, seed: int = 0) -> Path:
    """A StableDiffusionPipeline of 0.3 M parameters that draws 32x32 pictures; words decide their colours."""
    with seeded(seed), quiet():
        pipeline = _random_pipeline()
        _teach_pipeline(pipeline, seed)
        pipeline.save_pretrained(folder, safe_serialization=True)
    return Path(folder)


def _random_pipeline() -> Any:
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    tokenizer = tiny_tokenizer()
    text_encoder = CLIPTextModel(CLIPTextConfig(**words_config(tokenizer)))
    unet = UNet2DConditionModel(
        sample_size=SIDE // LATENT_SCALE,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=2,
        norm_num_groups=1,  # more groups would normalise each picture's colour away
    )
    vae = AutoencoderKL(
        block_out_channels=(16, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=1,
        sample_size=SIDE,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1,
        set_alpha_to_one=False, prediction_type="sample",
    )  # fmt: skip
    for name, weight in text_encoder.named_parameters():
        if "token_embedding" in name:  # a trained encoder's words differ more than random ones
            weight.mul_(150)
    for name, weight in unet.named_parameters():
        if "attn2.to_out" in name or "attn2.to_v" in name:
            weight.mul_(6)
    return StableDiffusionPipeline(
        vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip


def _teach_pipeline(pipeline: Any, seed: int) -> None:
    """Solve for the three last convolutions: picture -> latent, latent -> picture, noise and words -> latent."""
    import torch
    from torch.nn.functional import avg_pool2d

    pixels, words, _ = lessons(96, seed)
    vae, unet = pipeline.vae, pipeline.unet
    small = avg_pool2d(pixels, LATENT_SCALE)
    wanted = torch.cat([small, -small.mean(1, keepdim=True)], 1)
    calm = torch.full_like(wanted, -12.0)  # log variance: the encoder is certain
    _solve_last(vae.encoder.conv_out, lambda: vae.encode(pixels), torch.cat([wanted, calm], 1))
    latents = vae.encode(pixels).latent_dist.mean
    _solve_last(vae.decoder.conv_out, lambda: vae.decode(latents), pixels)
    vae.register_to_config(scaling_factor=float(1 / latents.std()))
    latents = latents * vae.config.scaling_factor
    tokens = pipeline.tokenizer(words, padding="max_length", return_tensors="pt").input_ids
    context = pipeline.text_encoder(tokens)[0]
    times = torch.randint(0, 1000, (len(words),))
    noisy = pipeline.scheduler.add_noise(latents, torch.randn_like(latents), times)
    _solve_last(unet.conv_out, lambda: unet(noisy, times, encoder_hidden_states=context), latents)


def _solve_last(layer: Any, run: Any, wanted: torch.Tensor, strength: float = 1e-4) -> None:
    """Set a 3x3 convolution to the ridge solution of (its inputs during `run`) -> wanted (n, c, h, w)."""
    import torch
    from torch.nn.functional import unfold

    seen: list[torch.Tensor] = []
    hook = layer.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    run()
    hook.remove()
    X = unfold(seen[0], 3, padding=1).transpose(1, 2).flatten(0, 1)
    W = ridge(torch.cat([X, torch.ones(len(X), 1)], 1), wanted.permute(0, 2, 3, 1).flatten(0, 2), strength)
    layer.weight.copy_(W[:-1].T.reshape(layer.weight.shape))
    layer.bias.copy_(W[-1])


def ridge(X: torch.Tensor, Y: torch.Tensor, strength: float) -> torch.Tensor:
    """W = (X'X + l I)^-1 X'Y with l = strength * mean of the diagonal; X (n, p), Y (n, q), W (p, q)."""
    import torch

    X, Y = X.double(), Y.double()
    A = X.T @ X
    A += strength * A.diagonal().mean() * torch.eye(len(A), dtype=A.dtype)
    W: torch.Tensor = torch.linalg.solve(A, X.T @ Y).float()
    return W


# ---------------------------------------------------------------------------------------------------------- LoRAs on it


def build_tiny_loras(
    folder: Path | str,
    base: Path | str,
    count: int,
    *,
    seed: int = 100,
    rank: int = 4,
    attention: float = 0.15,
    look: float = 0.4,
) -> list[Path]:
    """`count` LoRAs on a tiny pipeline in diffusers' own format, each with a look of its own.

    `attention` is how strongly one changes what words do, and `look` what it does to every picture alike.
    """
    import torch
    from diffusers import StableDiffusionPipeline, UNet2DConditionModel

    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    unet = UNet2DConditionModel.from_pretrained(base, subfolder="unet", use_safetensors=True, local_files_only=True)
    strengths = {name: attention for name, _ in unet.named_modules() if name.endswith(ATTENTION)} | {"conv_out": look}
    files = []
    for number in range(count):
        with seeded(seed + number):
            weights: dict[str, torch.Tensor] = {}
            for name, strength in strengths.items():
                height, width, *window = unet.get_submodule(name).weight.shape
                A = torch.randn(rank, width, *window) / math.sqrt(width * math.prod(window))
                B = torch.randn(height, rank, *(1 for _ in window)) / math.sqrt(rank)
                weights |= {f"{name}.lora_A.weight": A, f"{name}.lora_B.weight": strength * B}
        file = target / f"style-{number}.safetensors"
        StableDiffusionPipeline.save_lora_weights(target, unet_lora_layers=weights, weight_name=file.name)
        files.append(file)
    return files


# ------------------------------------------------------------------------------------------------------------ encoders


def build_tiny_clip(folder: Path | str, *, seed: int = 0, dim: int = 24) -> Path:
    """A CLIPModel of 0.1 M parameters: a picture of a red circle lies nearest to the words "a red circle"."""
    from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel

    tokenizer = tiny_tokenizer()
    with seeded(seed), quiet():
        vision = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
        config = CLIPConfig(
            text_config=words_config(tokenizer),
            vision_config={**vision, "image_size": SIDE, "patch_size": 8},
            projection_dim=dim,
        )
        clip = CLIPModel(config).eval()
        clip.text_model.embeddings.token_embedding.weight.mul_(50)
        _align(clip, tokenizer, seed)
        clip.save_pretrained(folder, safe_serialization=True)
        tokenizer.save_pretrained(folder)
        _processor(CLIPImageProcessorPil).save_pretrained(folder)
    return Path(folder)


def _align(clip: Any, tokenizer: Any, seed: int) -> None:
    """Solve for both projections so that pictures and words meet at what they show: a colour and a shape."""
    import torch

    pixels, words, things = lessons(512, seed + 1)
    dim = clip.config.projection_dim
    names = [*BRIGHT, *SHAPES[:-1]]
    hot = np.array([[float(name in thing) for name in names] for thing in things], dtype=np.float32)
    spread = torch.linalg.qr(torch.randn(dim, len(names)))[0].T
    target = torch.from_numpy(hot - hot.mean(0)) @ spread
    tokens = tokenizer(words, padding=True, return_tensors="pt")
    seen = clip.vision_model(pixels).pooler_output
    read = clip.text_model(**tokens).pooler_output
    clip.vision_model.post_layernorm.bias.sub_(seen.mean(0))
    clip.text_model.final_layer_norm.bias.sub_(read.mean(0))
    clip.visual_projection.weight.copy_(ridge(seen - seen.mean(0), target, 1e-2).T)
    clip.text_projection.weight.copy_(ridge(read - read.mean(0), target, 1e-2).T)


def build_tiny_dino(folder: Path | str, *, seed: int = 0) -> Path:
    """A Dinov2Model of random weights: pictures only, and like pictures lie near each other."""
    from transformers import BitImageProcessorPil, Dinov2Config, Dinov2Model

    with seeded(seed), quiet():
        sizes = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "mlp_ratio": 2}
        Dinov2Model(Dinov2Config(**sizes, image_size=SIDE, patch_size=8)).save_pretrained(folder)
        _processor(BitImageProcessorPil).save_pretrained(folder)
    return Path(folder)


def _processor(kind: Any) -> Any:
    return kind(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )


def build_tiny_blip(folder: Path | str, *, seed: int = 0) -> Path:
    """A BlipForConditionalGeneration of random weights: what it says means nothing, but it says it in time."""
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessorPil,
        BlipProcessor,
    )

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", *sorted({*COLOURS, *SHAPES, "a", "picture", "of"})]
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    (target / "vocab.txt").write_text("\n".join(words) + "\n")
    tokenizer = BertTokenizer(str(target / "vocab.txt"))
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    text = {**sizes, "encoder_hidden_size": 32, "vocab_size": len(words), "max_position_embeddings": 64}
    special = {"bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    with seeded(seed), quiet():
        config = BlipConfig(
            text_config={**text, **special}, vision_config={**sizes, "image_size": SIDE, "patch_size": 8}
        )
        BlipForConditionalGeneration(config).save_pretrained(target)
        processor = BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})
        BlipProcessor(processor, tokenizer).save_pretrained(target)
    return target


def build_tiny_world(folder: Path | str, *, loras: int = 3, seed: int = 0) -> dict[str, Path | Sequence[Path]]:
    """A whole tiny hub: `pipeline`, `loras` on it, and the encoder `clip`."""
    root = Path(folder)
    pipeline = build_tiny_pipeline(root / "pipeline", seed=seed)
    return {
        "pipeline": pipeline,
        "loras": build_tiny_loras(root / "loras", pipeline, loras, seed=100 + seed),
        "clip": build_tiny_clip(root / "clip", seed=seed),
    }
