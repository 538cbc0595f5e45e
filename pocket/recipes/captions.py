"""Words for pictures: what is shown (names, other names, categories) and how it is drawn (outline, filled, pixel, ...).

`canonical` is the caption that evaluations use; `varied` draws training captions around it. A set's title is never in a
canonical caption, so that retrieval has to look at the drawing.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter, defaultdict
from typing import Any

Row = dict[str, Any]

FAMILIES = {
    "material": ("ic", "material-symbols", "material-symbols-light", "mdi"),
    "boxicons": ("boxicons", "bx", "bxs"),
    "icon-park": ("icon-park", "icon-park-outline", "icon-park-solid", "icon-park-twotone"),
    "noto": ("noto", "noto-v1"),
    "fluent-emoji": ("fluent-emoji", "fluent-emoji-flat", "fluent-emoji-high-contrast"),
    "fluent": ("fluent", "fluent-color", "fluent-mdl2"),
    "ion": ("ion", "famicons"),
    "lucide": ("lucide", "lucide-lab"),
    "glyphs": ("glyphs", "glyphs-poly"),
    "myna": ("mynaui", "vadivam"),
    "maps": ("pinhead", "temaki"),
    "bootstrap": ("bi", "oui"),
}
"""Sets that redraw or copy each other: a held-out picture is held out of its whole family."""
FAMILY_OF = {name: family for family, names in FAMILIES.items() for name in names}

MEDIUM = {
    "pixelarticons": ("pixel art", "icon"),
    "memory": ("pixel art", "icon"),
    "dinkie-icons": ("pixel art", "icon"),
    "noto": ("shaded", "emoji"),
    "noto-v1": ("blob", "emoji"),
    "fluent-emoji": ("3d glossy", "emoji"),
    "fluent-emoji-flat": ("flat", "emoji"),
    "fluent-emoji-high-contrast": ("black", "emoji"),
    "fxemoji": ("cartoon", "emoji"),
    "circle-flags": ("round", "flag"),
    "flag": ("rectangular", "flag"),
    "flat-color-icons": ("flat colour", "icon"),
    "fluent-color": ("gradient colour", "icon"),
    "glyphs-poly": ("polygon colour", "icon"),
    "icon-park": ("two colour outline", "icon"),
    "marketeq": ("two colour line", "icon"),
    "meteocons": ("colour weather", "icon"),
}
"""What a set's drawings are, where their source cannot tell: (look, kind)."""

LOOK_WORDS = {
    "outline": "outline",
    "outlined": "outline",
    "line": "outline",
    "linear": "outline",
    "filled": "filled",
    "fill": "filled",
    "solid": "filled",
    "duotone": "duotone",
    "duo": "duotone",
    "twotone": "duotone",
    "tone": "duotone",
    "sharp": "sharp",
    "rounded": "rounded",
    "round": "rounded",
    "thin": "thin",
    "light": "thin",
    "bold": "bold",
}
TRAILING = {
    "outline",
    "outlined",
    "line",
    "linear",
    "filled",
    "fill",
    "solid",
    "duotone",
    "twotone",
    "sharp",
    "rounded",
}
"""Look words that are not part of what is shown when they end a name (`round` and `light` often are)."""
DEEP_ENOUGH = 0.12
"""Share of ink deeper than 3 pixels from which a drawing counts as filled; outlines measure below 0.05."""


