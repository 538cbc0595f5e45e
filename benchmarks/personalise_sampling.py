"""Groups of pictures after a history, against the plain loop: no cache, one history at a time, the whole text again.

    python benchmarks/personalise_sampling.py [--people 4] [--group 8] [--janus FOLDER]

The bar: at least 3 times as many pictures a second, and the same logits to 1e-3. Without --janus it is the pocket's
shape with random weights (64 codes, 6 layers of 256). The plain loop draws one picture of each of two histories.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from palate.personalise.janus import Janus, Liked, logits, open_janus
from palate.personalise.sampling import sample
from palate.testing.januses import build_tiny_janus, plain_logits


def histories(janus: Janus, people: int, length: int) -> list[list[Liked]]:
    chance = torch.Generator().manual_seed(0)
    levels = torch.randint(0, 256, (people * length, 64, 64, 3), generator=chance, dtype=torch.uint8).numpy()
    seen = janus.see([Image.fromarray(each) for each in levels], "vision")
    told = [Liked("a red circle in the night", picture) for picture in seen]
    return [told[start : start + length] for start in range(0, len(told), length)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--length", type=int, default=5)
    parser.add_argument("--janus")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        shape: dict[str, Any] = {"side": 64, "patches": 8, "width": 256, "layers": 6, "codes": 1024}
        name = given.janus or str(build_tiny_janus(Path(folder) / "janus", **shape))
        janus = open_janus(name, device="cpu")
        told = janus.tell(histories(janus, given.people, given.length))
        began = time.process_time()
        drawn = sample(janus, told, group=given.group, guidance=5.0)
        ours = (time.process_time() - began) / len(drawn.codes)
        few = told.rows(0, 2)
        codes = drawn.codes[: 2 * given.group : given.group]
        began = time.process_time()
        plain = plain_logits(janus, few, codes, 5.0)
        theirs = (time.process_time() - began) / 2
        with torch.no_grad():
            apart = float((logits(janus, few, codes, guidance=5.0) - plain).abs().max())
    said = {"cpu_s_a_picture": round(ours, 3), "plain_cpu_s": round(theirs, 3), "times": round(theirs / ours, 1)}
    print(json.dumps({"benchmark": "personalise sampling", **said, "logits_apart": f"{apart:.1e}"}))


if __name__ == "__main__":
    main()
