"""Trains the judges: `python -m recipes.judge` in pocket/, after render. They tell which of 50 things is drawn.

A judge must not have learned from whom it judges, nor be the encoder that everything else is made with. So the families
of sets are cut in two by a hash; a small convolutional network, taught from nothing by one half's pictures, shifted,
scaled and recoloured, judges the other half's icons and what models trained on that half draw. Written: `accuracy`, how
often each names the other half's icons.
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
    import torch

THINGS = """
anchor apple bed bell book briefcase bug bus cake calculator calendar camera car clock cloud coffee compass crown
envelope eye fish flag folder gift globe hammer headphones heart home hourglass key keyboard leaf lightbulb lock magnet
microphone moon phone rocket scissors shield skull snowflake star sun train trophy umbrella wrench
"""
EVERYDAY = tuple(THINGS.split())
"""50 things that 22 to 61 families of sets draw, all of them known to training."""
BATCH = 64


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


def features(network: Any, shown: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the pocket DINO makes of pictures, to say how far apart they are. (n, 64, 64, 3) -> (n, width)"""
    import torch

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        chunks = [clip.pixels(shown[start : start + 250]) for start in range(0, len(shown), 250)]
        found = [network(chunk).last_hidden_state[:, 0].float() for chunk in chunks]
    answer: NDArray[np.float32] = torch.cat(found).numpy()
    return answer


def eye() -> torch.nn.Sequential:
    """(n, 3, 64, 64) -> (n, 50): four convolutions that halve the side, then one matrix."""
    from torch import nn

    layers: list[nn.Module] = []
    before = 3
    for width in (32, 64, 128, 128):
        layers += [nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.GELU()]
        before = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.5), nn.Linear(16 * before, len(EVERYDAY)))


class Judge:
    """Pictures to one of the 50 names."""

    def __init__(self, network: torch.nn.Sequential) -> None:
        self.network = network.eval().requires_grad_(False)

    def names(self, shown: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(n, 64, 64, 3) -> (n,) numbers of EVERYDAY"""
        import torch

        with torch.no_grad():
            chunks = [shown[start : start + 250] for start in range(0, len(shown), 250)]
            scores = torch.cat([self.network(clip.pixels(chunk)) for chunk in chunks])
        chosen: NDArray[np.int64] = scores.argmax(1).numpy()
        return chosen


def learned(
    shown: NDArray[np.uint8], names: NDArray[np.int64], chances: NDArray[np.float64], steps: int, seed: int
) -> Judge:
    """Cross-entropy by AdamW, the rate going down as a half cosine. (n, 64, 64, 3), (n,), (n,)"""
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(seed)
    draw, network = np.random.default_rng(seed), eye().train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        chosen = draw.choice(len(shown), BATCH, p=chances)
        seen = dino.recoloured(dino.crops(clip.pixels(shown[chosen]), 64, 0.8, 1.15))
        loss = cross_entropy(network(seen), torch.from_numpy(names[chosen]), label_smoothing=0.1)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        rate.step()
    return Judge(network)


def family_chances(rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    """Six looks of one family's star are not six stars: each picture by one over the root of how many there are."""
    groups = [(captions.family(row), captions.concept(row)) for row in rows]
    sizes = Counter(groups)
    often = np.array([sizes[group] ** -0.5 for group in groups])
    return often / float(often.sum())


def judge_for(half: int, folder: Path | None = None) -> Judge:
    """The judge of pictures of this half, which learned from the other."""
    from safetensors.torch import load_file

    network = eye()
    network.load_state_dict(load_file((folder or work.folder("judge")) / f"judges-{half}.safetensors"))
    return Judge(network)


def accuracies() -> dict[str, Any]:
    """What `main` measured of both judges."""
    known: dict[str, Any] = work.read_json(work.folder("judge") / "state.json")
    return known


def main(args: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(args)
    from safetensors.torch import save_file

    shown, rows = pictures.load()
    places = np.flatnonzero(everyday(rows) >= 0)
    shown, rows = shown[places], [rows[i] for i in places]
    names, halves = everyday(rows), np.array([half_of(row) for row in rows])
    folder, found = work.folder("judge"), {}
    for half in (0, 1):
        taught, own = np.flatnonzero(halves != half), halves == half
        chances = family_chances([rows[i] for i in taught])
        judge = learned(shown[taught], names[taught], chances, options.steps, options.seed)
        save_file(judge.network.state_dict(), folder / f"judges-{half}.safetensors")
        found[f"half {half}"] = {
            "families taught": len({captions.family(rows[i]) for i in taught}),
            "pictures taught": len(taught),
            "pictures judged": int(own.sum()),
            "accuracy": round(float((judge.names(shown[own]) == names[own]).mean()), 4),
        }
        print(f"half {half}: {found[f'half {half}']}", flush=True)
    work.write_json(folder / "state.json", found)
    return found


if __name__ == "__main__":
    main()
