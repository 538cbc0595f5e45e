"""How well drawing models can be told apart at all: `python -m recipes.telling` in pocket/, after `measure diffusion`.

The pictures of the 50 everyday things, which that recipe kept: a linear discriminant learns each model from 35 things
and is asked about the 15 others, three times. Asked of several encoders' features, and once more with the hub's mean
picture of each thing taken away, which nobody who only has an example picture can know: more than that is not in them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import palate_pocket as pocket
from numpy.typing import NDArray

from recipes import clip, judge, measure, package

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]
LEARNED, SHRUNK, REPEATS = 35, 0.1, 3
STEPS = 5


def features(pictures: NDArray[np.uint8], seen: Callable[[torch.Tensor], torch.Tensor]) -> Floats:
    """(M, things, 64, 64, 3) -> (M, things, d)"""
    import torch

    flat = pictures.reshape(-1, *pictures.shape[2:])
    with torch.no_grad():
        found = [seen(clip.pixels(flat[start : start + 256])).numpy() for start in range(0, len(flat), 256)]
    return np.concatenate(found).reshape(*pictures.shape[:2], -1).astype(np.float64)


def encoders() -> dict[str, Callable[[torch.Tensor], torch.Tensor]]:
    """What CLIP and DINO answer, and means and spreads over patches after CLIP's first layer."""
    import torch
    from transformers import CLIPModel

    clip_network = CLIPModel.from_pretrained(package.WEIGHTS / "clip", dtype=torch.float32).eval()
    dino = judge.opened_dino()

    def early(shown: torch.Tensor) -> torch.Tensor:
        states = clip_network.vision_model(shown, output_hidden_states=True).hidden_states[1][:, 1:]
        return torch.cat([states.mean(1), states.std(1)], 1)

    return {
        "clip": lambda shown: clip.picture_vectors(clip_network, shown),
        "clip's first layer": early,
        "dino": lambda shown: dino(shown).pooler_output,
    }


def told_apart(seen: Floats, count: int, seed: int, *, content_known: bool) -> float:
    """The share of questions of `count` pictures whose model comes first. (M, things, d)"""
    models, things, width = seen.shape
    draw = np.random.default_rng(seed)
    order = draw.permutation(things)
    learned, asked = seen[:, order[:LEARNED]], seen[:, order[LEARNED:]]
    left = learned - learned.mean(0)
    style = left.mean(1)
    noise = (left - style[:, None]).reshape(-1, width)
    spread = noise.T @ noise / len(noise)
    spread = (1 - SHRUNK) * spread + SHRUNK * np.trace(spread) / width * np.eye(width)
    weights = np.linalg.solve(spread, style.T)
    centred = asked - (asked.mean(0) if content_known else learned.mean((0, 1)))
    questions = [centred[:, draw.permutation(things - LEARNED)[:count]].mean(1) for _ in range(15)]
    scores = np.stack(questions) @ weights - 0.5 * np.einsum("md,dm->m", style, weights)
    return float((scores.argmax(-1) == np.arange(models)).mean())


def main() -> None:
    adapters, pipeline = list(pocket.adapters()), package.WEIGHTS / "diffusion"
    shown = np.stack([measure.drawings_of(adapter, pipeline, STEPS)[: len(judge.EVERYDAY)] for adapter in adapters])
    every = {name: features(shown, seen) for name, seen in encoders().items()}
    scaled = [(part - part.mean((0, 1))) / part.std() for part in every.values()]
    every["all three"] = np.concatenate(scaled, -1)
    for name, seen in every.items():
        for known in (False, True):
            shares = [
                np.mean([told_apart(seen, count, seed, content_known=known) for seed in range(REPEATS)])
                for count in (1, 6)
            ]
            words = "content known" if known else "picture alone"
            print(f"{name}, {words}: {shares[0]:.1%} with 1 picture, {shares[1]:.1%} with 6", flush=True)


if __name__ == "__main__":
    main()
