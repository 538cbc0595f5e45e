"""Draws the picture bank: `python -m recipes.bank` in pocket/, after `ship clip`, `diffusion` and `adapters`.

Every drawing model that ships draws the same prompts, with Palate's own generator and the seeds that `palate specify`
takes, so that a picture drawn again from its key (model, prompt, seed) is the one that was encoded: the 61
specification prompts and a grid of concepts and looks, four times each. What is kept are vectors. A part file a model;
those that are done are skipped, unless the weights that drew them have changed.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from palate_pocket import Adapter
from palate_pocket.bank import packed

from palate.catalogue.records import Model, Prompt
from palate.specify.orders import seed_for
from recipes import package, work

if TYPE_CHECKING:
    from PIL import Image

    from palate.encoders.protocol import Encoder
    from palate.generators.protocol import Generator

LOOKS = ("thin outline", "bold filled", "duotone", "rounded", "pixel art")
SEEDS = {"specification": 4, "slots": 4}
STEPS = 5
GUIDANCE = 3.0
"""Of DPM-Solver++ and of the words; chosen by eye on a sheet of both."""
ADAPTER_FILE = "pytorch_lora_weights.safetensors"


def rows_of(seeds: dict[str, int]) -> list[dict[str, Any]]:
    """What every model draws: text, tag, kind, seeds, and the slots of the grid (one concept a category, its looks)."""
    import palate_pocket as pocket

    rows: list[dict[str, Any]] = [
        {"text": said.text, "tag": said.tag, "kind": "specification"} for said in pocket.prompts()
    ]
    for tag in pocket.categories():
        concept = next(said.text for said in pocket.prompts() if said.tag == tag).partition(" of ")[2]
        slots = [{"concept": concept, "look": look} for look in LOOKS]
        rows += [{"text": f"a {s['look']} icon of {concept}", "tag": tag, "kind": "slots", "slots": s} for s in slots]
    for row in rows:
        row["seeds"] = [seed_for(Prompt(row["text"]), number) for number in range(seeds[row["kind"]])]
    return rows


def opened(adapter: Adapter, pipeline: Path) -> Generator:
    """The drawing model as Palate opens it."""
    from palate.generators.opening import open_generator

    base = Model("pocket", "pocket diffusion", "pipeline", str(pipeline), base="pocket")
    model = Model(adapter.key, adapter.title, "adapter", str(adapter.folder / ADAPTER_FILE), base="pocket")
    return open_generator(model, base=base, device="cpu")


def drawn(
    generator: Generator, orders: list[tuple[str, int]], steps: int, guidance: float = GUIDANCE
) -> list[Image.Image]:
    from palate.generators.protocol import Order

    return generator.draw([Order(text, seed, steps=steps, cfg=guidance) for text, seed in orders])


def prints(pictures: list[Image.Image]) -> NDArray[np.uint8]:
    """(n, 8) the beginning of each picture's sha256: equal where every pixel is."""
    found = [hashlib.sha256(picture.tobytes()).digest()[:8] for picture in pictures]
    return np.frombuffer(b"".join(found), np.uint8).reshape(len(pictures), 8)


@dataclass(frozen=True, slots=True)
class Part:
    """One model's share of the bank, as a process of its own gets it."""

    adapter: Adapter
    pipeline: Path
    orders: list[tuple[str, int]]
    steps: int
    guidance: float
    path: Path
    made: str
    """A digest of all that decides its pictures and vectors."""


@cache
def encoders() -> dict[str, Encoder]:
    """Those that ship, opened once a process."""
    import palate_pocket as pocket

    from palate.encoders.opening import open_encoder

    names: list[str] = [name for name in ("clip", "dino") if name in pocket.kinds()]
    return {name: open_encoder(str(pocket.folder(name)), device="cpu", fit="squash") for name in names}


