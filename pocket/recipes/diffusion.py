"""Trains the pocket diffusion: `python -m recipes.diffusion` in pocket/, after clip and autoencoder; `--resume`.

A `diffusers.StableDiffusionPipeline` in small: the pocket CLIP's text tower and a UNet over 8 x 8 x 16 latents, trained
to predict v (Salimans and Ho 2022, appendix D) under a cosine schedule, one caption in ten left out for guidance (Ho
and Salimans 2022).
Latents are computed once. Logged: `loss`, the squared error of v (1 is what predicting 0 costs); `held`, the same on
held-out pictures, with fixed noise, of the moving average of the weights, which is what ships.
"""

from __future__ import annotations

import argparse
import copy
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes import autoencoder, captions, checkpoints, clip, course, pictures, together, work

if TYPE_CHECKING:
    import torch
    from diffusers import DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextModel

SIDE = 8
WITHOUT_WORDS = 0.1
SHARED = ((31, 3.0), (16, 2.0), (8, 1.0), (5, 0.7), (3, 0.4), (2, 0.15), (0, 0.05))
"""At least so many families, and how often: half of all pictures show what one set alone draws, and nobody asks for."""


def unet_of(width: int, words_width: int) -> UNet2DConditionModel:
    """Attention and one residual block at 8 x 8 and at 4 x 4: the products of matrices outweigh the convolutions."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=SIDE,
        in_channels=autoencoder.LATENTS,
        out_channels=autoencoder.LATENTS,
        block_out_channels=(width, width + width // 2),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        layers_per_block=1,
        attention_head_dim=width // 48,
        cross_attention_dim=words_width,
        norm_num_groups=16,
    )


def eager_attention(unet: Any) -> None:
    """Plain products of matrices: on CPU their backward is faster than the fused one's, a third of the whole step."""
    from diffusers.models.attention_processor import AttnProcessor

    unet.set_attn_processor(AttnProcessor())


def noise_of() -> DDPMScheduler:
    from diffusers import DDPMScheduler

    return DDPMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
    )


def how_often(families: int) -> float:
    """How often training sees a concept that so many families draw: most of all what people ask for."""
    return next(often for least, often in SHARED if families >= least)


def chances_of(rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    """(n,) of these pictures, summing to 1."""
    shared = captions.families_per_concept(rows)
    often = np.array([how_often(shared[captions.concept(row)]) for row in rows])
    return often / float(often.sum())


def text_tower(source: Any) -> tuple[CLIPTextModel, Any]:
    """The pocket CLIP's words half and its tokenizer, from the trained checkpoint."""
    from transformers import CLIPTextModel, CLIPTokenizer

    options = work.read_json(source / "state.json")["options"]
    words = CLIPTokenizer.from_pretrained(source)
    whole = clip.clip_of(words, options["width"], options["layers"], options["text_width"], options["text_layers"])
    whole.load_state_dict(checkpoints.weights(source, "clip"))
    tower = CLIPTextModel(whole.config.text_config)
    tower.load_state_dict(whole.text_model.state_dict())
    return tower.eval().requires_grad_(False), words


def kept_latents(folder: Any) -> NDArray[np.float16]:
    """Those that were computed before, read as they are asked for."""
    kept: NDArray[np.float16] = np.load(folder / "latents.npy", mmap_mode="r", allow_pickle=False)
    return kept


def latents_of(vae: Any, shown: NDArray[np.uint8], folder: Any) -> NDArray[np.float16]:
    """(n, 16, 8, 8), of standard deviation 1, computed once and kept beside the checkpoint."""
    import torch

    path = folder / "latents.npy"
    if path.exists():
        return kept_latents(folder)
    found = np.empty((len(shown), autoencoder.LATENTS, SIDE, SIDE), np.float16)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(shown), 256):
            part = vae.encode(clip.pixels(shown[start : start + 256])).latents.float() * vae.config.scaling_factor
            found[start : start + 256] = part.numpy()
    with (folder / "latents.new").open("wb") as file:
        np.save(file, found, allow_pickle=False)
    (folder / "latents.new").replace(path)
    return found


