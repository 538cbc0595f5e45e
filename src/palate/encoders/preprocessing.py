"""From pictures of any size to the tensor that a network reads.

How a picture is brought to the network's size is part of an encoder's identity. GEMRec squashes it (so that nothing of
it is lost and models' pictures of one prompt stay comparable), CLIP's own code crops its middle: `fit` says which.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palate.encoders.places import read_config
from palate.errors import PalateError

if TYPE_CHECKING:
    import torch

Fit = Literal["squash", "crop"]
BICUBIC = 3
THREADS = min(8, os.cpu_count() or 1)
LONGEST_STRIP = 16
"""Sides of a picture that is cropped: beyond this the middle is taken before and not after it is resized."""
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Sizes in pixels; mean and standard deviation of channels in [0, 1]; `resample` as Pillow numbers its filters."""

    height: int
    width: int
    fit: Fit
    shortest: int
    """The shorter side before the middle is cropped; 0 where nothing is."""
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: int = BICUBIC

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def stacked(self, pictures: Sequence[Image.Image]) -> NDArray[np.uint8]:
        """(n, height, width, 3): Pillow resizes each, the rest happens for all at once on the device."""
        sized = np.empty((len(pictures), self.height, self.width, 3), dtype=np.uint8)

        def bring(place: int) -> None:
            sized[place] = np.asarray(self.brought(pictures[place].convert("RGB")))

        with ThreadPoolExecutor(min(THREADS, len(pictures) or 1)) as threads:  # Pillow resizes without the lock
            deque(threads.map(bring, range(len(pictures))), maxlen=0)
        return sized

    def brought(self, picture: Image.Image) -> Image.Image:
        """One picture at the network's size."""
        if self.fit == "squash":
            return picture.resize((self.width, self.height), Image.Resampling(self.resample))
        picture = _middle(picture)
        width, height = picture.size
        scale = self.shortest / min(width, height)
        larger = max(self.width, int(width * scale)), max(self.height, int(height * scale))
        left, top = (larger[0] - self.width) // 2, (larger[1] - self.height) // 2
        whole = picture.resize(larger, Image.Resampling(self.resample))
        return whole.crop((left, top, left + self.width, top + self.height))

    def normalised(self, sized: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) float32 = (sized / 255 - mean) / std; sized (n, height, width, 3) uint8."""
        import torch

        mean = torch.tensor(self.mean, device=sized.device) * 255
        std = torch.tensor(self.std, device=sized.device) * 255
        pixels: torch.Tensor = ((sized.float() - mean) / std).permute(0, 3, 1, 2).contiguous()
        return pixels


def _middle(picture: Image.Image) -> Image.Image:
    """Without the far ends of a strip, which would be enlarged to gigabytes only to be cropped away."""
    width, height = picture.size
    longest = LONGEST_STRIP * min(width, height)
    if max(width, height) <= longest:
        return picture
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    return picture.crop((left, top, left + min(width, longest), top + min(height, longest)))


def read_preprocessing(folder: Path, config: Mapping[str, Any], fit: Fit | None, *, own: Fit) -> Preprocessing:
    """As the network's folder says, with the `fit` asked for, else its `own`."""
    values = read_config(folder, "preprocessor_config.json")
    if not values:
        values = read_config(folder, "processor_config.json").get("image_processor") or {}
    side = config.get("vision_config", config).get("image_size", 224)
    cropped = _size(values.get("crop_size"), None) if values.get("do_center_crop", True) else None
    height, width = cropped or _size(values.get("size"), side) or _size(side, 224) or (224, 224)
    size = values.get("size")
    shortest = size.get("shortest_edge") if isinstance(size, dict) else size if isinstance(size, int) else None
    if not 0 < height <= 4096 or not 0 < width <= 4096:
        raise PalateError("model_corrupt", f"its input size {height} x {width} makes no sense", about=str(folder))
    normalise = values.get("do_normalize", True)
    chosen = fit or own
    return Preprocessing(
        height=height,
        width=width,
        fit=chosen,
        shortest=0 if chosen == "squash" else max(shortest or 0, height, width),
        mean=tuple(values.get("image_mean") or CLIP_MEAN) if normalise else (0.0, 0.0, 0.0),
        std=tuple(values.get("image_std") or CLIP_STD) if normalise else (1.0, 1.0, 1.0),
        resample=int(values.get("resample", BICUBIC)),
    )


def _size(value: object, default: object) -> tuple[int, int] | None:
    """(height, width) from any of the ways that configurations write it."""
    if isinstance(value, dict):
        if "height" in value:
            return int(value["height"]), int(value["width"])
        value = value.get("shortest_edge")
    if isinstance(value, list | tuple) and len(value) == 2:
        return int(value[0]), int(value[1])
    if isinstance(value, int):
        return value, value
    return _size(default, None) if default is not None else None
