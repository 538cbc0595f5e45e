"""Candidates by a language model: any server that speaks OpenAI's chat, or a network on this machine."""

from __future__ import annotations

from collections.abc import Mapping

from palate.writers.asking import answered, asked
from palate.writers.icons import IconWriter
from palate.writers.offline import OfflineWriter
from palate.writers.speaking import ChatSpeaker, LocalSpeaker, Manner, open_speaker
from palate.writers.variants import Brief, PromptWriter

FREELY = Manner(seconds=25.0, most_tokens=2400, temperature=0.9, largest=512 * 1024)
"""25 candidates are long, and they are to differ."""


def offline_writer(things: Mapping[str, tuple[str, ...]]) -> PromptWriter:
    """The grammar that fits what a home draws: icons where `things` are given, by category, else any picture."""
    return IconWriter(things) if things else OfflineWriter()


def open_writer(
    name: str, *, device: str | None = None, key: str | None = None, offline: PromptWriter | None = None
) -> PromptWriter:
    """`offline`, a hub id or folder of a causal language model, or a server and its model: `http://localhost:11434#qwen3`."""
    speaker = open_speaker(name, device=device, key=key, manner=FREELY)
    return (offline or OfflineWriter()) if speaker is None else SpokenWriter(speaker)


class SpokenWriter:
    """It gets no tools, and one conversation's own words; half an answer is no answer."""

    def __init__(self, speaker: ChatSpeaker | LocalSpeaker) -> None:
        self.name = speaker.name
        self._speaker = speaker

    def write(self, brief: Brief) -> object:
        return answered(self._speaker.answer(asked(brief), seed=brief.seed))
