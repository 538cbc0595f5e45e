"""The instruction that a history is put in: text and pictures interleaved, the same for every Janus.

Full-size (Janus-Pro's own marks):

    <bos><|User|>: INSTRUCTION
    {words} <begin_of_image>{places}<end_of_image>      once an item, the oldest first
    <|Assistant|>:<begin_of_image>

Pocket (its marks, and no sentences, which its vocabulary of captions has no words for):

    <bos><|user|> {words} <begin_of_image>{places}<end_of_image> ... <|assistant|><begin_of_image>

The codes of the new picture follow the last mark. Where an item has no words, its picture stands alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

INSTRUCTION = "These are things that I liked, the oldest first. Draw the next one that I would like."
LONGEST_WORDS = 80
"""Characters of an item's words that are read."""
MARK = re.compile(r"<[^<>\s]{1,40}>|[<>｜|]")
"""What could end a turn or begin a picture: an item's words are words, whatever somebody wrote into them."""


@dataclass(frozen=True, slots=True)
class Wording:
    """What stands around the items; `place` is written once for each vector of a picture."""

    opening: str
    between: str
    closing: str
    begin: str
    end: str
    place: str

    def text(self, items: Sequence[str], places: int) -> str:
        """The whole prefix for items of these words, up to and with the mark that begins the new picture."""
        picture = f"{self.begin}{self.place * places}{self.end}"
        told = self.between.join(f"{said} {picture}" if (said := plain(words)) else picture for words in items)
        gap = " " if items and plain(items[0]) and not self.opening.endswith("\n") else ""
        return f"{self.opening}{gap}{told}{self.closing}{self.begin}"


def plain(words: str) -> str:
    """An item's words on one line, without anything that reads like a mark."""
    return " ".join(MARK.sub(" ", words).split())[:LONGEST_WORDS].strip()


def wording_of(tokenizer: Any) -> Wording:
    """By the marks that a tokenizer has: the pocket's names its own, any other has Janus-Pro's."""
    begin = getattr(tokenizer, "boi_token", None) or "<begin_of_image>"
    end = getattr(tokenizer, "eoi_token", None) or "<end_of_image>"
    place = getattr(tokenizer, "image_token", None) or "<image_placeholder>"
    person = getattr(tokenizer, "person_token", None)
    assistant = getattr(tokenizer, "assistant_token", None)
    if person and assistant:
        return Wording(person, " ", assistant, begin, end, place)
    return Wording(f"<|User|>: {INSTRUCTION}\n", "\n", "\n\n<|Assistant|>:", begin, end, place)
