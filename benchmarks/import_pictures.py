"""How fast a folder of outputs comes in: pictures a second of a first scan and of a rescan, and is it left untouched.

    python benchmarks/import_pictures.py --count 20000

The bars: 300 pictures a second without encoding, an unchanged folder again in under 5 s, no file changed.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import random
import resource
import shutil
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import cast

from palate.importers.pictures import PictureFound, PictureUnchanged, scan_pictures

WORDS = ("castle", "misty forest", "a woman", "red dragon", "neon city", "watercolour", "detailed", "soft light", "8k")
NEGATIVE = "lowres, bad anatomy, bad hands, text, error, missing fingers, cropped, worst quality, watermark"
SIZES = ((64, 0.15), (128, 0.25), (256, 0.4), (512, 0.2))
KINDS = {"model": "MODEL", "clip": "CLIP", "positive": "CONDITIONING", "negative": "CONDITIONING", "samples": "LATENT"}
BAR_FIRST, BAR_AGAIN_S = 300.0, 5.0


def prompt_of(draw: random.Random) -> str:
    return ", ".join(draw.choice(WORDS) for _ in range(draw.randint(6, 30)))


def a1111_text(draw: random.Random, side: int) -> str:
    model, loras = draw.randrange(40), [draw.randrange(200) for _ in range(draw.randint(0, 3))]
    tags = "".join(f" <lora:style_{each}:{draw.randint(2, 12) / 10}>" for each in loras)
    hashes = ", ".join(f"style_{each}: {each:012x}" for each in loras)
    listed = f'Lora hashes: "{hashes}", ' if loras else ""
    return (
        f"{prompt_of(draw)}{tags}\nNegative prompt: {NEGATIVE}\n"
        f"Steps: {draw.randint(20, 40)}, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, "
        f"Seed: {draw.randrange(2**32)}, Size: {side}x{side}, Model hash: {model:010x}, Model: checkpoint_{model}, "
        f"Denoising strength: 0.4, Clip skip: 2, Hires upscale: 1.5, {listed}Version: v1.10.1"
    )


def comfyui_texts(draw: random.Random, side: int) -> tuple[str, str]:
    """The graph that ran and the editor's workflow, the latter several times larger, as in real files."""
    loras = [draw.randrange(200) for _ in range(draw.randint(0, 3))]
    graph: dict[str, dict[str, object]] = {
        "4": node("CheckpointLoaderSimple", ckpt_name=f"sdxl/checkpoint_{draw.randrange(40)}.safetensors"),
        "5": node("EmptyLatentImage", width=side, height=side, batch_size=1),
    }
    model: list[object] = ["4", 0]
    for position, each in enumerate(loras):
        name = f"{20 + position}"
        graph[name] = node(
            "LoraLoader", lora_name=f"style_{each}.safetensors", strength_model=0.7, strength_clip=1.0, model=model
        )
        model = [name, 0]
    graph |= {
        "6": node("CLIPTextEncode", text=prompt_of(draw), clip=["4", 1]),
        "7": node("CLIPTextEncode", text=NEGATIVE, clip=["4", 1]),
        "3": sampler(draw, model, ["5", 0], 1.0),
        "10": node("LatentUpscaleBy", upscale_method="nearest-exact", scale_by=1.5, samples=["3", 0]),
        "11": sampler(draw, model, ["10", 0], 0.5),
        "8": node("VAEDecode", samples=["11", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }
    laid_out = [
        {
            "id": int(name),
            "type": each["class_type"],
            "pos": [draw.randrange(2000), draw.randrange(2000)],
            "size": {"0": 425.2, "1": 180.6},
            "flags": {},
            "order": 7,
            "mode": 0,
            "outputs": [{"name": "CONDITIONING", "type": "CONDITIONING", "links": [6], "slot_index": 0}],
            "properties": {"Node name for S&R": each["class_type"]},
            "widgets_values": list(each["inputs"].values()),
        }
        for name, each in graph.items()
        if isinstance(each["inputs"], dict)
    ]
    links = [
        [0, int(value[0]), value[1], int(name), 0, KINDS.get(key, "*")]
        for name, each in graph.items()
        for key, value in cast("dict[str, object]", each["inputs"]).items()
        if isinstance(value, list)
    ]
    return json.dumps(graph), json.dumps({"last_node_id": 30, "nodes": laid_out, "links": links, "groups": []})


def node(kind: str, **inputs: object) -> dict[str, object]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}


def sampler(draw: random.Random, model: list[object], latent: list[object], denoise: float) -> dict[str, object]:
    return node(
        "KSampler",
        seed=draw.randrange(2**48),
        steps=25,
        cfg=6.5,
        sampler_name="dpmpp_2m",
        scheduler="karras",
        denoise=denoise,
        model=model,
        positive=["6", 0],
        negative=["7", 0],
        latent_image=latent,
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(draw: random.Random, side: int, texts: dict[str, str]) -> bytes:
    """Noise that does not compress, so that a file is as large as a detailed picture of its size."""
    rows = b"".join(b"\0" + draw.randbytes(side * 3) for _ in range(side))
    packed = zlib.compress(rows, 0)
    pixels = [chunk(b"IDAT", packed[start : start + 65_536]) for start in range(0, len(packed), 65_536)]
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    written = [chunk(b"tEXt", key.encode() + b"\0" + text.encode("latin-1")) for key, text in texts.items()]
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(written) + b"".join(pixels) + chunk(b"IEND", b"")


def jpeg(draw: random.Random, side: int, text: str) -> bytes:
    from PIL import Image

    noise = Image.frombytes("RGB", (side, side), draw.randbytes(side * side * 3))
    comment = b"UNICODE\0" + text.encode("utf-16-be")
    entry = struct.pack(">HHII", 0x9286, 7, len(comment), 44)
    folder = struct.pack(">HHHII", 1, 0x8769, 4, 1, 26) + struct.pack(">I", 0)
    exif = b"Exif\0\0MM\0*\0\0\0\x08" + folder + struct.pack(">H", 1) + entry + struct.pack(">I", 0) + comment
    written = io.BytesIO()
    noise.save(written, "JPEG", quality=85, exif=exif)
    return written.getvalue()


def make_folder(folder: Path, count: int) -> int:
    draw = random.Random(20240801)
    total = 0
    for index in range(count):
        side = draw.choices([side for side, _ in SIZES], [share for _, share in SIZES])[0]
        place = folder / f"2024-08-{index % 28 + 1:02}"
        place.mkdir(exist_ok=True)
        if index % 2:
            prompt, workflow = comfyui_texts(draw, side)
            data, suffix = png(draw, side, {"prompt": prompt, "workflow": workflow}), "png"
        elif index % 8 == 0:
            data, suffix = jpeg(draw, side, a1111_text(draw, side)), "jpg"
        else:
            data, suffix = png(draw, side, {"parameters": a1111_text(draw, side)}), "png"
        (place / f"{index:06}.{suffix}").write_bytes(data)
        total += len(data)
    return total


def state_of(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Content, modification time and inode of every file."""
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns, path.stat().st_ino)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def measure(folder: Path, count: int, workers: int) -> dict[str, object]:
    before = state_of(folder)
    started = time.perf_counter()
    first = list(scan_pictures(folder, workers=workers))
    first_s = time.perf_counter() - started
    found = [each for each in first if isinstance(each, PictureFound)]
    known = {each.file.path: (each.file.size, each.file.mtime_ns) for each in found}
    started = time.perf_counter()
    again = sum(isinstance(each, PictureUnchanged) for each in scan_pictures(folder, known=known, workers=workers))
    again_s = time.perf_counter() - started
    moved = folder.with_name("moved")
    folder.rename(moved)
    ids = {each.picture.id for each in scan_pictures(moved, workers=workers) if isinstance(each, PictureFound)}
    moved.rename(folder)
    tools = Counter(each.drawing.tool for each in found if each.drawing)
    return {
        "pictures": len(found),
        "credited": sum(bool(each.drawing and each.drawing.credits) for each in found),
        "tools": dict(tools),
        "first_per_s": round(count / first_s, 1),
        "again_s": round(again_s, 3),
        "unchanged": again,
        "untouched": state_of(folder) == before,
        "moved_recognised": ids == {each.picture.id for each in found},
        "first_over_bar": round(count / first_s / BAR_FIRST, 2),
        "again_over_bar": round(again_s / BAR_AGAIN_S, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=2_000, help="pictures to make; the bar is set for 20,000")
    parser.add_argument("--workers", type=int, default=2, help="threads that read and parse")
    parser.add_argument("--keep", type=Path, help="make the folder here and leave it, or use it as it is")
    options = parser.parse_args()
    place = options.keep or Path(tempfile.mkdtemp(prefix="import_pictures_"))
    folder = place / "outputs"
    try:
        if not folder.exists():
            folder.mkdir(parents=True)
            make_folder(folder, options.count)
        count = sum(path.is_file() for path in folder.rglob("*"))
        megabytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
        answer = measure(folder, count, options.workers)
    finally:
        if options.keep is None:
            shutil.rmtree(place)
    print(json.dumps({"benchmark": "import_pictures", "count": count, "megabytes": round(megabytes), **answer}))
    return 0 if answer["untouched"] and answer["moved_recognised"] and answer["unchanged"] == count else 1


if __name__ == "__main__":
    sys.exit(main())
