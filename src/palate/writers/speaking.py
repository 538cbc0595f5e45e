"""A language model that is asked in words and answers in words: any OpenAI-compatible server, or a local network."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

from palate.encoders.places import find_folder, require_sound
from palate.errors import PalateError
from palate.generators.endpoints import Endpoint, message_in
from palate.quiet import quietly
from palate.writers.captioners import content_of

LONGEST_ANSWER = 20_000
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Manner:
    """How long, how much and how freely a language model answers: the likeliest words at a temperature of 0."""

    seconds: float = 20.0
    most_tokens: int = 800
    temperature: float = 0.0
    largest: int = 256 * 1024
    """Bytes of a server's reply."""


PLAIN = Manner()


@runtime_checkable
class Speaker(Protocol):
    """What it says is data, whatever it says. A failure is a PalateError."""

    @property
    def name(self) -> str: ...

    def answer(self, asked: str) -> str: ...


def open_speaker(
    name: str, *, device: str | None = None, key: str | None = None, manner: Manner = PLAIN
) -> ChatSpeaker | LocalSpeaker | None:
    """By the setting `writer`: None for `offline`, else a server and its model, a folder or a hub id."""
    if name in ("", "offline"):
        return None
    address = name.removeprefix("openai+")
    if address.startswith(("http://", "https://")):
        place, _, model = address.partition("#")
        if not model:
            hint = f"write {place[:100]}#MODEL"
            raise PalateError("no_writer", "which of the server's models is meant?", about=name[:200], hint=hint)
        return ChatSpeaker(place, model, key=key, manner=manner)
    folder = find_folder(name, kind="janus")
    require_sound(folder, name)
    return LocalSpeaker(name, folder, device=device, manner=manner)


class ChatSpeaker:
    """A language model behind an OpenAI-compatible address. It is sent words alone: no tools, no files."""

    def __init__(self, address: str, model: str, *, key: str | None = None, manner: Manner = PLAIN) -> None:
        self.name = f"{model} at {address}"
        self._model, self._manner = model, manner
        plain = address.rstrip("/").removesuffix("/v1")
        self._endpoint = Endpoint(model, plain, key=key, seconds=manner.seconds, largest=manner.largest)

    def answer(self, asked: str, *, seed: int = 0) -> str:
        body = {
            "model": self._model,
            "messages": [{"role": "user", "content": asked}],
            "max_tokens": self._manner.most_tokens,
            "temperature": self._manner.temperature,
            "seed": seed,
        }
        with self._endpoint:
            answer = self._endpoint.post_json("/v1/chat/completions", body)
        if said := message_in(answer):
            raise PalateError("writer_failed", said)
        return content_of(answer)


class LocalSpeaker:
    """A causal language model in a folder; it stops when its time is over."""

    def __init__(self, name: str, folder: Path, *, device: str | None = None, manner: Manner = PLAIN) -> None:
        from palate.encoders.running import best_device

        with quietly():
            from transformers import AutoModelForCausalLM, AutoTokenizer

            safely: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
            self.tokenizer = AutoTokenizer.from_pretrained(folder, **safely)
            network = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, **safely)
        self.name = name
        self.device = device or best_device()
        self.network = network.eval().requires_grad_(False).to(self.device)
        self._manner = manner

    def answer(self, asked: str, *, seed: int = 0) -> str:
        import torch

        warm = self._manner.temperature > 0
        freely: dict[str, Any] = {"do_sample": warm} | ({"temperature": self._manner.temperature} if warm else {})
        with torch.inference_mode(), quietly():
            tokens = self._tokens(asked).to(self.device)
            room = int(getattr(self.network.config, "max_position_embeddings", 4096)) - tokens.shape[1]
            if room < 1:
                raise PalateError("writer_failed", "the network reads fewer words than it is asked")
            if warm:
                torch.manual_seed(seed)
            made = self.network.generate(
                tokens,
                attention_mask=torch.ones_like(tokens),
                max_new_tokens=min(self._manner.most_tokens, room),
                max_time=self._manner.seconds,
                pad_token_id=self.tokenizer.eos_token_id or 0,
                **freely,
            )
        return str(self.tokenizer.decode(made[0, tokens.shape[1] :], skip_special_tokens=True))

    def _tokens(self, text: str) -> Any:
        if self.tokenizer.chat_template:
            turns = [{"role": "user", "content": text}]
            return self.tokenizer.apply_chat_template(
                turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
            )["input_ids"]
        return self.tokenizer(text, return_tensors="pt")["input_ids"]


def in_time(ask: Callable[[], Made], seconds: float) -> Made:
    """What `ask` answers; whatever it raises, and not answering in time, is one PalateError. One that hangs is left."""
    answers: list[Made] = []
    errors: list[str] = []

    def run() -> None:
        try:
            answers.append(ask())
        except PalateError as error:
            errors.append(error.message)
        except Exception as error:  # a stranger's code may raise anything, and the talk goes on
            errors.append(f"the language model failed: {type(error).__name__}")

    worker = threading.Thread(target=run, name="speaker", daemon=True)
    worker.start()
    worker.join(seconds)
    if answers:
        return answers[0]
    raise PalateError("writer_failed", errors[0] if errors else f"no answer within {seconds:.0f} s")


def object_in(text: str) -> dict[str, Any]:
    """The first JSON object in an answer, also where it stands in a fence."""
    start = text.find("{")
    if len(text) > LONGEST_ANSWER or start < 0:
        raise PalateError("writer_failed", "the language model's answer is no JSON object")
    try:
        found, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        raise PalateError("writer_failed", "the language model's answer is no JSON object") from None
    if not isinstance(found, dict):
        raise PalateError("writer_failed", "the language model's answer is no JSON object")
    return found
