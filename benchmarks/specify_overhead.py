"""What encoding, hashing and storing cost on top of drawing, in `specify` on a real (tiny) pipeline.

    python benchmarks/specify_overhead.py [--models 3] [--prompts 12] [--steps 20]

The share is (everything - drawing) / drawing, over one run without its loading of weights. The smaller the pipeline the
larger the share: a full-size pipeline draws for seconds what is stored in the same milliseconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from palate.catalogue.records import Model
from palate.generators.protocol import Generator, Order
from palate.specify import executors
from palate.specify.orders import default_prompts
from palate.studio import Studio
from palate.testing.worlds import build_tiny_world

BAR = 0.10


class Timed:
    """A generator that counts the seconds it draws, and those it takes to open."""

    drawing = 0.0
    opening = 0.0

    def __init__(self, inner: Generator) -> None:
        self.inner = inner
        self.name, self.batch = inner.name, inner.batch

    def draw(self, orders: Sequence[Order]) -> list[Image.Image]:
        started = time.perf_counter()
        pictures = self.inner.draw(orders)
        Timed.drawing += time.perf_counter() - started
        return pictures

    def close(self) -> None:
        self.inner.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20)
    asked = parser.parse_args()
    opened = executors.generator_for
    kept: dict[str, Timed] = {}

    def timed(model: Model, base: Model | None, device: str) -> Generator:
        if model.id not in kept:
            started = time.perf_counter()
            kept[model.id] = Timed(opened(model, base, device))
            Timed.opening += time.perf_counter() - started
        return kept[model.id]

    executors.generator_for = timed
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        build_tiny_world(root / "world", loras=asked.models)
        studio = Studio.create(str(root / "home"))
        studio.config_set("encoder", str(root / "world" / "clip"))
        studio.config_set("steps", str(asked.steps))
        studio.add_models(root / "world" / "pipeline")
        studio.add_models(root / "world" / "loras")
        prompts = root / "prompts.txt"
        prompts.write_text("\n".join(prompt.text for prompt in default_prompts()[: asked.prompts]))
        studio.encoder.encode_words(["warm"])
        started = time.perf_counter()
        done = studio.specify(prompts=prompts)
        whole = time.perf_counter() - started - Timed.opening
        studio.close()
    share = whole / Timed.drawing - 1
    answer = {"benchmark": "specify overhead", "pictures": done["done"], "drawing_s": round(Timed.drawing, 2)}
    print(json.dumps({**answer, "whole_s": round(whole, 2), "share": round(share, 4), "bar": BAR, "met": share <= BAR}))


if __name__ == "__main__":
    main()
