"""A prompt taken apart into slots (subject, action, setting, medium, style, light ...) and put together again."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

SLOTS = ("medium", "style", "light", "colour", "composition", "quality")
"""Slots that a phrase between commas may fill."""
PLACE = re.compile(
    r"\b(?:in|on|at|under|inside|beside|near|above|over|through|among|beneath|behind|beyond|across|between)\s+.+$",
    re.IGNORECASE,
)
ACTION = re.compile(r"\b(\w{2,}ing)\b(?!\s+(?:of|a\b|an\b))", re.IGNORECASE)
LONGEST_PHRASE = 160
MOST_KEPT = 230
"""Characters of the phrases of no slot: the encoders of most generators read no more than 77 tokens."""


@cache
def vocabulary() -> dict[str, Any]:
    """Words for each slot, groups of subjects that can stand for one another, and synonyms."""
    text = resources.files("palate.writers").joinpath("vocabulary.json").read_text("utf-8")
    words: dict[str, Any] = json.loads(text)
    return words


@cache
def _slot_of() -> dict[str, str]:
    words = vocabulary()
    return {term: slot for slot in SLOTS for term in words[slot]}


@dataclass(frozen=True, slots=True)
class Slots:
    """What a prompt says in each slot; "" where it says nothing. `rest` are phrases of no slot, kept as they are."""

    subject: str
    action: str = ""
    setting: str = ""
    medium: str = ""
    style: str = ""
    light: str = ""
    colour: str = ""
    composition: str = ""
    quality: str = ""
    rest: tuple[str, ...] = field(default=())

    def empty(self) -> list[str]:
        return [slot for slot in SLOTS if not getattr(self, slot)]

    def filled(self, **slots: Any) -> Slots:
        return replace(self, **slots)

    @property
    def head(self) -> str:
        """Who does what where."""
        return " ".join(part for part in (self.subject, self.action, self.setting) if part)

    def text(self, order: int = 0) -> str:
        """A prompt again, in one of three orders that painters' prompts have."""
        tail = [self.style, self.light, self.colour, self.composition, *self.rest, self.quality]
        if order == 1:
            parts = [self.head, self.medium, *tail]
        elif order == 2:
            parts = [self.composition, self.head, *self.rest, self.medium, self.style, self.colour, self.light]
            parts.append(self.quality)
        else:
            parts = [f"{self.medium} of {self.head}" if self.medium else self.head, *tail]
        return ", ".join(part for part in parts if part)


def parse(prompt: str) -> Slots:
    """A prompt's slots; what is not understood stays in the subject or the rest, as far as there is room."""
    plain = re.sub(r"https?:\S*|www\.\S*|[<>{}()\[\]`\\_*]", " ", prompt[:2000])
    phrases = [" ".join(part.split()).strip(". ") for part in re.split(r"[,;|\n]|\. ", plain) if part.strip(" .")]
    phrases = [" ".join(_plain(word) for word in phrase.split()) for phrase in phrases]
    found: dict[str, str] = {}
    rest: list[str] = []
    heads: list[str] = []
    for phrase in phrases:
        phrase = phrase[:LONGEST_PHRASE]
        slot = _slot_of().get(phrase.casefold())
        if slot and slot not in found:
            found[slot] = phrase
        elif not heads:
            heads.append(phrase)
        else:
            rest.append(phrase)
    while sum(map(len, rest)) > MOST_KEPT:
        rest.pop()
    head = heads[0] if heads else ""
    medium, head = _medium(head)
    if medium and "medium" not in found:
        found["medium"] = medium
    subject, action, setting = _who_does_what_where(head)
    if not subject:
        subject, found = next(((v, {k: w for k, w in found.items() if w != v}) for v in found.values()), ("", {}))
    return Slots(subject, action, setting, rest=tuple(rest[:12]), **found)


def _plain(word: str) -> str:
    """Without what no printed line may hold."""
    return "".join(letter for letter in word if letter.isprintable())


def _medium(head: str) -> tuple[str, str]:
    """("oil painting", "a cat") of "an oil painting of a cat"."""
    match = re.match(r"(?:an?\s+|the\s+)?(.{3,30}?)\s+of\s+(.+)$", head, re.IGNORECASE)
    if match and _slot_of().get(match[1].casefold()) == "medium":
        return match[1], match[2]
    return "", head


def _who_does_what_where(head: str) -> tuple[str, str, str]:
    place = PLACE.search(head)
    setting = place.group() if place and place.start() else ""
    head = head[: place.start()].rstrip() if setting and place else head
    doing = ACTION.search(head)
    if doing and doing.start():
        return head[: doing.start()].rstrip(), head[doing.start() :], setting
    return head, "", setting
