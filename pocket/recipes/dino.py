"""Trains the pocket DINO: `python -m recipes.dino` in pocket/, after sets and render; `--resume` goes on where it was.

A `transformers.Dinov2Model` at 64 x 64 that is never shown a word: a student tells which of many crops shows the same
icon as its own, among what its moving average, the teacher, said of this batch and of those before (He et al. 2020,
equation 1; both ways round as in Chen et al. 2021, algorithm 1). DINO's own loss asks for more pictures a step than a
CPU sees. Logged: `loss` is that cross-entropy; `set@1`, how often the nearest other picture is of the same set, and
`concept@1`, how often the nearest picture *of another family* shows the same concept, both among held-out pictures and
beside what plain pixels reach.
"""

from __future__ import annotations

import argparse
import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes import captions, clip, course, pictures, schedule

if TYPE_CHECKING:
    import torch
    from transformers import Dinov2Model

TEMPERATURE = 0.1
REMEMBERED = 4096
"""Crops of earlier steps that each is told apart from."""
WHOLE = 0.8
"""From this share of the steps on, crops are seen whole: what only saw patches with ink is poor on whole pictures."""


def dino_of(width: int, layers: int) -> Dinov2Model:
    from transformers import Dinov2Config, Dinov2Model

    config = Dinov2Config(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        image_size=64,
        patch_size=8,
        layerscale_value=0.1,
    )
    network = Dinov2Model(config)
    network.set_attn_implementation("eager")
    return network


def head_of(width: int) -> torch.nn.Sequential:
    """Class token -> a vector of unit length to compare; dropped after training."""
    from torch import nn

    from recipes.layers import UnitLength

    return nn.Sequential(nn.Linear(width, 512), nn.GELU(), nn.Linear(512, 128), UnitLength())


