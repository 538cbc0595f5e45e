"""What a language model says is kept sentence by sentence, where it rests on what was found; the rest is dropped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from palate.converse.state import Claim
from palate.safety.paths import shown
from palate.writers.checking import FOREIGN, content_words

LONGEST_SENTENCE = 300
MOST_SENTENCES = 8
SUPPORTED = 0.5
"""Least share of a sentence's own words that are in the facts it names."""
ADDRESS = re.compile(
    r"(?:https?|ftp|file|data|javascript):\S*|\bwww\.\S+"
    r"|\b[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|example|dev|ru|cn|xyz)\b\S*",
    re.IGNORECASE,
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_EVERYDAY = content_words(
    "you your yours number best good better fits fit here because since also very well great nice try would could "
    "might should like likes want wanted this these those there what when where how why one two first second "
    "third most more less than then them they its our can may will just only both each other another same such "
    "about over after before choice choose suggest recommend look looks draw draws drawn picture pictures model "
    "models style words reason found show shows shown kept next now done sure please answer seems rests worth"
)


def harmless(text: str, longest: int = 120) -> str:
    """A stranger's words as one short line: no addresses, nothing invisible."""
    return ADDRESS.sub("[address]", " ".join(shown(text).split()))[:longest]


def quoting(text: str, *strangers: str, grounds: tuple[str, ...]) -> Claim:
    """A sentence with strangers' words where its first {} stand."""
    quotes = tuple(harmless(words) for words in strangers)
    parts = text.split("{}", len(quotes))
    whole = parts[0] + "".join(quote + part for quote, part in zip(quotes, parts[1:], strict=True))
    return Claim(whole, grounds, tuple(quote for quote in quotes if quote))


def hidden(claims: Sequence[Claim]) -> tuple[list[str], dict[str, str]]:
    """The sentences with a word such as NameA for each stranger's words, and what each stands for."""
    quotes = sorted({quote for claim in claims for quote in claim.quotes}, key=lambda quote: (-len(quote), quote))
    stands_for = {f"Name{_letters(number)}": quote for number, quote in enumerate(quotes)}
    texts = []
    for claim in claims:
        text = claim.text
        for name, quote in stands_for.items():
            text = text.replace(quote, name) if quote in claim.quotes else text
        texts.append(text)
    return texts, stands_for


def _letters(number: int) -> str:
    return chr(65 + number % 26) if number < 26 else _letters(number // 26 - 1) + chr(65 + number % 26)


def revealed(text: str, stands_for: Mapping[str, str]) -> str:
    """With what the names stand for in their places again."""
    return re.sub(r"\bName[A-Z]+\b", lambda name: stands_for.get(name[0], name[0]), text)


def supported(text: str, facts: Sequence[str], names: Iterable[str] = ()) -> bool:
    """Whether a sentence says no number and no name that its facts do not, and mostly their words.

    That is necessary for being true and not enough: a sentence that turns a fact round with the fact's own words
    passes. It catches what is made up.
    """
    if not 3 <= len(text) <= LONGEST_SENTENCE or FOREIGN.search(text) or ADDRESS.search(text):
        return False
    known = " ".join(facts)
    if not set(NUMBER.findall(text)) <= set(NUMBER.findall(known)):
        return False
    lower, there = text.lower(), known.lower()
    for name in names:
        if len(name) > 2 and re.search(rf"\b{re.escape(name.lower())}\b", lower) and name.lower() not in there:
            return False
    own = content_words(text) - _EVERYDAY
    return not own or len(own & content_words(known)) / len(own) >= SUPPORTED


def groundedness(claims: Sequence[str], facts: Sequence[Sequence[str]]) -> float:
    """The share of sentences that their facts support; 1 where nothing was said."""
    if not claims:
        return 1.0
    return sum(bool(own) and supported(text, own) for text, own in zip(claims, facts, strict=True)) / len(claims)


def kept(sentences: object, facts: Mapping[str, Claim], names: Iterable[str]) -> tuple[list[Claim], int]:
    """The sentences that name facts which support them, with those facts' grounds; and how many were dropped."""
    if not isinstance(sentences, list):
        return [], 0
    names, used, dropped = list(names), [], 0
    for row in sentences[:MOST_SENTENCES]:
        text, named = _row(row)
        own = [facts[id] for id in named if id in facts]
        text = " ".join(text.split())
        if own and len(own) == len(named) and supported(text, [fact.text for fact in own], names):
            grounds = tuple(dict.fromkeys(ground for fact in own for ground in fact.rests_on))
            used.append(Claim(text, grounds))
        else:
            dropped += 1
    return used, dropped + max(0, len(sentences) - MOST_SENTENCES)


def _row(row: object) -> tuple[str, list[str]]:
    if isinstance(row, dict) and isinstance(row.get("text"), str) and isinstance(row.get("rests_on"), list):
        text, named = row["text"], row["rests_on"]
        if text.isprintable() and all(isinstance(id, str) for id in named):
            return text, named
    return "", []
