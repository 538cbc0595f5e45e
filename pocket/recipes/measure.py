"""Measures what ships: `python -m recipes.measure diffusion` (`janus`, `identification`) in pocket/, after `ship`.

*Recognised*: every drawing model draws the 50 everyday things once; the share that the judge of its half names rightly,
beside the same judge's share on the set's own icons. *Diversity*: mean cosine distance (pocket DINO) between 16 seeds
of a prompt, beside that between the set's icons of the prompt's five nearest concepts. *Seconds*: a batch of 16 on two
threads. *Identification*: the CGI benchmark, and the same among models whose sets are of one family. Intervals are
95 %, over models. Numbers go into the cards. Drawn pictures are kept: a run that was cut off goes on.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from palate_pocket import Adapter

from recipes import artists, bank, captions, judge, measure_identification, measure_janus, package, pictures, work

DIVERSE = ("an icon of a cat", "an icon of a house", "an icon of a car")
SEEDS = 16
NEAREST = 5
THREADS = 2


def wanted(adapter: Adapter) -> list[tuple[str, int]]:
    """What a model draws to be measured: 50 things once, then three prompts with 16 seeds."""
    kind = captions.MEDIUM.get(adapter.set, ("", "icon"))[1]
    once = [(f"an {kind} of {name}" if kind == "icon" else f"a {kind} of {name}", 7) for name in judge.EVERYDAY]
    return once + [(text, 100 + seed) for text in DIVERSE for seed in range(SEEDS)]


def drawings_of(adapter: Adapter, pipeline: Path, steps: int) -> NDArray[np.uint8]:
    """(50 + 48, 64, 64, 3), drawn once and kept by the adapter's and the pipeline's digest."""
    marks = [
        package.digest(adapter.folder / bank.ADAPTER_FILE),
        package.digest(next((pipeline / "unet").glob("*.saf*"))),
    ]
    path = work.folder("measure") / f"{adapter.key}-{marks[0][:8]}{marks[1][:8]}-{steps}.npy"
    if path.exists():
        kept: NDArray[np.uint8] = np.load(path, allow_pickle=False)
        return kept
    generator = bank.opened(adapter, pipeline)
    drawn = np.stack([np.asarray(picture) for picture in bank.drawn(generator, wanted(adapter), steps)])
    generator.close()
    with path.with_suffix(".new").open("wb") as file:
        np.save(file, drawn, allow_pickle=False)
    path.with_suffix(".new").replace(path)
    return drawn


def mean_distance(seen: NDArray[np.float32]) -> float:
    """Mean of 1 - cosine over all pairs of different rows. (n, d)"""
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True).clip(1e-9)
    near = unit @ unit.T
    return float(1 - near[~np.eye(len(unit), dtype=bool)].mean())


def interval(ratio_of: list[tuple[float, float]], seed: int = 0) -> tuple[float, float, float]:
    """Ratio of the means of two numbers a model, and its 95 % bootstrap interval over models."""
    pairs = np.array(ratio_of)
    draw = np.random.default_rng(seed).integers(0, len(pairs), (2000, len(pairs)))
    above, below = pairs[draw, 0].mean(1), pairs[draw, 1].mean(1).clip(1e-9)
    low, high = np.quantile(above / below, (0.025, 0.975))
    return float(pairs[:, 0].mean() / max(pairs[:, 1].mean(), 1e-9)), float(low), float(high)


def told(found: tuple[float, float, float]) -> str:
    return f"{found[0]:.2f} ({found[1]:.2f} to {found[2]:.2f})"


def nearest_icons(prompt: NDArray[np.float32], own: dict[str, int], words: NDArray[np.float32]) -> list[int]:
    """One icon of each of the five concepts of a set whose words lie nearest to the prompt's. (d,), (concepts, d)"""
    order = np.argsort(-(words @ prompt), kind="stable")[:NEAREST]
    places = list(own.values())
    return [places[place] for place in order]


