"""The pocket diffusion and its drawing models as they ship: a float16 pipeline folder, and a LoRA folder an artist.

The text tower is that of the pocket CLIP and is stored a second time (about 6 MiB): a pipeline folder that reached
into another folder would open neither when copied nor where paths must stay inside.
"""

from __future__ import annotations

import shutil
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from recipes import package, work

BATCH = 16
STEPS = 5
"""Of DPM-Solver++; enough at this size."""
FILES = ("pytorch_lora_weights.safetensors", "README.md", "card.json")


def stored_diffusion(source: Path, into: Path) -> None:
    """The trained pipeline as float16: what `DiffusionPipeline.from_pretrained` opens."""
    import torch
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(source / "pipeline", torch_dtype=torch.float32)
    pipeline.to(torch.float16).save_pretrained(into)


def measured_diffusion(into: Path, seed: int, _: int) -> dict[str, Any]:
    """Seconds for a batch of 16 from the stored files on as many threads as there are cores, the better of three."""
    import torch
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(into, torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    took = []
    for _ in range(3):
        started = time.monotonic()
        pipeline(
            ["an icon of a cat"] * BATCH,
            num_inference_steps=STEPS,
            generator=[torch.Generator().manual_seed(seed + number) for number in range(BATCH)],
        )
        took.append(time.monotonic() - started)
    return {"seconds for 16 pictures": round(min(took), 2), "threads": torch.get_num_threads(), "steps": STEPS}


def diffusion_card(into: Path, state: dict[str, Any], measured: dict[str, Any], sets: dict[str, Any]) -> str:
    options, last = state["options"], state["history"][-1]
    return f"""---
license: apache-2.0
library_name: diffusers
pipeline_tag: text-to-image
---
# Pocket diffusion

A `diffusers.StableDiffusionPipeline` for icons and emoji of 64 x 64 pixels, the base of the pocket hub's
drawing models.

- Data: pictures of {len(sets)} icon sets (see ATTRIBUTIONS), rendered at 64 x 64. Logos are left out.
- Made by: `python -m recipes.diffusion {package.asked(options, "width")}` in pocket/ after `recipes.clip` and
  `recipes.autoencoder`, {last["seconds"] / 60:.0f} minutes on {options["threads"]} CPU thread(s), then
  `python -m recipes.ship diffusion`. The weights' moving average ships.
- With: torch {version("torch")}, diffusers {version("diffusers")}, seed {options["seed"]}.
{chr(10).join(package.weights_lines(into))}
- The text tower is the pocket CLIP's, word for word, stored again so that the folder opens by itself.

## Measured
- Squared error of v on held-out pictures, fixed noise: {last["held"]} (1 is what predicting 0 costs).
- On the stored files, {measured["steps"]} steps: {measured["seconds for 16 pictures"]} seconds for a batch of 16
  pictures on {measured["threads"]} CPU thread(s).
"""


def chosen(cards: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """Up to `most`: each set's first look before any set's second, within a round the most downloaded sets first."""
    looks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for card in sorted(cards, key=lambda card: card["key"]):
        looks[card["set"]].append(card)
    turns = [
        (turn, -(card["downloads"] or 0), card["key"], card) for own in looks.values() for turn, card in enumerate(own)
    ]
    return [card for *_, card in sorted(turns, key=lambda turn: turn[:3])][:most]


def ship_adapters(source: Path, into: Path, sets: dict[str, Any], most: int) -> int:
    """Copies the chosen artists' folders and takes away those that are chosen no more; returns how many there are."""
    cards = [work.read_json(path) for path in sorted(source.glob("*/card.json"))]
    kept = chosen(cards, most)
    for old in into.iterdir():
        if old.is_dir() and old.name not in {card["key"] for card in kept}:
            shutil.rmtree(old)
    for card in kept:
        folder = into / card["key"]
        folder.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copyfile(source / card["key"] / name, folder / name)
        tags = sorted({tag.lower() for tag in sets[card["set"]].get("tags", [])})
        work.write_json(folder / "card.json", {**card, "tags": tags})
    return len(kept)