def draw_part(part: Part) -> str:
    """All of one model's pictures as vectors (float16), with what tells broken and equal ones, kept in a file."""
    import torch
    from safetensors.numpy import save_file

    from palate.safety.pictures import looks_degenerate

    torch.set_num_threads(1)
    generator = opened(part.adapter, part.pipeline)
    pictures = drawn(generator, part.orders, part.steps, part.guidance)
    generator.close()
    kept: dict[str, NDArray[Any]] = {
        name: encoder.encode_pictures(pictures).astype(np.float16) for name, encoder in encoders().items()
    }
    kept["broken"] = np.array([looks_degenerate(picture) is not None for picture in pictures], np.uint8)
    kept["prints"] = prints(pictures)
    save_file(kept, part.path.with_suffix(".new"), metadata={"made": part.made})
    part.path.with_suffix(".new").replace(part.path)
    return part.adapter.key


def draw_all(parts: list[Part], processes: int) -> None:
    """Those that are not there yet, each process a model at a time."""
    left = [part for part in parts if not kept_part(part.path, part.made)]
    started = time.monotonic()
    with ExitStack() as stack:
        run: Any = map
        if processes > 1 and len(left) > 1:
            run = stack.enter_context(get_context("spawn").Pool(min(processes, len(left)))).imap_unordered
        for done, key in enumerate(run(draw_part, left), 1):
            speed = done * len(left[0].orders) / (time.monotonic() - started)
            minutes = (len(left) - done) * len(left[0].orders) / speed / 60
            print(f"[{done}/{len(left)}] {key}: {speed:.1f} pictures/s, {minutes:.0f} minutes left", flush=True)


def kept_part(path: Path, made: str) -> bool:
    """Whether a part was drawn by these very weights."""
    from safetensors import safe_open

    if not path.exists():
        return False
    with safe_open(path, "np") as file:
        return bool((file.metadata() or {}).get("made") == made)


def ship(into: Path, parts: list[dict[str, NDArray[Any]]], words: NDArray[np.float32], said: dict[str, Any]) -> None:
    """All parts as one file of 8-bit vectors, and the keys beside them."""
    from safetensors.numpy import save_file

    into.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, NDArray[Any]] = {
        "words": words.astype(np.float16),
        "broken": np.concatenate([part["broken"] for part in parts]),
    }
    for name in ("clip", "dino") if said["made"]["dino"] else ("clip",):
        tensors[f"{name}_codes"], tensors[f"{name}_scales"] = packed(np.concatenate([part[name] for part in parts]))
    save_file(tensors, into / "bank.new")
    (into / "bank.new").replace(into / "bank.safetensors")
    work.write_json(into / "bank.json", said)


def drawn_again(pipeline: Path, adapters: list[Adapter], encoder: Encoder, count: int) -> dict[str, float]:
    """Some keys drawn anew, each model's by themselves as a viewer would: share equal to the bit, least cosine."""
    import palate_pocket as pocket
    from safetensors.numpy import load_file

    bank, draw = pocket.bank(), np.random.default_rng(0)
    equal, cosines = [], []
    for number in draw.permutation(len(adapters))[:count]:
        adapter = adapters[number]
        part = load_file(work.folder("bank") / f"{adapter.key}.safetensors")
        prompt = int(draw.integers(len(bank.prompts)))
        said, row = bank.prompts[prompt], bank.starts[prompt]
        generator = opened(adapter, pipeline)
        pictures = drawn(generator, [(said.text, said.seeds[0])], bank.made["steps"], bank.made["guidance"])
        generator.close()
        equal.append(bool((prints(pictures)[0] == part["prints"][row]).all()))
        stored = bank.vectors([bank.row(bank.models.index(adapter.key), prompt)])
        cosines.append(float((encoder.encode_pictures(pictures) * stored).sum()))
    return {"keys": len(equal), "equal to the bit": float(np.mean(equal)), "least cosine": round(min(cosines), 5)}


