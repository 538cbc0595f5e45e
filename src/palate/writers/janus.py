"""Captions by a Janus of any size; the pocket Janus is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from palate.encoders.places import read_config
from palate.quiet import quietly
from palate.writers.lines import clean

QUESTION = "What is this? Answer in one sentence of at most 25 words: what is on it, its style, its light."
"""For networks that understand questions; the pocket's chat template knows one of its own."""
MOST_TOKENS = 40
BATCH = 8


class JanusCaptioner:
    """A local JanusForConditionalGeneration; the likeliest words, so that a picture's caption repeats."""

    def __init__(self, name: str, folder: Path, *, device: str | None = None) -> None:
        from palate.encoders.running import best_device

        with quietly():
            from transformers import (
                AutoTokenizer,
                JanusForConditionalGeneration,
                JanusImageProcessorPil,
                JanusProcessor,
            )

            safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            words = AutoTokenizer.from_pretrained(folder, **safely)
            places = read_config(folder, "processor_config.json").get("num_image_tokens", 576)
            self._processor = JanusProcessor(
                JanusImageProcessorPil.from_pretrained(folder, local_files_only=True),
                words,
                chat_template=words.chat_template,
                num_image_tokens=int(places),
            )
            network = JanusForConditionalGeneration.from_pretrained(folder, use_safetensors=True, **safely)
        self.name = name
        self.skipped: Mapping[int, str] = {}
        self._device = device or best_device()
        self._network = network.float().eval().requires_grad_(False).to(self._device)

    def caption(self, pictures: Sequence[Image.Image]) -> list[str]:
        import torch

        turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}]
        captions: list[str] = []
        with torch.inference_mode(), quietly():
            asked = self._processor.apply_chat_template(turn, add_generation_prompt=True)
            for start in range(0, len(pictures), BATCH):
                part = [picture.convert("RGB") for picture in pictures[start : start + BATCH]]
                given = self._processor(text=[asked] * len(part), images=part, return_tensors="pt").to(self._device)
                tokens = self._network.generate(
                    **given, generation_mode="text", max_new_tokens=MOST_TOKENS, do_sample=False
                )
                said = tokens[:, given["input_ids"].shape[1] :]
                captions += [clean(text) for text in self._processor.batch_decode(said, skip_special_tokens=True)]
        self.skipped = {place: "it said nothing" for place, text in enumerate(captions) if not text}
        return captions