def telling_loss(said: torch.Tensor, told: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Mean of -log softmax over the right key, the batch's other keys and earlier ones. (n, d), (n, d), (m, d)"""
    import torch
    from torch.nn.functional import cross_entropy

    scores = said @ torch.cat([told, others]).T / TEMPERATURE
    return cross_entropy(scores, torch.arange(len(said)))


def memory_of(count: int, width: int) -> torch.nn.Module:
    """Vectors of crops seen before, the oldest replaced first; it is kept with the weights."""
    import torch
    from torch.nn.functional import normalize

    found = torch.nn.Module()
    found.register_buffer("kept", normalize(torch.randn(count, width), dim=1))
    return found


def remember(kept: torch.Tensor, told: torch.Tensor) -> None:
    """The newest first, in place. (m, d), (n, d)"""
    kept.copy_(kept.roll(len(told), 0))
    kept[: len(told)] = told


def crops(shown: torch.Tensor, side: int, least: float, most: float) -> torch.Tensor:
    """A square of each picture, `least` to `most` of its side long, anywhere in it, scaled to `side` x `side`."""
    import torch
    from torch.nn.functional import affine_grid, grid_sample

    count = len(shown)
    scale = least + (most - least) * torch.rand(count)
    room = (1 - scale).clamp_min(0.05)
    moved = (2 * torch.rand(count, 2) - 1) * room[:, None]
    flat = torch.zeros(count, 2, 3)
    flat[:, 0, 0] = scale
    flat[:, 1, 1] = scale
    flat[:, :, 2] = moved
    grid = affine_grid(flat, [count, 3, side, side], align_corners=False)
    # White is 0 after the shift, so that what lies outside the picture is white as well.
    return grid_sample(shown - 1, grid, align_corners=False) + 1


def recoloured(shown: torch.Tensor) -> torch.Tensor:
    """Channels in another order, paler or darker ink: the paint is not what makes two pictures alike."""
    import torch

    order = torch.stack([torch.randperm(3) for _ in range(len(shown))])
    mixed = shown.gather(1, order[:, :, None, None].expand_as(shown))
    shown = torch.where(torch.rand(len(shown), 1, 1, 1) < 0.3, mixed, shown)
    strength = 0.6 + 0.4 * torch.rand(len(shown), 3, 1, 1)
    return (shown - 1) * strength + 1


def class_tokens(network: Dinov2Model, shown: torch.Tensor, keep: int | None = None) -> torch.Tensor:
    """The pooled output, from `keep` patches if given. (b, 3, s, s) -> (b, width)"""
    import torch

    tokens = network.embeddings(shown)
    if keep is not None and keep < tokens.shape[1] - 1:
        seen = clip.inked_patches(shown, keep) + 1
        seen = torch.cat([torch.zeros(len(seen), 1, dtype=seen.dtype), seen], 1)
        tokens = tokens.gather(1, seen[..., None].expand(-1, -1, tokens.shape[-1]))
    vectors: torch.Tensor = network.layernorm(network.encoder(tokens).last_hidden_state)[:, 0]
    return vectors


def neighbours(vectors: NDArray[np.float32], rows: list[dict[str, Any]]) -> dict[str, float]:
    """set@1 over all rows and concept@1 across families, over rows whose concept another family among them shows."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9)
    near = unit @ unit.T
    np.fill_diagonal(near, -np.inf)
    sets = np.array([row["set"] for row in rows])
    families = np.array([captions.family(row) for row in rows])
    concepts = np.array([captions.concept(row) for row in rows])
    same_set = sets[near.argmax(1)] == sets
    near[families[:, None] == families[None, :]] = -np.inf
    possible = ((concepts[:, None] == concepts[None, :]) & (families[:, None] != families[None, :])).any(1)
    same_concept = (concepts[near.argmax(1)] == concepts)[possible]
    return {"set@1": round(float(same_set.mean()), 4), "concept@1": round(float(same_concept.mean()), 4)}


def tests_of(rows: list[dict[str, Any]], most: int, seed: int) -> NDArray[np.int64]:
    """Held-out and unseen pictures whose concepts several families draw, so that a right neighbour exists."""
    parts = captions.split(rows)
    shared = captions.families_per_concept(rows)
    fit = [i for i, part in enumerate(parts) if part == "unseen" and shared[captions.concept(rows[i])] >= 4]
    return np.sort(np.random.default_rng(seed).permutation(fit)[:most])


def arguments(args: list[str] | None) -> argparse.Namespace:
    parser = course.parser(__doc__, steps=700, batch=128, rate=1e-3, tests=1500, every=200, name="dino")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--keep", type=int, default=28, help="patches of each large crop that a step sees")
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> dict[str, Any]:
    options = arguments(args)
    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    shown, rows = pictures.load()
    parts = captions.split(rows)
    train = np.array([i for i, part in enumerate(parts) if part == "train"])
    tests = tests_of(rows, options.tests, options.seed)
    network, head = dino_of(options.width, options.layers), head_of(options.width)
    student = torch.nn.ModuleDict({"dino": network, "head": head})
    teacher = copy.deepcopy(student).requires_grad_(False)
    memory: Any = memory_of(REMEMBERED, 128)
    grey = shown[tests].mean(-1).reshape(len(tests), 16, 4, 16, 4).mean((2, 4)).reshape(len(tests), -1)
    plain = neighbours(grey - grey.mean(), [rows[i] for i in tests])
    print(f"{len(train)} pictures to train on, {len(tests)} to test on; pixels reach {plain}", flush=True)

    def loss(step: int) -> course.Loss:
        draw, _ = course.chance(options.seed, step)
        batch = clip.pixels(shown[draw.choice(train, options.batch, replace=False)])
        views = [recoloured(crops(batch, 64, 0.6, 1.1)) for _ in range(2)]
        keep = options.keep if step < WHOLE * options.steps else None
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                told = [teacher["head"](class_tokens(teacher["dino"], view, keep)).float() for view in views]
            said = [student["head"](class_tokens(network, view, keep)).float() for view in views]
        kept = memory.kept
        total = (telling_loss(said[0], told[1], kept) + telling_loss(said[1], told[0], kept)) / 2
        remember(kept, torch.cat(told))
        return total, {"loss": float(total.detach())}

    def after(step: int) -> None:
        course.follow(teacher, student, 0.01 * (1 + math.cos(math.pi * step / options.steps)) / 2)

    def measured() -> dict[str, Any]:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            chunks = [tests[start : start + 250] for start in range(0, len(tests), 250)]
            vectors = [class_tokens(teacher["dino"], clip.pixels(shown[chunk])).float() for chunk in chunks]
        return neighbours(torch.cat(vectors).numpy(), [rows[i] for i in tests])

    both = torch.nn.ModuleDict({"student": student, "teacher": teacher, "memory": memory})
    trained = schedule.optimisers(student.named_parameters(), options.rate, ".layer.")
    return course.Course(options, both, trained).run(loss, measured, warm=options.steps // 10 + 1, after=after)


if __name__ == "__main__":
    main()
