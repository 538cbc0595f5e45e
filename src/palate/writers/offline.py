"""The writer that needs nothing: a grammar over slots, with a vocabulary of words that people's prompts are made of."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from palate.writers.checking import fault, same
from palate.writers.slots import SLOTS, Slots, parse, vocabulary
from palate.writers.variants import CATEGORIES, LONGEST, Brief, Category, Variant

ATTEMPTS = 60
"""For each candidate, before a category is given up."""


class OfflineWriter:
    """Equal briefs give equal candidates."""

    name = "offline"

    def write(self, brief: Brief) -> list[Variant]:
        rng = random.Random(f"{brief.seed}\n{brief.prompt}\n{brief.wish}")
        slots = wished(parse(brief.prompt), brief.wish)
        seen = {same(brief.prompt), *(same(text) for text in brief.shown)}
        variants: list[Variant] = []
        for category in CATEGORIES:
            made = 0
            for _ in range(ATTEMPTS * brief.each):
                if made == brief.each:
                    break
                text = WAYS[category](slots, rng)[:LONGEST].strip(" ,")
                if same(text) in seen or fault(text, category, brief):
                    continue
                seen.add(same(text))
                variants.append(Variant(text, category))
                made += 1
        return variants


def wished(slots: Slots, wish: str) -> Slots:
    """With what the person wrote beside the prompt; words such as "darker" become what a painter would be told."""
    wish = " ".join(wish.split())[:200]
    if not wish:
        return slots
    known: dict[str, str] = vocabulary()["wishes"]
    said = [known[word] for word in re.findall(r"\w+", wish.casefold()) if word in known]
    return slots.filled(rest=(*(said or [wish.strip(" .,;")]), *slots.rest))


def rephrased(slots: Slots, rng: random.Random) -> str:
    """The same in other words or in another order."""
    text = slots.text(rng.randrange(3))
    for group in vocabulary()["synonyms"]:
        for word in group:
            if _says(text, word) and rng.random() < 0.7:
                other = rng.choice([each for each in group if each != word])
                text = re.sub(rf"\b{re.escape(word)}\b", other, text, count=1, flags=re.IGNORECASE)
                break
    ways = (
        "{}",
        "{}, seen anew",
        "a view of {}",
        "a scene with {}",
        "{}, as it might be",
        "a picture of {}",
        "{}, as imagined",
    )
    return _article(rng.choice(ways).format(text))


def expanded(slots: Slots, rng: random.Random) -> str:
    """The same with one to three more things said of it."""
    words = vocabulary()
    missing = [slot for slot in slots.empty() if slot != "medium"] or ["quality"]
    filled = {slot: rng.choice(words[slot]) for slot in rng.sample(missing, min(len(missing), rng.randint(1, 3)))}
    if not slots.setting and rng.random() < 0.4:
        filled["setting"] = rng.choice(words["place"])
    more = slots.filled(**filled)
    if more == slots:
        more = slots.filled(rest=(*slots.rest, rng.choice(words["quality"])))
    return more.text(rng.randrange(2))


def restyled(slots: Slots, rng: random.Random) -> str:
    """The same thing in another medium, style, light or colour."""
    words = vocabulary()
    changed: dict[str, str] = {slot: rng.choice(words[slot]) for slot in rng.sample(SLOTS[:4], rng.randint(1, 3))}
    if not {"medium", "style"} & set(changed):
        changed["style"] = rng.choice(words["style"])
    return slots.filled(**changed).text(rng.randrange(2))


def other_subject(slots: Slots, rng: random.Random) -> str:
    """Another of the subject's kind, or the subject elsewhere or doing something else; the manner stays."""
    words = vocabulary()
    swapped = _swapped(slots.subject, rng)
    ways: list[Slots] = [
        slots.filled(setting=rng.choice(words["place"])),
        slots.filled(action=rng.choice(words["action"])),
    ]
    if swapped:
        ways += [slots.filled(subject=swapped)] * 3
    return _article(rng.choice(ways).text())


def _swapped(subject: str, rng: random.Random) -> str:
    for group in vocabulary()["groups"]:
        for word in group:
            if _says(subject, word):
                other = rng.choice([each for each in group if each != word])
                return re.sub(rf"\b{re.escape(word)}\b", other, subject, count=1, flags=re.IGNORECASE)
    return ""


def imagined(slots: Slots, rng: random.Random) -> str:
    """What nobody asked for: of another matter, or somewhere it cannot be."""
    words = vocabulary()
    bare = slots.filled(rest=slots.rest[:1])
    if rng.random() < 0.4:
        return bare.filled(subject=f"{slots.subject} made of {rng.choice(words['material'])}").text()
    return bare.filled(setting="", action="", rest=(rng.choice(words["twist"]), *bare.rest)).text()


def _says(text: str, word: str) -> bool:
    return word in text.casefold() and re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) is not None


def _article(text: str) -> str:
    """ "an owl", not "a owl"."""
    text = re.sub(r"\b([Aa]) (?=[aeiou])(?!one\b|uni|use|eu)", r"\1n ", text)
    return re.sub(r"\b([Aa])n (?=[^aeiouhAEIOUH\W])", r"\1 ", text)


WAYS: dict[Category, Callable[[Slots, random.Random], str]] = {
    "rephrase": rephrased,
    "expansion": expanded,
    "style": restyled,
    "subject": other_subject,
    "creative": imagined,
}
