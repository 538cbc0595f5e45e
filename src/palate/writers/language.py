"""Candidates by a language model: any server that speaks OpenAI's chat, or a network on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from palate.encoders.places import find_folder, require_sound
from palate.errors import PalateError
from palate.generators.endpoints import Endpoint, message_in
from palate.quiet import quietly
from palate.writers.asking import answered, asked
from palate.writers.captioners import content_of
from palate.writers.icons import IconWriter
from palate.writers.offline import OfflineWriter
from palate.writers.variants import Brief, PromptWriter

ANSWER_SECONDS = 25.0
MOST_TOKENS = 2400
LARGEST_REPLY = 512 * 1024


def offline_writer(things: Mapping[str, tuple[str, ...]]) -> PromptWriter:
    """The grammar that fits what a home draws: icons where `things` are given, by category, else any picture."""
    return IconWriter(things) if things else OfflineWriter()


def open_writer(
    name: str, *, device: str | None = None, key: str | None = None, offline: PromptWriter | None = None
) -> PromptWriter:
    """`offline`, a hub id or folder of a causal language model, or a server and its model: `http://localhost:11434#qwen3`."""
    if name in ("", "offline"):
        return offline or OfflineWriter()
    address = name.removeprefix("openai+")
    if address.startswith(("http://", "https://")):
        place, _, model = address.partition("#")
        if not model:
            hint = f"write {place[:100]}#MODEL"
            raise PalateError("no_writer", "which of the server's models is meant?", about=name[:200], hint=hint)
        return ChatWriter(place, model, key=key)
    folder = find_folder(name, kind="janus")
    require_sound(folder, name)
    return LocalWriter(name, folder, device=device)


class ChatWriter:
    """A language model behind an OpenAI-compatible address. It gets no tools, and one conversation's own words."""

    def __init__(self, address: str, model: str, *, key: str | None = None, seconds: float = ANSWER_SECONDS) -> None:
        self.name = f"{model} at {address}"
        self._model = model
        plain = address.rstrip("/").removesuffix("/v1")
        self._endpoint = Endpoint(model, plain, key=key, seconds=seconds, largest=LARGEST_REPLY)

    def write(self, brief: Brief) -> object:
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": asked(brief)}],
            "max_tokens": MOST_TOKENS,
            "temperature": 0.9,
            "seed": brief.seed,
        }
        with self._endpoint:
            answer = self._endpoint.post_json("/v1/chat/completions", body)
        if said := message_in(answer):
            raise PalateError("writer_failed", said)
        return answered(content_of(answer))


class LocalWriter:
    """A causal language model in a folder; it stops when its time is over, and half an answer is no answer."""

    def __init__(self, name: str, folder: Path, *, device: str | None = None, seconds: float = ANSWER_SECONDS) -> None:
        from palate.encoders.running import best_device

        with quietly():
            from transformers import AutoModelForCausalLM, AutoTokenizer

            safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self._tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
            network = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **safely)
        self.name = name
        self._seconds = seconds
        self._device = device or best_device()
        self._network = network.eval().requires_grad_(False).to(self._device)

    def write(self, brief: Brief) -> object:
        import torch

        with torch.inference_mode(), quietly():
            tokens = self._tokens(asked(brief)).to(self._device)
            room = int(getattr(self._network.config, "max_position_embeddings", 4096)) - tokens.shape[1]
            if room < 1:
                raise PalateError("writer_failed", "the network reads fewer words than it is asked")
            torch.manual_seed(brief.seed)
            made = self._network.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=min(MOST_TOKENS, room),
                max_time=self._seconds,
                do_sample=True,
                temperature=0.9,
                pad_token_id=self._tokenizer.eos_token_id or 0,
            )
        return answered(self._tokenizer.decode(made[0, tokens.shape[1] :], skip_special_tokens=True))

    def _tokens(self, text: str) -> Any:
        if self._tokenizer.chat_template:
            turns = [{"role": "user", "content": text}]
            return self._tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )["input_ids"]
        return self._tokenizer(text, return_tensors="pt")["input_ids"]
