"""Trains the judges: `python -m recipes.judge` in pocket/, after `ship dino`. They tell which of 50 things is drawn.

A judge must not have learned from whom it judges, nor be the encoder that everything else is made with. So the families
of sets are cut in two by a hash; a linear classifier (Alain and Bengio 2016, section 3) on the pocket DINO's features,
which never saw a word, learns from one half's pictures, shifted, scaled and recoloured, and judges the other half's
icons and what models trained on that half draw. Written: `accuracy`, how often each names the other half's icons.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recipes import captions, clip, dino, package, pictures, work

if TYPE_CHECKING:
    pass

THINGS = """
anchor apple bed bell book briefcase bug bus cake calculator calendar camera car clock cloud coffee compass crown
envelope eye fish flag folder gift globe hammer headphones heart home hourglass key keyboard leaf lightbulb lock magnet
microphone moon phone rocket scissors shield skull snowflake star sun train trophy umbrella wrench
"""
EVERYDAY = tuple(THINGS.split())
"""50 things that 22 to 61 families of sets draw, all of them known to training."""
AUGMENTED = 4


def half_of(row: dict[str, Any]) -> int:
    """Which half of the families a picture is of: 0 or 1, by the family's name alone."""
    return int(captions.share("judge", captions.family(row)) < 0.5)


def everyday(rows: list[dict[str, Any]]) -> NDArray[np.int64]:
    """The number of each picture's thing among the 50, -1 for every other. (n,)"""
    number = {name: place for place, name in enumerate(EVERYDAY)}
    return np.array([number.get(captions.concept(row), -1) for row in rows])


def opened_dino() -> Any:
    """The pocket DINO that ships."""
    import torch
    from transformers import Dinov2Model

    return Dinov2Model.from_pretrained(package.WEIGHTS / "dino", dtype=torch.float32).eval().requires_grad_(False)


def features(network: Any, shown: NDArray[np.uint8], *, augmented: bool = False) -> NDArray[np.float32]:
    """The class token beside the mean of the patches. (n, 64, 64, 3) -> (n, 2 width)"""
    import torch

    found = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for start in range(0, len(shown), 250):
            batch = clip.pixels(shown[start : start + 250])
            if augmented:
                batch = dino.recoloured(dino.crops(batch, 64, 0.8, 1.15))
            states = network(batch).last_hidden_state.float()
            found.append(torch.cat([states[:, 0], states[:, 1:].mean(1)], 1))
    answer: NDArray[np.float32] = torch.cat(found).numpy()
    return answer


class Judge:
    """Features to one of the 50 names, by one matrix."""

    def __init__(self, tensors: dict[str, NDArray[np.float32]]) -> None:
        self.tensors = tensors

    def names(self, seen: NDArray[np.float32]) -> NDArray[np.int64]:
        """(n, d) -> (n,) numbers of EVERYDAY"""
        scaled = (seen - self.tensors["mean"]) / self.tensors["spread"]
        scores = scaled @ self.tensors["weight"].T + self.tensors["bias"]
        chosen: NDArray[np.int64] = scores.argmax(1)
        return chosen


def learned(seen: NDArray[np.float32], names: NDArray[np.int64], weights: NDArray[np.float32], steps: int) -> Judge:
    """Softmax regression by AdamW on all pictures at once. (n, d), (n,), (n,)"""
    import torch
    from torch.nn.functional import cross_entropy

    mean, spread = seen.mean(0), seen.std(0) + 1e-4
    inputs, wanted = torch.from_numpy((seen - mean) / spread), torch.from_numpy(names)
    layer = torch.nn.Linear(inputs.shape[1], len(EVERYDAY))
    optimiser = torch.optim.AdamW(layer.parameters(), lr=0.02, weight_decay=0.1)
    shares = torch.from_numpy(weights / weights.sum())
    for _ in range(steps):
        losses = cross_entropy(layer(inputs), wanted, reduction="none", label_smoothing=0.1)
        (losses * shares).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    return Judge({"mean": mean, "spread": spread, "weight": weight, "bias": bias})


def family_weights(rows: list[dict[str, Any]]) -> NDArray[np.float32]:
    """Six looks of one family's star are not six stars: each picture by one over the root of how many there are."""
    groups = [(captions.family(row), captions.concept(row)) for row in rows]
    sizes = Counter(groups)
    return np.array([sizes[group] ** -0.5 for group in groups], np.float32)


def judge_for(half: int, folder: Path | None = None) -> Judge:
    """The judge of pictures of this half, which learned from the other."""
    from safetensors.numpy import load_file

    return Judge(load_file((folder or work.folder("judge")) / f"judges-{half}.safetensors"))


def accuracies() -> dict[str, Any]:
    """What `main` measured of both judges."""
    known: dict[str, Any] = work.read_json(work.folder("judge") / "state.json")
    return known


def main(args: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(args)
    import torch
    from safetensors.numpy import save_file

    torch.manual_seed(options.seed)
    shown, rows = pictures.load()
    places = np.flatnonzero(everyday(rows) >= 0)
    shown, rows = shown[places], [rows[i] for i in places]
    names, halves = everyday(rows), np.array([half_of(row) for row in rows])
    network, folder, found = opened_dino(), work.folder("judge"), {}
    plain = features(network, shown)
    for half in (0, 1):
        taught = np.flatnonzero(halves != half)
        several = [plain[taught], *(features(network, shown[taught], augmented=True) for _ in range(AUGMENTED))]
        weights = np.tile(family_weights([rows[i] for i in taught]), len(several))
        judge = learned(np.concatenate(several), np.tile(names[taught], len(several)), weights, options.steps)
        save_file(judge.tensors, folder / f"judges-{half}.safetensors")
        own = halves == half
        found[f"half {half}"] = {
            "families taught": len({captions.family(rows[i]) for i in taught}),
            "pictures taught": len(taught),
            "pictures judged": int(own.sum()),
            "accuracy": round(float((judge.names(plain[own]) == names[own]).mean()), 4),
        }
        print(f"half {half}: {found[f'half {half}']}", flush=True)
    work.write_json(folder / "state.json", found)
    return found


if __name__ == "__main__":
    main()
