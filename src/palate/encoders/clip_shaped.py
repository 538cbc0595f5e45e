"""CLIP, SigLIP and SigLIP 2: pictures and words in one space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from palate.catalogue.vectors import Space
from palate.encoders.beginnings import pooled, read_trees
from palate.encoders.identity import space_id
from palate.encoders.places import read_config
from palate.encoders.preprocessing import Fit, read_preprocessing
from palate.encoders.protocol import Vectors
from palate.encoders.running import Precision, Runner
from palate.quiet import quietly

if TYPE_CHECKING:
    import torch


def space_of_folder(name: str, folder: Path, *, fit: Fit) -> Space:
    """The space that a CLIP in this folder encodes into, without opening its weights."""
    config = read_config(folder, "config.json")
    dim = int(config["projection_dim"])
    described = read_preprocessing(folder, config, fit, own="squash").as_json()
    return Space(space_id(folder, described, dim), name, dim, reads_words=True)


CLASSES = {"clip": "CLIPModel", "siglip": "SiglipModel", "siglip2": "Siglip2Model"}
"""A configuration's model_type to the class of transformers that reads it."""


class ClipShaped:
    """A two-tower network. CLIP squashes pictures as GEMRec does, unless asked to crop; SigLIP always squashed."""

    reads_words = True

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
        self.model_type = str(config.get("model_type"))
        safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        with quietly():
            network = getattr(transformers, CLASSES[self.model_type]).from_pretrained(
                folder, use_safetensors=True, **safely
            )
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safely)
        words = network.config.text_config
        self.dim = int(getattr(network.config, "projection_dim", 0) or words.hidden_size)
        if self.model_type != "clip":
            self.dim = int(getattr(words, "projection_size", None) or words.hidden_size)
        self.words_limit = min(int(words.max_position_embeddings), int(self._tokenizer.model_max_length))
        self._runner = Runner(network, device, precision=precision)
        if self.model_type == "siglip2":
            self._patches = transformers.Siglip2ImageProcessorPil.from_pretrained(folder, local_files_only=True)
            described = {"patches": self._patches.max_num_patches, "mean": self._patches.image_mean}
        else:
            self.preprocessing = read_preprocessing(folder, config, fit, own="squash")
            described = self.preprocessing.as_json()
        self.id = space_id(folder, described, self.dim)

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        return self._runner.over(pictures, self._see, self.dim)

    def encode_words(self, words: Sequence[str]) -> Vectors:
        """By the alphabet, so that a CLIP reads once what begins alike; else by length, so that short texts are not
        padded to a long one's size. Answered in the order given."""
        import numpy as np

        nearness = words if self.model_type == "clip" else [len(text) for text in words]
        order = sorted(range(len(words)), key=nearness.__getitem__)
        vectors = np.empty((len(words), self.dim), dtype=np.float32)
        with quietly():
            ordered = [words[place] for place in order]
            vectors[order] = self._runner.over(ordered, self._read, self.dim, exact=True)
        return vectors

    def cut(self, words: Sequence[str]) -> list[bool]:
        doubtful = [text for text in words if not surely_short(text, self.words_limit)]
        if not doubtful:
            return [False] * len(words)
        with quietly():
            tokens = self._tokenizer(doubtful, truncation=False)["input_ids"]
        lengths = dict(zip(doubtful, map(len, tokens), strict=True))
        return [lengths.get(text, 0) > self.words_limit for text in words]

    def _see(self, part: Sequence[Image.Image]) -> torch.Tensor:
        import torch

        if self.model_type == "siglip2":
            given = self._patches([picture.convert("RGB") for picture in part], return_tensors="pt")
            given = {name: value.to(self._runner.device) for name, value in given.items()}
        else:
            sized = torch.from_numpy(self.preprocessing.stacked(part)).to(self._runner.device)
            given = {"pixel_values": self.preprocessing.normalised(sized)}
        return features(self._runner.network.get_image_features(**given))

    def _read(self, part: Sequence[str]) -> torch.Tensor:
        if self.model_type == "clip":
            end = int(self._runner.network.config.text_config.eos_token_id)
            texts = self._tokenizer(list(part), truncation=True, max_length=self.words_limit)["input_ids"]
            return read_trees(self._runner.network, [pooled(text, end) for text in texts], self._runner.device)
        # SigLIP was trained on padded texts without a mask, so padding is part of what it reads.
        tokens = self._tokenizer(
            list(part), padding="max_length", truncation=True, max_length=self.words_limit, return_tensors="pt"
        )
        given = {
            name: tokens[name].to(self._runner.device) for name in ("input_ids", "attention_mask") if name in tokens
        }
        if self.model_type == "siglip":
            given.pop("attention_mask", None)
        return features(self._runner.network.get_text_features(**given))


def surely_short(text: str, limit: int) -> bool:
    """Whether it fits whatever its tokens are: none is shorter than a character of plain text, and three are added."""
    return text.isascii() and len(text) + 3 <= limit


def features(answer: Any) -> torch.Tensor:
    """transformers 5 answers an object whose `pooler_output` is the vector, earlier ones the vector itself."""
    vectors: torch.Tensor = getattr(answer, "pooler_output", answer)
    return vectors
