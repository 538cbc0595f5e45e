"""The offline writer of a hub that draws icons: a look, a thing, and what goes with it; no lights, no lenses."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from palate.writers.checking import fault, same
from palate.writers.variants import CATEGORIES, Brief, Category, Variant

ATTEMPTS = 60
LOOKS = (
    ("thin", "bold", "thick"),
    ("rounded", "sharp"),
    ("outline", "filled", "duotone", "flat", "pixel art", "hand-drawn", "3d"),
)
"""One of each row at most is said of an icon."""
BESIDE = ("a star", "a heart", "a plus", "a check", "an arrow", "a circle", "a dot", "a lock", "a clock", "a leaf")
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "grey", "black")
KINDS = ("icon", "emoji", "symbol")
WISHES = {
    "thinner": "thin",
    "lighter": "thin",
    "thicker": "bold",
    "bolder": "bold",
    "heavier": "bold",
    "rounder": "rounded",
    "softer": "rounded",
    "sharper": "sharp",
    "filled": "filled",
    "solid": "filled",
    "outlined": "outline",
    "flatter": "flat",
    "pixelated": "pixel art",
}
OPENING = re.compile(r"^(?:an?|the)\s+", re.IGNORECASE)
WHERE = re.compile(r"\s(with|in|on|under|over|by|near)\s", re.IGNORECASE)
OF = re.compile(r"\b(?:icon|emoji|symbol|pictogram|glyph)\b(?:\s+of\b)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Icon:
    """What a prompt says: looks in the order of `LOOKS`, the thing with its article, what stands beside it, colour."""

    thing: str
    looks: tuple[str, ...] = ()
    colour: str = ""
    beside: str = ""
    kind: str = "icon"

    def text(self, order: int = 0) -> str:
        look = " ".join((*self.looks, self.colour)).strip()
        thing = self.thing + (f" with {self.beside}" if self.beside else "")
        if order == 1:
            return f"{thing}, {look} {self.kind}" if look else f"{thing}, {self.kind}"
        if order == 2:
            return " ".join(f"{look} {self.kind} of {thing}".split())
        said = f"{look} {self.kind}".strip()
        return f"{'an' if said[0] in 'aeiou' else 'a'} {said} of {thing}"


def parse(prompt: str) -> Icon:
    """Whatever is not a look, a colour or a kind is the thing."""
    plain = " ".join(re.sub(r"[^\w\s'-]", " ", prompt[:400]).split())
    kind = next((kind for kind in KINDS if re.search(rf"\b{kind}\b", plain, re.IGNORECASE)), "icon")
    head = plain
    looks = []
    for row in LOOKS:
        for word in row:
            if re.search(rf"\b{word}\b", head, re.IGNORECASE):
                looks.append(word)
                head = re.sub(rf"\b{word}\b", " ", head, flags=re.IGNORECASE)
                break
    colour = next((word for word in COLOURS if re.search(rf"\b{word}\b", head, re.IGNORECASE)), "")
    if colour:
        head = re.sub(rf"\b{colour}\b", " ", head, count=1, flags=re.IGNORECASE)
    before, _, after = OF.sub("|", head).partition("|")
    thing = after.strip() or before.strip() or head.strip()
    if not after.strip():
        thing = OPENING.sub("", thing, count=1) if not before.strip() else thing
    thing, beside = " ".join(thing.split()) or "a thing", ""
    for each in BESIDE:
        if thing.casefold().endswith(f" with {each}"):
            thing, beside = thing[: -len(f" with {each}")], each
    return Icon(thing, tuple(looks), colour, beside, kind)


@dataclass(frozen=True)
class IconWriter:
    """`things` are what can be drawn, by category: a subject is changed for another of its category."""

    things: Mapping[str, tuple[str, ...]]
    name: str = field(default="offline", init=False)

    def write(self, brief: Brief) -> list[Variant]:
        rng = random.Random(f"{brief.seed}\n{brief.prompt}\n{brief.wish}")
        icon = wished(parse(brief.prompt), brief.wish)
        ways: dict[Category, Callable[[Icon, random.Random], str]] = {
            "rephrase": rephrased,
            "expansion": expanded,
            "style": restyled,
            "subject": self._other,
            "creative": self._imagined,
        }
        seen = {same(brief.prompt), *(same(text) for text in brief.shown)}
        variants: list[Variant] = []
        for category in CATEGORIES:
            made = 0
            for _ in range(ATTEMPTS * brief.each):
                if made == brief.each:
                    break
                text = " ".join(ways[category](icon, rng).split())
                if same(text) in seen or fault(text, category, brief):
                    continue
                seen.add(same(text))
                variants.append(Variant(text, category))
                made += 1
        return variants

    def _other(self, icon: Icon, rng: random.Random) -> str:
        """Another thing, of the same category where it is known; the look stays."""
        alike = [row for row in self.things.values() if any(_bare(each) in icon.thing for each in row)]
        every = [thing for row in (alike or self.things.values()) for thing in row]
        _, where, rest = WHERE.split(icon.thing, 1) if WHERE.search(icon.thing) else (icon.thing, "", "")
        if not alike and not where and rng.random() < 0.5:
            where, rest = "beside", icon.thing
        return replace(icon, thing=f"{rng.choice(every)} {where} {rest}".strip()).text(rng.randrange(2))

    def _imagined(self, icon: Icon, rng: random.Random) -> str:
        """Two things in one, or the thing in a look that nobody asked for."""
        if rng.random() < 0.5:
            other = rng.choice([thing for row in self.things.values() for thing in row if thing not in icon.thing])
            return replace(icon, thing=f"{icon.thing} and {other}", beside="").text(rng.randrange(2))
        looks = tuple(rng.choice(row) for row in LOOKS if rng.random() < 0.8)
        return replace(icon, looks=looks, colour=rng.choice(COLOURS), beside=rng.choice(BESIDE)).text(rng.randrange(2))


def wished(icon: Icon, wish: str) -> Icon:
    """Looks and colours that are wished for replace those of their kind; other words stand beside the thing."""
    words = " ".join(wish.split())[:100]
    for word in re.findall(r"[\w-]+", words.casefold()):
        look = WISHES.get(word, word)
        row = next((row for row in LOOKS if look in row), None)
        if row is not None:
            icon = replace(icon, looks=(*(each for each in icon.looks if each not in row), look))
        elif word in COLOURS:
            icon = replace(icon, colour=word)
        else:
            continue
        words = ""
    if words:
        icon = replace(icon, beside=re.sub(r"^(?:with|and|but)\s+", "", words.strip(" .,;")))
    return icon


def rephrased(icon: Icon, rng: random.Random) -> str:
    """The same in another order or by another name."""
    return replace(icon, kind=rng.choice(KINDS)).text(rng.randrange(3))


def expanded(icon: Icon, rng: random.Random) -> str:
    """One or two more things said of it."""
    said = set(icon.looks)
    missing = [row for row in LOOKS if not said & set(row)]
    more = tuple(rng.choice(row) for row in missing if rng.random() < 0.6)
    colour = icon.colour or (rng.choice(COLOURS) if rng.random() < 0.3 else "")
    beside = icon.beside or (rng.choice(BESIDE) if rng.random() < 0.4 else "")
    return replace(icon, looks=(*icon.looks, *more), colour=colour, beside=beside).text(rng.randrange(2))


def restyled(icon: Icon, rng: random.Random) -> str:
    """The same thing, drawn otherwise."""
    rows = rng.sample(range(len(LOOKS)), rng.randint(1, 3))
    looks = tuple(rng.choice(LOOKS[row]) for row in sorted(rows))
    colour = rng.choice(COLOURS) if rng.random() < 0.3 else ""
    return replace(icon, looks=looks, colour=colour).text(rng.randrange(2))


def _bare(thing: str) -> str:
    return OPENING.sub("", thing, count=1)
