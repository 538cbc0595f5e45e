"""How many pictures a second an encoder takes, and where the time goes: `python benchmarks/encoding.py [ENCODER]`.

Without a name, on the tiny CLIP that tests use, which measures everything around the network.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from palate.encoders.clip_shaped import ClipShaped
from palate.encoders.opening import open_encoder
from palate.encoders.protocol import Encoder

PICTURES = 512
SIDE = 512
"""As diffusion models draw them."""


def pictures(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    few = [Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)) for _ in range(32)]
    return [few[number % len(few)] for number in range(count)]


def best_of(times: int, encoder: Encoder, given: list[Image.Image]) -> float:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        encoder.encode_pictures(given)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def measure(name: str, count: int) -> dict[str, object]:
    began = time.perf_counter()
    encoder = open_encoder(name)
    opened = time.perf_counter() - began
    given = pictures(count)
    encoder.encode_pictures(given[:16])
    whole = best_of(3, encoder, given)
    words = [f"a painting of number {number} by the sea" for number in range(256)]
    began = time.perf_counter()
    encoder.encode_words(words)
    answer: dict[str, object] = {
        "benchmark": "encoding",
        "pictures": count,
        "side": SIDE,
        "pictures_per_s": round(count / whole, 1),
        "words_per_s": round(len(words) / (time.perf_counter() - began), 1),
        "opening_s": round(opened, 2),
    }
    if isinstance(encoder, ClipShaped):
        began = time.perf_counter()
        encoder.preprocessing.stacked(given)
        answer["share_spent_resizing"] = round((time.perf_counter() - began) / whole, 2)
    return answer


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(sys.argv[1], 64)))
    else:
        from palate.testing.worlds import build_tiny_clip

        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(str(build_tiny_clip(Path(folder) / "clip")), PICTURES)))