def words_of(name: str) -> list[str]:
    """`cloudRain-2` -> cloud, rain, 2."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()
    return [word for word in re.split(r"[^a-z0-9]+", spaced) if word]


def shown(row: Row) -> list[str]:
    """The words for what is shown: the name without look words at its end, without a lone trailing number."""
    words = words_of(row["name"])
    while len(words) > 1 and (words[-1] in TRAILING or (words[-1].isdigit() and not words[-2].isdigit())):
        words = words[:-1]
    return words


def concept(row: Row) -> str:
    """One key for one thing in every set: the words in order of the alphabet (arrow-left = left-arrow)."""
    return " ".join(sorted(shown(row)))


def family(row: Row) -> str:
    name: str = row["set"]
    return FAMILY_OF.get(name, name)


def looks(row: Row) -> list[str]:
    """How it is drawn: the set's medium, else what the variant's name says, else what the drawing measures."""
    if row["set"] in MEDIUM:
        return [MEDIUM[row["set"]][0]]
    said = {LOOK_WORDS[word] for word in words_of(row["variant"]) if word in LOOK_WORDS}
    said |= {LOOK_WORDS[word] for word in words_of(row["name"])[-2:] if word in TRAILING}
    if not said & {"outline", "filled", "duotone"}:
        said.add("duotone" if row["tint"] else "filled" if row["deep"] > DEEP_ENOUGH else "outline")
    if row["stroke"] and not said & {"thin", "bold"}:
        said |= {"thin"} if row["stroke"] < 0.055 else {"thick"} if row["stroke"] > 0.075 else set()
    if row["stroke"] and not said & {"rounded", "sharp"}:
        said.add("rounded" if row["round"] else "sharp")
    order = ("thin", "bold", "thick", "rounded", "sharp", "filled", "duotone", "outline")
    return [word for word in order if word in said]


def kind(row: Row) -> str:
    return MEDIUM.get(row["set"], ("", "icon"))[1]


def canonical(row: Row) -> str:
    """`thin rounded outline icon of cloud rain`: the caption of the evaluations."""
    return f"{' '.join(looks(row))} {kind(row)} of {' '.join(shown(row))}"


def varied(row: Row, title: str, rng: random.Random) -> str:
    """A training caption: now and then another name, a category, the set's title, fewer look words, another order."""
    if rng.random() < 0.35:
        return canonical(row)
    what = shown(row)
    if row["also"] and rng.random() < 0.4:
        what = shown({"name": rng.choice(row["also"])})
    if rng.random() < 0.1:
        what = rng.sample(what, len(what))
    look = [word for word in looks(row) if rng.random() < 0.85]
    if rng.random() < 0.1:
        look = []
    thing = " ".join(what)
    if row["categories"] and rng.random() < 0.2:
        thing += " , " + " ".join(words_of(rng.choice(row["categories"])))
    if rng.random() < 0.25:
        look = [*look, title.lower()]
    form = rng.choice(
        (
            "{look} {kind} of {thing}",
            "{look} {kind} of a {thing}",
            "{thing} , {look}",
            "{thing} {look} {kind}",
            "{look} {thing}",
        )
    )
    return " ".join(form.format(look=" ".join(look), kind=kind(row), thing=thing).split()).strip(" ,")


def share(*parts: str) -> float:
    """A number in [0, 1) that depends on the words alone, so that a split survives any reordering or addition."""
    return int.from_bytes(hashlib.sha256("|".join(parts).encode()).digest()[:6], "big") / 2**48


UNSEEN_CONCEPTS = 0.02
HELD_OUT = 0.04


def split(rows: list[Row]) -> list[str]:
    """Each picture's part: `unseen` (its concept is in no training picture), `held` (its concept in its family is not),
    or `train`. Held-out pictures are only of concepts that training sees in another family."""
    keys = [concept(row) for row in rows]
    parts = []
    for row, key in zip(rows, keys, strict=True):
        if share("concept", key) < UNSEEN_CONCEPTS:
            parts.append("unseen")
        else:
            parts.append("held" if share("held", family(row), key) < HELD_OUT else "train")
    seen = {key for key, part in zip(keys, parts, strict=True) if part == "train"}
    return ["train" if part == "held" and key not in seen else part for key, part in zip(keys, parts, strict=True)]


def distinct(rows: list[Row], candidates: list[int], count: int, seed: int) -> list[int]:
    """Up to `count` of the candidates, in a seeded order, no two of one caption nor of one family and concept."""
    order = random.Random(seed).sample(candidates, len(candidates))
    captions: set[str] = set()
    groups: set[tuple[str, str]] = set()
    chosen: list[int] = []
    for index in order:
        caption, group = canonical(rows[index]), (family(rows[index]), concept(rows[index]))
        if caption in captions or group in groups:
            continue
        captions.add(caption)
        groups.add(group)
        chosen.append(index)
        if len(chosen) == count:
            break
    return chosen


def families_per_concept(rows: list[Row]) -> Counter[str]:
    """In how many families each concept is drawn: training begins with those that many share."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[concept(row)].add(family(row))
    return Counter({key: len(names) for key, names in found.items()})
