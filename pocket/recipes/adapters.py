"""Trains one LoRA an artist on the pocket diffusion: `python -m recipes.adapters` in pocket/; those done are skipped.

Low-rank updates of every matrix of the attention's blocks (Hu et al. 2021, equation 3), on captions that do not say the
look, so that the look goes into the adapter. Which artists: those that would ship (`ship_drawing.chosen`). Logged:
`before` and `after`, the squared error of v on the artist's own pictures with fixed noise. Each folder holds what
`load_lora_weights` opens, a card, and `card.json` with the same for programs.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from contextlib import ExitStack
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recipes import artists, captions, clip, diffusion, pictures, schedule, ship_drawing, work

if TYPE_CHECKING:
    import torch

MATRICES = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]
PROBES = 96
"""Of the artist's own pictures: what `before` and `after` are measured on."""


def card(artist: artists.Artist, info: dict[str, Any], numbers: dict[str, Any]) -> str:
    known = "unknown" if info["downloads"] is None else f"{info['downloads']} a month"
    return f"""---
license: {info["licence"].lower()}
library_name: diffusers
---
# {artist.title}

Draws like the icon set *{info["name"]}* by {info["author"]}{" (" + artist.look + ")" if artist.look else ""}.

- Set: {artist.set}; licence {info["licence"]}{", " + info["licence_url"] if info["licence_url"] else ""}
- Category: {info["category"]}; downloads of the set's npm package: {known}
- Trained on {len(artist.pictures)} pictures, {numbers["steps"]} steps of {numbers["batch"]}, rank {numbers["rank"]},
  seed {numbers["seed"]}; error of v on its pictures {numbers["before"]} before, {numbers["after"]} after
"""


def arguments(args: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--rank", type=int, default=3)
    parser.add_argument("--most", type=int, default=64, help="so many artists, those that ship first")
    parser.add_argument("--only", nargs="*", help="keys of the artists to train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2, help="artists side by side, a thread each")
    parser.add_argument("--base", default="diffusion")
    parser.add_argument("--name", default="adapters")
    return parser.parse_args(args)


class Easel:
    """What all artists share, opened once a process: the base, its latents and captions."""

    def __init__(self, source: Path) -> None:
        import torch
        from diffusers import StableDiffusionPipeline

        torch.set_num_threads(1)
        self.rows = pictures.rows()
        self.latents = diffusion.kept_latents(source)
        pipeline = StableDiffusionPipeline.from_pretrained(source / "pipeline")
        self.unet = pipeline.unet.requires_grad_(False).to(memory_format=torch.channels_last)
        self.tower, self.words = pipeline.text_encoder.eval(), pipeline.tokenizer
        diffusion.eager_attention(self.unet)
        self.noise = diffusion.noise_of()

    def error(self, indices: Any) -> torch.Tensor:
        """The squared error of v on these pictures."""
        import torch

        texts = [artists.prompt(self.rows[i]) for i in indices]
        ids = self.words(texts, padding="max_length", max_length=clip.LONGEST, truncation=True, return_tensors="pt")
        with torch.no_grad():
            told = self.tower(ids["input_ids"]).last_hidden_state
        latents = torch.from_numpy(self.latents[indices].astype(np.float32))
        return diffusion.loss_of(self.unet, self.noise, latents, told)

    def fixed_error(self, indices: Any, seed: int) -> float:
        import torch

        torch.manual_seed(seed)
        with torch.no_grad():
            return round(float(self.error(indices)), 4)


@cache
def easel(source: Path) -> Easel:
    return Easel(source)


def learn(told: tuple[artists.Artist, dict[str, Any], argparse.Namespace]) -> dict[str, Any]:
    """One artist's adapter, from nothing to its folder; what its card says."""
    artist, info, options = told
    import torch
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig, get_peft_model_state_dict

    folder = work.folder(options.name, artist.key)
    if (folder / "card.json").exists():
        done: dict[str, Any] = work.read_json(folder / "card.json")
        return done
    here, started = easel(work.folder(options.base)), time.monotonic()
    torch.manual_seed(options.seed)
    own = np.array(artist.pictures)
    probe = own[:: max(len(own) // PROBES, 1)][:PROBES]
    numbers: dict[str, Any] = {name: getattr(options, name) for name in ("steps", "batch", "rate", "rank", "seed")}
    numbers["before"] = here.fixed_error(probe, options.seed)
    here.unet.add_adapter(LoraConfig(r=options.rank, lora_alpha=options.rank, target_modules=MATRICES), "artist")
    weights = [weight for weight in here.unet.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, weight_decay=0.0)
    for step in range(options.steps):
        draw = np.random.default_rng((options.seed, step))
        torch.manual_seed(options.seed * 1_000_003 + step)
        schedule.set_rate([optimiser], options.rate * schedule.learning_rate(step, options.steps, 10))
        here.error(draw.choice(own, options.batch, replace=len(own) < options.batch)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        optimiser.zero_grad()
    numbers["after"] = here.fixed_error(probe, options.seed)
    state = {
        name: value.half().contiguous()
        for name, value in get_peft_model_state_dict(here.unet, adapter_name="artist").items()
    }
    StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=state)
    here.unet.delete_adapters("artist")
    (folder / "README.md").write_text(card(artist, info, numbers), encoding="utf-8")
    about = {"key": artist.key, "title": artist.title, "set": artist.set, "look": artist.look, **numbers}
    about |= {name: info[name] for name in ("author", "licence", "licence_url", "category", "downloads")}
    work.write_json(folder / "card.json", about)
    seconds = time.monotonic() - started
    print(f"{artist.key}: {numbers['before']} -> {numbers['after']}, {seconds:.0f} s", flush=True)
    return about


def main(args: list[str] | None = None) -> list[dict[str, Any]]:
    options = arguments(args)
    rows, sets = pictures.rows(), work.read_json(work.folder() / "sets.json")
    everyone = {artist.key: artist for artist in artists.artists_of(rows, captions.split(rows), sets)}
    cards = [
        {"key": artist.key, "set": artist.set, "downloads": sets[artist.set]["downloads"]}
        for artist in everyone.values()
        if not options.only or artist.key in options.only
    ]
    chosen = [everyone[row["key"]] for row in ship_drawing.chosen(cards, options.most)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; the same command goes on with the next artist"))
    todo = [(artist, sets[artist.set], options) for artist in chosen]
    done = []
    with ExitStack() as stack:
        run: Any = map
        if options.processes > 1 and len(todo) > 1:
            run = stack.enter_context(get_context("spawn").Pool(min(options.processes, len(todo)))).imap
        for number, about in enumerate(run(learn, todo), 1):
            done.append(about)
            print(f"[{number}/{len(todo)}] {about['key']}", flush=True)
    return done


if __name__ == "__main__":
    main()
