"""DINOv2, DINOv3 and plain vision transformers: pictures only, by how they look rather than by what they are called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from palate.encoders.identity import space_id
from palate.encoders.places import read_config
from palate.encoders.preprocessing import Fit, read_preprocessing
from palate.encoders.protocol import Vectors
from palate.encoders.running import Precision, Runner
from palate.errors import PalateError
from palate.quiet import quietly

if TYPE_CHECKING:
    import torch

CLASSES = {
    "dinov2": "Dinov2Model",
    "dinov2_with_registers": "Dinov2WithRegistersModel",
    "dinov3_vit": "DINOv3ViTModel",
}


class DinoShaped:
    """A vision transformer whose pooled output is the vector. It crops pictures as it was trained, unless told."""

    reads_words = False

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        device: str | None = None,
        fit: Fit | None = None,
        precision: Precision = "auto",
    ) -> None:
        import transformers

        self.name = name
        config = read_config(folder, "config.json")
        with quietly():
            network = getattr(transformers, CLASSES[str(config.get("model_type"))]).from_pretrained(
                folder, use_safetensors=True, local_files_only=True, trust_remote_code=False
            )
        self.dim = int(network.config.hidden_size)
        self.preprocessing = read_preprocessing(folder, config, fit, own="crop")
        self._runner = Runner(network, device, precision=precision)
        self.id = space_id(folder, self.preprocessing.as_json(), self.dim)

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        return self._runner.over(pictures, self._see, self.dim)

    def encode_words(self, words: Sequence[str]) -> Vectors:
        raise PalateError(
            "no_words", f"this encoder reads pictures only, and was given {len(words)} texts", about=self.name
        )

    def cut(self, words: Sequence[str]) -> list[bool]:
        raise PalateError(
            "no_words", f"this encoder reads pictures only, and was given {len(words)} texts", about=self.name
        )

    def _see(self, part: Sequence[Image.Image]) -> torch.Tensor:
        import torch

        sized = torch.from_numpy(self.preprocessing.stacked(part)).to(self._runner.device)
        pooled: torch.Tensor = self._runner.network(self.preprocessing.normalised(sized)).pooler_output
        return pooled