def card(said: dict[str, Any], numbers: dict[str, Any], size: int) -> str:
    kinds = {kind: sum(row["kind"] == kind for row in said["prompts"]) for kind in SEEDS}
    by = "the pocket CLIP and the pocket DINO" if said["made"]["dino"] else "the pocket CLIP"
    return f"""# Picture bank

{numbers["pictures"]} pictures, drawn once: {len(said["models"])} models x {len(said["prompts"])} prompts
({kinds["specification"]} specification, {kinds["slots"]} of a grid of concepts and looks),
4 seeds each. Stored are their vectors by {by} (8 bits and a scale a row,
{size / 2**20:.1f} MiB); a key (model, prompt, seed) draws a picture again.

- Made by: `python -m recipes.bank`, {said["made"]["steps"]} steps a picture, guidance {said["made"]["guidance"]};
  {numbers["broken"]} pictures are of one colour.
- Drawn again, one at a time: {numbers["keys"]} random keys, {numbers["equal to the bit"]:.0%} equal to the bit, least
  cosine to the stored vector {numbers["least cosine"]}.
- 8 bits against float32: least cosine {numbers["rounding"]}.
"""


def arguments(args: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, help="only so many models (a trial)")
    parser.add_argument("--prompts", type=int, help="only so many prompts (a trial)")
    parser.add_argument("--seeds", type=int, help="so many seeds for every prompt")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--dino", action="store_true", help="ship the pocket DINO's vectors as well")
    parser.add_argument("--processes", type=int, default=2, help="models drawn side by side, a thread each")
    parser.add_argument("--again", type=int, default=24, help="keys to draw again as a check")
    return parser.parse_args(args)


def main(args: list[str] | None = None) -> dict[str, Any]:
    options = arguments(args)
    import palate_pocket as pocket
    from safetensors.numpy import load_file

    adapters = list(pocket.adapters())[: options.most]
    pipeline, folder = pocket.folder("diffusion"), work.folder("bank")
    rows = rows_of({kind: options.seeds or count for kind, count in SEEDS.items()})[: options.prompts]
    orders = [(row["text"], seed) for row in rows for seed in row["seeds"]]
    shared = [package.digest(file) for file in sorted(pipeline.rglob("*.safetensors"))]
    shared += [*(encoder.id for encoder in encoders().values()), str(options.steps), str(options.guidance), str(orders)]
    todo = []
    for adapter in adapters:
        made = hashlib.sha256("\n".join([*shared, package.digest(adapter.folder / ADAPTER_FILE)]).encode()).hexdigest()
        path = folder / f"{adapter.key}.safetensors"
        todo.append(Part(adapter, pipeline, orders, options.steps, options.guidance, path, made))
    draw_all(todo, options.processes)
    parts = [load_file(folder / f"{adapter.key}.safetensors") for adapter in adapters]
    made_with = {"steps": options.steps, "guidance": options.guidance, "clip": encoders()["clip"].id}
    made_with["dino"] = options.dino and "dino" in encoders()
    said = {"models": [adapter.key for adapter in adapters], "prompts": rows, "made": made_with}
    into = package.WEIGHTS / "bank"
    ship(into, parts, encoders()["clip"].encode_words([row["text"] for row in rows]), said)
    bank, exact = pocket.bank(), np.concatenate([part["clip"] for part in parts]).astype(np.float32)
    numbers: dict[str, Any] = {"pictures": len(bank), "broken": int(bank.broken.sum())}
    numbers["rounding"] = round(float((bank.vectors(range(len(bank))) * exact).sum(1).min()), 5)
    numbers |= drawn_again(pipeline, adapters, encoders()["clip"], options.again)
    size = (into / "bank.safetensors").stat().st_size
    (into / "README.md").write_text(card(said, numbers, size), encoding="utf-8")
    work.write_json(into / "measured.json", numbers)
    print((into / "README.md").read_text(encoding="utf-8"))
    package.say_sizes()
    return numbers


if __name__ == "__main__":
    main()
