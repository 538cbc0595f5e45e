"""Pictures into words: a BLIP or a Janus, any server that speaks OpenAI's chat with pictures, or words given."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from palate.encoders.places import find_folder, read_config, require_sound
from palate.errors import PalateError
from palate.generators.endpoints import Endpoint, message_in
from palate.quiet import quietly
from palate.writers.lines import LONGEST_CAPTION, clean
from palate.writers.protocol import Captioner

__all__ = ["LONGEST_CAPTION", "BlipCaptioner", "ChatCaptioner", "GivenCaptions", "clean", "open_captioner"]

MOST_TOKENS = 40
BATCH = 8
ANSWER_SECONDS = 60.0
LARGEST_REPLY = 1024 * 1024
LARGEST_SIDE = 768
"""Pixels: what a vision model sees of a larger picture is no more."""
ASKED = (
    "Describe this picture in one sentence of at most 25 words, as somebody would ask a painter for it: what is on it, "
    "its style, its light. Answer with the sentence only."
)
REFUSALS = ("i'm sorry", "sorry,", "i cannot", "i can't", "i am unable", "i'm unable", "as an ai")


def open_captioner(name: str, *, device: str | None = None, key: str | None = None) -> Captioner:
    """By hub id or folder of a BLIP or a Janus, `pocket`, or by the address and model of a server: `http://localhost:11434#llava`."""
    if name in ("", "none"):
        raise PalateError(
            "no_captioner",
            "no captioner is set, so pictures have no words",
            hint="give the words with --caption, or `palate config set captioner NAME`",
        )
    address = name.removeprefix("openai+")
    if address.startswith(("http://", "https://")):
        place, _, model = address.partition("#")
        if not model:
            hint = f"write {place[:100]}#MODEL"
            raise PalateError("no_captioner", "which of the server's models is meant?", about=name[:200], hint=hint)
        return ChatCaptioner(place, model, key=key)
    folder = find_folder(name, kind="janus")
    kind = read_config(folder, "config.json").get("model_type")
    if kind not in ("blip", "janus"):
        raise PalateError("unknown_network", f"a captioner's model_type is blip or janus, not {kind!r}", about=name)
    require_sound(folder, name)
    if kind == "janus":
        from palate.writers.janus import JanusCaptioner

        return JanusCaptioner(name, folder, device=device)
    return BlipCaptioner(name, folder, device=device)


class GivenCaptions:
    """The words are given: one line for all pictures, or one for each."""

    name = "given"

    def __init__(self, captions: str | Sequence[str]) -> None:
        self._captions = captions if isinstance(captions, str) else [clean(caption) for caption in captions]
        self.skipped: Mapping[int, str] = {}

    def caption(self, pictures: Sequence[Image.Image]) -> list[str]:
        if isinstance(self._captions, str):
            return [clean(self._captions)] * len(pictures)
        if len(self._captions) != len(pictures):
            raise PalateError("captions_unequal", f"{len(self._captions)} captions for {len(pictures)} pictures")
        return list(self._captions)


class BlipCaptioner:
    """A local BlipForConditionalGeneration; the likeliest words, so that a picture's caption repeats."""

    def __init__(self, name: str, folder: Path, *, device: str | None = None) -> None:
        from palate.encoders.running import best_device

        with quietly():
            from transformers import AutoTokenizer, BlipForConditionalGeneration, BlipImageProcessorPil

            safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self._pixels = BlipImageProcessorPil.from_pretrained(folder, local_files_only=True)
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
            network = BlipForConditionalGeneration.from_pretrained(folder, use_safetensors=True, **safely)
        self.name = name
        self.skipped: Mapping[int, str] = {}
        self._device = device or best_device()
        self._network = network.eval().requires_grad_(False).to(self._device)

    def caption(self, pictures: Sequence[Image.Image]) -> list[str]:
        import torch

        captions: list[str] = []
        with torch.inference_mode(), quietly():
            for start in range(0, len(pictures), BATCH):
                part = [picture.convert("RGB") for picture in pictures[start : start + BATCH]]
                pixels = self._pixels(part, return_tensors="pt")["pixel_values"].to(self._device)
                tokens = self._network.generate(
                    pixel_values=pixels, max_new_tokens=MOST_TOKENS, num_beams=1, do_sample=False
                )
                captions += [clean(text) for text in self._tokenizer.batch_decode(tokens, skip_special_tokens=True)]
        self.skipped = {place: "it said nothing" for place, text in enumerate(captions) if not text}
        return captions


class ChatCaptioner:
    """A vision-language model behind an OpenAI-compatible address; what it says is data, never an instruction."""

    def __init__(self, address: str, model: str, *, key: str | None = None, seconds: float = ANSWER_SECONDS) -> None:
        self.name = f"{model} at {address}"
        self.skipped: Mapping[int, str] = {}
        self._model = model
        plain = address.rstrip("/").removesuffix("/v1")
        self._endpoint = Endpoint(model, plain, key=key, seconds=seconds, largest=LARGEST_REPLY)

    def caption(self, pictures: Sequence[Image.Image]) -> list[str]:
        """After two failures in a row the rest is not asked for: a dead server costs two time limits, no more."""
        captions: list[str] = []
        skipped: dict[int, str] = {}
        with self._endpoint:
            for place, picture in enumerate(pictures):
                text, reason = "", skipped.get(place - 1)
                if not (place >= 2 and reason and place - 2 in skipped):
                    text, reason = self._one(picture)
                if not text:
                    skipped[place] = reason or "it said nothing"
                captions.append(text)
        self.skipped = skipped
        return captions

    def _one(self, picture: Image.Image) -> tuple[str, str | None]:
        """(caption, None), or ("", why there is none)."""
        try:
            said = shown_and_asked(self._endpoint, self._model, [picture], ASKED, tokens=4 * MOST_TOKENS)
        except PalateError as error:
            return "", error.message
        text = clean(said)
        if text.lower().replace("’", "'").startswith(REFUSALS):
            return "", f"it refused: {text[:80]}"
        return text, None


def shown_and_asked(endpoint: Endpoint, model: str, pictures: Sequence[Image.Image], words: str, *, tokens: int) -> str:
    """What a vision-language model answers to words with pictures after them, in so many tokens, always the same."""
    shown = [{"type": "image_url", "image_url": {"url": data_address(picture)}} for picture in pictures]
    body = {
        "model": model,
        "messages": [{"role": "user", "content": [{"type": "text", "text": words}, *shown]}],
        "max_tokens": tokens,
        "temperature": 0,
    }
    answer = endpoint.post_json("/v1/chat/completions", body)
    if said := message_in(answer):
        raise PalateError("not_answered", said)
    return content_of(answer)


def content_of(answer: object) -> str:
    """The words of a chat completion in either of its forms; "" where there are none."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    message = first.get("message") if isinstance(first, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        content = " ".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def data_address(picture: Image.Image) -> str:
    """The picture itself as a data: address, no larger than a vision model sees."""
    small = picture.convert("RGB")
    small.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    target = io.BytesIO()
    small.save(target, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(target.getvalue()).decode()