def measured_models(adapters: list[Adapter], steps: int) -> list[dict[str, Any]]:
    """A row a model: recognised shares of drawings and of own icons, and both distances."""
    import palate_pocket as pocket

    from palate.encoders.opening import open_encoder

    shown, rows = pictures.load()
    parts = captions.split(rows)
    owned = {a.key: a.pictures for a in artists.artists_of(rows, parts, work.read_json(work.folder() / "sets.json"))}
    encoder, network = open_encoder(str(pocket.folder("clip")), device="cpu", fit="squash"), judge.opened_dino()
    asked = encoder.encode_words(DIVERSE)
    names = judge.everyday(rows)
    found, started = [], time.monotonic()
    for number, adapter in enumerate(adapters, 1):
        drawn = drawings_of(adapter, pocket.folder("diffusion"), steps)
        half = judge.half_of({"set": adapter.set})
        own = np.array(owned[adapter.key])
        things = own[names[own] >= 0]
        right = judge.judge_for(half).names(drawn[: len(judge.EVERYDAY)]) == np.arange(len(judge.EVERYDAY))
        row: dict[str, Any] = {"model": adapter.key, "recognised": float(right.mean()), "own things": len(things)}
        if len(things):
            icons = judge.judge_for(half).names(shown[things]) == names[things]
            row |= {
                "own icons": float(icons.mean()),
                "recognised of own": float(right[np.unique(names[things])].mean()),
            }
        concepts = {captions.concept(rows[i]): int(i) for i in own[::-1]}
        said = encoder.encode_words([" ".join(captions.shown(rows[i])) for i in concepts.values()])
        seeds = judge.features(network, drawn[len(judge.EVERYDAY) :])
        row["distance"] = [mean_distance(seeds[SEEDS * n : SEEDS * (n + 1)]) for n in range(len(DIVERSE))]
        beside = [judge.features(network, shown[nearest_icons(prompt, concepts, said)]) for prompt in asked]
        row["distance of icons"] = [mean_distance(seen) for seen in beside]
        found.append(row)
        left = (time.monotonic() - started) / number * (len(adapters) - number) / 60
        print(f"[{number}/{len(adapters)}] {adapter.key}: {row['recognised']:.2f}, {left:.0f} minutes left", flush=True)
    return found


def seconds_for_16(adapter: Adapter, steps: int) -> float:
    """The better of three batches of 16 with a drawing model, on two threads."""
    import palate_pocket as pocket
    import torch
    from diffusers import DiffusionPipeline

    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    pipeline = DiffusionPipeline.from_pretrained(pocket.folder("diffusion"), torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    pipeline.load_lora_weights(adapter.folder)
    took = []
    for _ in range(3):
        started = time.monotonic()
        pipeline(["an icon of a cat"] * 16, num_inference_steps=steps)
        took.append(time.monotonic() - started)
    torch.set_num_threads(before)
    return round(min(took), 2)


def diffusion_lines(found: list[dict[str, Any]], seconds: float, steps: int) -> tuple[list[str], dict[str, Any]]:
    """What the card says, and the same for programs."""
    both = [row for row in found if "own icons" in row]
    ratio = interval([(row["recognised"], row["own icons"]) for row in both])
    paired = interval([(row["recognised of own"], row["own icons"]) for row in both])
    wide = interval([(float(np.mean(row["distance"])), float(np.mean(row["distance of icons"]))) for row in found])
    drawn = float(np.mean([row["recognised"] for row in both]))
    icons = float(np.mean([row["own icons"] for row in both]))
    distances = [float(np.mean([row[name] for row in found])) for name in ("distance", "distance of icons")]
    lines = [
        f"{len(found)} models, {steps} steps a picture. `recipes.judge` judged (a small network taught by other",
        "families of sets). Intervals are 95 %, over models.",
        "",
        "| what | drawings | own icons | ratio |",
        "|---|---|---|---|",
        f"| recognised among 50 | {drawn:.1%} | {icons:.1%} | {told(ratio)} |",
        f"| the same, things the set has | | | {told(paired)} |",
        f"| mean distance: 16 seeds, 5 near concepts | {distances[0]:.3f} | {distances[1]:.3f} | {told(wide)} |",
        f"| seconds for 16 pictures, {THREADS} threads | {seconds} | | |",
    ]
    numbers = {"recognised": ratio, "recognised of own": paired, "diversity": wide, "seconds": seconds, "models": found}
    return lines, numbers


def measure_diffusion(most: int | None, steps: int) -> dict[str, Any]:
    import palate_pocket as pocket

    adapters = list(pocket.adapters())[:most]
    found = measured_models(adapters, steps)
    lines, numbers = diffusion_lines(found, seconds_for_16(adapters[0], steps), steps)
    package.note(package.WEIGHTS / "diffusion", "Measured with its drawing models", lines, numbers)
    for row in found:
        own = f"; its set's own icons in {row['own icons']:.0%}" if "own icons" in row else ""
        line = f"Of 50 everyday things, a judge taught by other sets recognises {row['recognised']:.0%}{own}."
        package.note(package.WEIGHTS / "adapters" / row["model"], "Measured", [line], row)
    print("\n".join(lines))
    return numbers


def main(args: list[str] | None = None) -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["diffusion", "identification", "janus"])
    parser.add_argument("--most", type=int, help="only so many models, or Janus' pictures (a trial)")
    parser.add_argument("--steps", type=int, default=bank.STEPS)
    parser.add_argument("--seeds", type=int, default=10, help="task pictures a prompt, for identification")
    parser.add_argument("--bank", action="store_true", help="identification on the bank's pictures: nothing is drawn")
    parser.add_argument("--executor", default="serial", help="where identification draws: serial, or pool")
    options = parser.parse_args(args)
    if options.kind == "janus":
        return measure_janus.measure(options.most)
    if options.kind == "identification" and options.bank:
        return measure_identification.measure_banked(options.seeds)
    if options.kind == "identification":
        return measure_identification.measure(options.seeds, options.executor)
    return measure_diffusion(options.most, options.steps)


if __name__ == "__main__":
    main()