def loss_of(unet: Any, noise: DDPMScheduler, latents: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """Squared error of v = alpha * noise - sigma * latents at a random time. (b, 16, 8, 8), (b, t, d)"""
    import torch
    from torch.nn.functional import mse_loss

    times = torch.randint(0, noise.config.num_train_timesteps, (len(latents),))
    added = torch.randn_like(latents)
    with torch.autocast("cpu", torch.bfloat16):
        guess = unet(noise.add_noise(latents, added, times), times, told).sample
    return mse_loss(guess.float(), noise.get_velocity(latents, added, times))


def pipeline_of(vae: Any, tower: Any, words: Any, unet: Any) -> StableDiffusionPipeline:
    """What ships: twelve steps of DPM-Solver++ are enough at this size."""
    from diffusers import DPMSolverMultistepScheduler, StableDiffusionPipeline

    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=tower,
        tokenizer=words,
        unet=unet,
        scheduler=DPMSolverMultistepScheduler.from_config(noise_of().config, timestep_spacing="trailing"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def arguments(args: list[str] | None) -> argparse.Namespace:
    parser = course.parser(__doc__, steps=6400, batch=44, rate=8e-4, tests=256, name="diffusion")
    parser.add_argument("--width", type=int, default=96)
    parser.add_argument("--average", type=float, default=0.998, help="how slowly the shipped average follows")
    parser.add_argument("--clip", default="clip", help="the work folder's CLIP")
    parser.add_argument("--autoencoder", default="autoencoder", help="the work folder's autoencoder")
    return parser.parse_args(args)


def trained_autoencoder(coder: Any) -> Any:
    """From its checkpoint, scaled so that latents have standard deviation 1."""
    coded = work.read_json(coder / "state.json")
    vae = autoencoder.autoencoder_of(coded["options"]["width"], scaling=1 / coded["history"][-1]["spread"])
    vae.load_state_dict(checkpoints.weights(coder, "vae"))
    return vae.eval()


def main(args: list[str] | None = None) -> dict[str, Any]:
    options = arguments(args)
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    folder = work.folder(options.name)
    shown, rows = pictures.load()
    parts = np.array(captions.split(rows))
    train, held = np.flatnonzero(parts == "train"), np.flatnonzero(parts == "held")
    tests = np.random.default_rng(options.seed).permutation(held)[: options.tests]
    titles = {name: info["name"] for name, info in work.read_json(work.folder() / "sets.json").items()}
    vae = trained_autoencoder(work.folder(options.autoencoder))
    with together.in_turn():
        latents = latents_of(vae, shown, folder)
    tower, words = text_tower(work.folder(options.clip))
    unet = unet_of(options.width, tower.config.hidden_size).to(memory_format=torch.channels_last)
    eager_attention(unet)
    both = torch.nn.ModuleDict({"unet": unet, "average": copy.deepcopy(unet).requires_grad_(False)})
    noise = noise_of()
    weights = chances_of([rows[i] for i in train])

    def told(texts: list[str]) -> torch.Tensor:
        ids = words(texts, padding="max_length", max_length=clip.LONGEST, truncation=True, return_tensors="pt")
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            states: torch.Tensor = tower(ids["input_ids"]).last_hidden_state
        return states.float()

    def loss(step: int) -> course.Loss:
        draw, wording = course.chance(options.seed, step)
        chosen = draw.choice(train, options.batch, replace=False, p=weights)
        texts = [captions.varied(rows[i], titles[rows[i]["set"]], wording) for i in chosen]
        texts = ["" if wording.random() < WITHOUT_WORDS else text for text in texts]
        total = loss_of(unet, noise, torch.from_numpy(latents[chosen].astype(np.float32)), told(texts))
        return total, {"loss": float(total.detach())}

    def after(step: int) -> None:
        course.follow(both["average"], unet, 1 - min(options.average, (step + 1) / (step + 10)))

    def measured() -> dict[str, Any]:
        torch.manual_seed(options.seed)
        with torch.no_grad():
            shapes = torch.from_numpy(latents[tests].astype(np.float32))
            value = loss_of(both["average"], noise, shapes, told([captions.canonical(rows[i]) for i in tests]))
        return {"held": round(float(value), 4)}

    trained: list[torch.optim.Optimizer] = [torch.optim.AdamW(unet.parameters(), lr=options.rate, weight_decay=0.01)]
    last = course.Course(options, both, trained).run(loss, measured, warm=options.steps // 20 + 1, after=after)
    if together.share()[0] == 0:
        pipeline_of(vae, tower, words, both["average"]).save_pretrained(folder / "pipeline")
    return last


if __name__ == "__main__":
    main()
