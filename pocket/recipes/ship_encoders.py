"""The pocket CLIP and the pocket DINO as they ship: float16, with cards measured on the stored files."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

from recipes import checkpoints, package, work


def stored_clip(source: Path, into: Path) -> None:
    """The checkpoint's network as float16, with its tokenizer and picture processor: what `from_pretrained` opens."""
    import torch
    from transformers import CLIPProcessor, CLIPTokenizer

    from recipes import clip

    options = work.read_json(source / "state.json")["options"]
    words = CLIPTokenizer.from_pretrained(source)
    network = clip.clip_of(words, options["width"], options["layers"], options["text_width"], options["text_layers"])
    network.load_state_dict(checkpoints.weights(source, "clip"))
    network.to(torch.float16).save_pretrained(into)
    CLIPProcessor(clip.picture_processor(), words).save_pretrained(into)


def measured_clip(into: Path, seed: int, tests: int) -> dict[str, dict[str, float]]:
    """R@k of the stored files on both tests; `titled` adds the set's title to each caption."""
    import torch
    from transformers import CLIPModel, CLIPTokenizer

    from recipes import captions, clip

    network = CLIPModel.from_pretrained(into, dtype=torch.float32)
    words = CLIPTokenizer.from_pretrained(into)
    icons = clip.Icons(tests, seed)
    titles = {name: info["name"].lower() for name, info in work.read_json(work.folder() / "sets.json").items()}
    found = {}
    for name, chosen in icons.tests.items():
        shown, texts = icons.test(name)
        found[f"{name} ({len(texts)})"] = clip.retrieval(network, words, shown, texts)
        rows = [icons.rows[i] for i in chosen]
        titled = [f"{titles[row['set']]} {captions.canonical(row)}" for row in rows]
        found[f"{name}, captions with the set's title"] = clip.retrieval(network, words, shown, titled)
    return found


def clip_card(into: Path, state: dict[str, Any], measured: dict[str, dict[str, float]], sets: dict[str, Any]) -> str:
    """What it is, what it learned from, how to make it again, and what it reaches."""
    options, weights = state["options"], into / "model.safetensors"
    licences = ", ".join(sorted({info["licence"] for info in sets.values()}))
    minutes = state["history"][-1]["seconds"] / 60
    return f"""---
license: apache-2.0
library_name: transformers
---
# Pocket CLIP

A `transformers.CLIPModel` for icons and emoji of 64 x 64 pixels. It knows nothing of photographs.

- Data: {len(sets)} icon sets under {licences} (see ATTRIBUTIONS), rendered at 64 x 64; captions made from names,
  other names, categories and looks. Logos are left out.
- Made by: `python -m recipes.clip {package.asked(options)}` in pocket/{package.ended(state)}, {minutes:.0f} minutes on
  {options["threads"]} shared CPU core(s), then `python -m recipes.ship clip`.
- With: torch {version("torch")}, transformers {version("transformers")}, seed {options["seed"]}.
- Weights: float16, {weights.stat().st_size / 2**20:.1f} MiB, sha256 `{package.digest(weights)}`.

## Measured on the stored files
*held*: pictures kept out of training together with every drawing of their concept in their family of sets, the concept
itself being known from other families. *unseen*: no training picture shows the concept. All captions of a test are
distinct, none names its set unless said, copies of training pictures are left out, equal scores count against it.

{chr(10).join(package.table(measured))}

Chance is {1 / options["tests"]:.1%} at 1 and {5 / options["tests"]:.1%} at 5.
"""


def stored_dino(source: Path, into: Path) -> None:
    """The teacher as float16, with its picture processor."""
    import torch

    from recipes import clip, dino

    options = work.read_json(source / "state.json")["options"]
    network = dino.dino_of(options["width"], options["layers"])
    network.load_state_dict(checkpoints.weights(source, "teacher.dino"))
    network.to(torch.float16).save_pretrained(into)
    clip.picture_processor().save_pretrained(into)


def measured_dino(into: Path, seed: int, tests: int) -> dict[str, dict[str, float]]:
    """set@1 and concept@1 of the stored files, beside those of plain pixels and of the shipped pocket CLIP."""
    import torch
    from transformers import CLIPModel, Dinov2Model

    from recipes import clip, dino, pictures

    shown, rows = pictures.load()
    chosen = dino.tests_of(rows, tests, seed)
    told = [rows[i] for i in chosen]
    seen = [clip.pixels(shown[chosen[start : start + 250]]) for start in range(0, len(chosen), 250)]
    grey = shown[chosen].mean(-1).reshape(len(chosen), 16, 4, 16, 4).mean((2, 4)).reshape(len(chosen), -1)
    network = Dinov2Model.from_pretrained(into, dtype=torch.float32)
    with torch.no_grad():
        vectors = torch.cat([network(part).pooler_output for part in seen]).numpy()
        found = {
            "plain pixels": dino.neighbours(grey - grey.mean(), told),
            "pocket DINO": dino.neighbours(vectors, told),
        }
        if (package.WEIGHTS / "clip" / "model.safetensors").exists():
            words_too = CLIPModel.from_pretrained(package.WEIGHTS / "clip", dtype=torch.float32)
            vectors = torch.cat([words_too.get_image_features(part).pooler_output for part in seen]).numpy()
            found["pocket CLIP (taught by words)"] = dino.neighbours(vectors, told)
    return found


def dino_card(into: Path, state: dict[str, Any], measured: dict[str, dict[str, float]], sets: dict[str, Any]) -> str:
    options, weights = state["options"], into / "model.safetensors"
    return f"""---
license: apache-2.0
library_name: transformers
---
# Pocket DINO

A `transformers.Dinov2Model` for icons and emoji of 64 x 64 pixels, self-supervised: it was never shown a word.

- Data: pictures of {len(sets)} icon sets (see ATTRIBUTIONS), rendered at 64 x 64. Logos are left out.
- Made by: `python -m recipes.dino {package.asked(options)}` in pocket/{package.ended(state)},
  {state["history"][-1]["seconds"] / 60:.0f} minutes on {options["threads"]} shared CPU core(s),
  then `python -m recipes.ship dino`.
- With: torch {version("torch")}, transformers {version("transformers")}, seed {options["seed"]}.
- Weights: float16, {weights.stat().st_size / 2**20:.1f} MiB, sha256 `{package.digest(weights)}`.

## Measured on the stored files
On pictures of concepts that training never showed. set@1: the nearest other picture is of the same set. concept@1: the
nearest picture of another family of sets shows the same concept, where one among the tests does.

{chr(10).join(package.table(measured))}
"""
