"""How long a large collection of adapters takes to be read, and to be read again when nothing has changed.

    python benchmarks/import_models.py [--count 54000] [--shapes 400] [--folder DIR]

Writes sparse LoRA files with headers as trainers write them (200 to 1,500 tensors, tens of kilobytes of training
metadata in a part of them) and sidecars beside a half, scans them, and scans them again. `--shapes` is how many
different tensor layouts there are: people's collections have a few hundred, because trainers, ranks and bases are few;
`--shapes 0` gives every file its own. Prints one JSON line; `cpu_s` is the scan's processor time over all processes,
what to compare on a machine that has other work.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import struct
import sys
import tempfile
import time
from pathlib import Path

from palate.importers.models import ModelFound, ModelUnchanged, scan_models

WORDS = [f"tag_{index}" for index in range(3000)]
BASES = (
    ("SD 1.5", "sd_v1", 768, 264),
    ("SDXL 1.0", "sdxl_base_v1-0", 2048, 500),
    ("Pony", "sdxl_base_v1-0", 2048, 500),
    ("SD 2.1", "sd_v2", 1024, 264),
    ("SD 1.5", "sd_v1", 768, 72),
)


def tensors(dice: random.Random, width: int, modules: int) -> tuple[dict[str, object], int]:
    """Entries of kohya's network in the Rust writer's order, and the bytes they claim."""
    rank = dice.choice((4, 8, 16, 24, 32, 64, 128))
    modules -= dice.randrange(6)
    out = dice.choice((320, 640, 1280))
    entries: dict[str, object] = {}
    offset = 0
    for index in range(modules):
        block = f"lora_unet_down_blocks_{index % 4}_attentions_{index % 2}_transformer_blocks_{index % 10}"
        stem = f"{block}_attn{1 + index % 2}_to_{'kqv'[index % 3]}_{index}".replace(f"_{index}", "", index < 3)
        for ending, shape in (
            ("alpha", []),
            ("lora_down.weight", [rank, width if "attn2" in stem else out]),
            ("lora_up.weight", [out, rank]),
        ):
            size = 2 * (shape[0] * shape[1] if shape else 1)
            entries[f"{stem}.{index}.{ending}" if index > 2 else f"{stem}.{ending}"] = {
                "dtype": "F16",
                "shape": shape,
                "data_offsets": [offset, offset + size],
            }
            offset += size
    return entries, offset


def metadata(dice: random.Random, name: str, version: str) -> dict[str, str]:
    counts = {word: dice.randrange(1, 200) for word in dice.sample(WORDS, dice.choice((0, 40, 400, 1200)))}
    return {
        "ss_output_name": name,
        "ss_base_model_version": version,
        "ss_sd_model_name": "model.safetensors",
        "ss_network_dim": "16",
        "sshs_model_hash": f"{dice.getrandbits(256):064x}",
        "ss_tag_frequency": json.dumps({"10_folder": counts}),
        "ss_bucket_info": json.dumps({"buckets": {str(i): {"resolution": [512, 64 * i]} for i in range(20)}}),
    }


def sidecar(dice: random.Random, name: str, base: str) -> dict[str, object]:
    return {
        "id": dice.randrange(10**6),
        "modelId": dice.randrange(10**6),
        "name": "v1.0",
        "baseModel": base,
        "trainedWords": [name, "style"],
        "model": {"name": name, "type": "LORA", "nsfw": False},
        "stats": {"downloadCount": dice.randrange(10**5)},
        "files": [
            {"name": f"{name}.safetensors", "type": "Model", "hashes": {"AutoV2": f"{dice.getrandbits(40):010X}"}}
        ],
        "images": [{"url": "https://example.com/picture", "meta": {"prompt": " ".join(WORDS[:60])}} for _ in range(8)],
    }


def write(folder: Path, count: int, shapes: int, seed: int = 7) -> int:
    """Bytes of headers written; files have their full size, without taking the disk's room."""
    dice = random.Random(seed)
    layouts: list[tuple[str, str, bytes, int]] = []
    written = 0
    for index in range(count):
        if shapes and len(layouts) == shapes:
            base, version, section, size = layouts[min(int(dice.paretovariate(0.8)) - 1, dice.randrange(shapes))]
        else:
            base, version, width, modules = dice.choice(BASES)
            entries, size = tensors(dice, width, modules)
            section = json.dumps(entries, separators=(",", ":")).encode()[1:]
            layouts = [*layouts, (base, version, section, size)] if shapes else []
        name = f"lora_{index:05}"
        head = json.dumps({"__metadata__": metadata(dice, name, version)}, separators=(",", ":")).encode()
        raw = head[:-1] + b"," + section
        raw += b" " * (-len(raw) % 8)
        here = folder / f"{index // 2000:03}"
        here.mkdir(exist_ok=True)
        with (here / f"{name}.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(raw)) + raw)
            file.truncate(8 + len(raw) + size)
        if dice.random() < 0.5:
            (here / f"{name}.civitai.info").write_text(json.dumps(sidecar(dice, name, base)))
        written += len(raw)
    return written


def scan(folder: Path, workers: int | None) -> tuple[float, dict[str, tuple[int, int]], int]:
    begin = time.perf_counter()
    known: dict[str, tuple[int, int]] = {}
    others = 0
    for result in scan_models(folder, workers=workers):
        if isinstance(result, ModelFound):
            known[result.model.location] = (result.model.size or 0, result.model.mtime_ns or 0)
        else:
            others += 1
    return time.perf_counter() - begin, known, others


def cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=54_000)
    parser.add_argument("--shapes", type=int, default=400)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--folder", type=Path, default=None, help="kept and used again where it exists")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="palate-models-"))
    try:
        if not folder.exists() or not any(folder.iterdir()):
            folder.mkdir(exist_ok=True)
            write(folder, options.count, options.shapes)
        before = cpu_seconds()
        took, known, others = scan(folder, options.workers)
        cpu = cpu_seconds() - before
        begin = time.perf_counter()
        unchanged = sum(isinstance(result, ModelUnchanged) for result in scan_models(folder, known=known))
        again = time.perf_counter() - begin
    finally:
        if options.folder is None:
            shutil.rmtree(folder)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    line: dict[str, object] = {"benchmark": "import_models", "files": len(known), "others": others}
    line |= {"shapes": options.shapes, "scan_s": round(took, 2), "cpu_s": round(cpu, 2)}
    line |= {"files_per_s": round(len(known) / took), "rescan_s": round(again, 2)}
    print(json.dumps(line | {"unchanged": unchanged, "peak_mb": round(peak * unit / 2**20)}))


if __name__ == "__main__":
    main()
