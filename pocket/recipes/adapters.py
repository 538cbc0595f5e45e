"""Trains one LoRA an artist on the pocket diffusion: `python -m recipes.adapters` in pocket/; those done are skipped.

Low-rank updates of the attention's four matrices (Hu et al. 2021, equation 3), on captions that do not say the look, so
that the look goes into the adapter. Logged: `before` and `after`, the squared error of v on the artist's own pictures
with fixed noise. Each folder holds what `load_lora_weights` opens, a card, and `card.json` with the same for programs.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import Any

import numpy as np

from recipes import artists, captions, clip, diffusion, pictures, schedule, work

MATRICES = ["to_q", "to_k", "to_v", "to_out.0"]


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
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--rank", type=int, default=4)
    parser.add_argument("--most", type=int, help="stop after this many artists")
    parser.add_argument("--only", nargs="*", help="keys of the artists to train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--base", default="diffusion")
    parser.add_argument("--name", default="adapters")
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> list[dict[str, Any]]:
    options = arguments(args)
    import torch
    from diffusers import StableDiffusionPipeline
    from peft import LoraConfig, get_peft_model_state_dict

    torch.set_num_threads(options.threads)
    source = work.folder(options.base)
    shown, rows = pictures.load()
    latents = diffusion.latents_of(None, shown, source)
    sets = work.read_json(work.folder() / "sets.json")
    everyone = artists.artists_of(rows, captions.split(rows), sets)
    chosen = [artist for artist in everyone if not options.only or artist.key in options.only][: options.most]
    pipeline = StableDiffusionPipeline.from_pretrained(source / "pipeline")
    unet, tower, words = pipeline.unet.requires_grad_(False), pipeline.text_encoder.eval(), pipeline.tokenizer
    diffusion.eager_attention(unet)
    noise = diffusion.noise_of()
    told_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told_to_stop.append(number))

    def error(indices: Any) -> torch.Tensor:
        ids = words(
            [artists.prompt(rows[i]) for i in indices],
            padding="max_length",
            max_length=clip.LONGEST,
            truncation=True,
            return_tensors="pt",
        )
        with torch.no_grad():
            told = tower(ids["input_ids"]).last_hidden_state
        return diffusion.loss_of(unet, noise, torch.from_numpy(latents[indices].astype(np.float32)), told)

    def fixed_error(indices: Any) -> float:
        torch.manual_seed(options.seed)
        with torch.no_grad():
            return round(float(error(indices)), 4)

    done = []
    for number, artist in enumerate(chosen, 1):
        folder = work.folder(options.name, artist.key)
        if (folder / "card.json").exists():
            done.append(work.read_json(folder / "card.json"))
            continue
        torch.manual_seed(options.seed)
        started = time.monotonic()
        own = np.array(artist.pictures)
        probe = own[:: max(len(own) // 128, 1)][:128]
        numbers: dict[str, Any] = {name: getattr(options, name) for name in ("steps", "batch", "rate", "rank", "seed")}
        numbers["before"] = fixed_error(probe)
        unet.add_adapter(LoraConfig(r=options.rank, lora_alpha=options.rank, target_modules=MATRICES), "artist")
        weights = [weight for weight in unet.parameters() if weight.requires_grad]
        optimiser = torch.optim.AdamW(weights, weight_decay=0.0)
        for step in range(options.steps):
            draw = np.random.default_rng((options.seed, step))
            torch.manual_seed(options.seed * 1_000_003 + step)
            schedule.set_rate([optimiser], options.rate * schedule.learning_rate(step, options.steps, 10))
            loss = error(draw.choice(own, options.batch, replace=len(own) < options.batch))
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimiser.step()
            optimiser.zero_grad()
        numbers["after"] = fixed_error(probe)
        state = {
            name: value.half().contiguous()
            for name, value in get_peft_model_state_dict(unet, adapter_name="artist").items()
        }
        StableDiffusionPipeline.save_lora_weights(folder, unet_lora_layers=state)
        unet.delete_adapters("artist")
        info = sets[artist.set]
        (folder / "README.md").write_text(card(artist, info, numbers), encoding="utf-8")
        about = {"key": artist.key, "title": artist.title, "set": artist.set, "look": artist.look, **numbers}
        about |= {name: info[name] for name in ("author", "licence", "licence_url", "category", "downloads")}
        work.write_json(folder / "card.json", about)
        done.append(about)
        seconds = time.monotonic() - started
        print(
            f"[{number}/{len(chosen)}] {artist.key}: {numbers['before']} -> {numbers['after']}, {seconds:.0f} s",
            flush=True,
        )
        if told_to_stop and number < len(chosen):
            sys.exit("stopped; the same command goes on with the next artist")
    return done


if __name__ == "__main__":
    main()
