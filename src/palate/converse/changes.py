"""Critiques: from "darker, and in winter" to changes, and from changes to directions in the encoder's space."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from palate.converse.state import Change

Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Vectors]

_PAIRS = (
    ("dark", "bright"), ("warm", "cold"), ("soft", "hard"), ("simple", "detailed"), ("large", "small"),
    ("thin", "bold"), ("rounded", "sharp"), ("filled", "outline"), ("colourful", "black and white"),
    ("happy", "sad"), ("old", "new"), ("calm", "wild"), ("cute", "scary"), ("realistic", "abstract"),
    ("flat", "3d"), ("modern", "vintage"), ("empty", "crowded"), ("in winter", "in summer"),
    ("at night", "by day"), ("smooth", "rough"), ("near", "far away"), ("high", "low"),
)  # fmt: skip
OPPOSITE = {**dict(_PAIRS), **{away: towards for towards, away in _PAIRS}}
_SAME = {
    "darker": "dark", "brighter": "bright", "lighter": "bright", "light": "bright", "warmer": "warm", "cooler": "cold",
    "colder": "cold", "cool": "cold", "softer": "soft", "harder": "hard", "simpler": "simple", "plainer": "simple",
    "plain": "simple", "busier": "detailed", "bigger": "large", "larger": "large", "big": "large", "smaller": "small",
    "thinner": "thin", "finer": "thin", "bolder": "bold", "thicker": "bold", "thick": "bold", "rounder": "rounded",
    "round": "rounded", "sharper": "sharp", "angular": "sharp", "solid": "filled", "outlined": "outline",
    "line": "outline", "lines": "outline", "colorful": "colourful", "monochrome": "black and white",
    "colourless": "black and white", "happier": "happy", "funnier": "happy", "sadder": "sad", "gloomier": "sad",
    "older": "old", "newer": "new", "calmer": "calm", "quieter": "calm", "wilder": "wild", "cuter": "cute",
    "scarier": "scary", "creepier": "scary", "stylised": "abstract", "photorealistic": "realistic",
    "flatter": "flat", "winter": "in winter", "snowy": "in winter", "wintry": "in winter", "summer": "in summer",
    "night": "at night", "by night": "at night", "day": "by day", "in daylight": "by day", "smoother": "smooth",
    "rougher": "rough", "closer": "near", "nearer": "near", "farther": "far away", "further away": "far away",
    "higher": "high", "lower": "low", "emptier": "empty", "busy": "crowded", "older style": "vintage",
}  # fmt: skip
_FILLERS = re.compile(
    r"^(?:(?:please|and|but|or|so|also|then|maybe|perhaps|make (?:it|this|that|them)|i(?:'d| would)? (?:want|like) it"
    r"|it should be|should be|it|only|just|rather|even|much|way|far|a (?:bit|little|lot|touch)|slightly|somewhat"
    r"|very|really|with it being|could (?:it|you)|can (?:it|you)|be)\s+)+"
)
_LESS = re.compile(
    r"^(?:less|fewer|not (?:so|as|too|that)(?: much| many)?|without(?: any| the| a)?|no(?: more)?"
    r"|remove(?: the)?|drop(?: the)?|lose the|not)\s+"
)
_TOO = re.compile(r"^(?:it(?:'s| is) |that(?:'s| is) |they are )?(?:too|way too|much too)\s+(?:much\s+)?")
_MORE = re.compile(r"^(?:(?:with )?more|add(?: some| a| an| the)?|give it(?: a| some)?)\s+")
_SPLIT = re.compile(r"\s*(?:[,;.]|\band (?!white\b)|\bbut\b|\bthen\b|\bplus\b)\s*")
_EMPTY = {"it", "like it", "this", "that", "the same", "same", "different", "other", "better", "them", "one", "me"}
_END = re.compile(r"\s*(?:for me|please|instead|thanks|thank you|this time|then|[!?.])+\s*$")
_OF_WHAT = re.compile(r"(?<=er) (?:lines?|strokes?|colou?rs?|corners?|edges?|shapes?|tones?)$")
"""Thinner lines are thin, darker colours dark."""
LONGEST_CHANGE = 80
MOST_CHANGES = 6


def changes_of(text: str) -> tuple[Change, ...]:
    """Every wish in a critique, in its order; nothing is invented for what is not understood: it stays as words."""
    found: dict[str, Change] = {}
    text = re.sub(r"(\S+) instead of (?:the |a )?(\S+)", r"\1, without \2", text.lower().strip())
    for part in _SPLIT.split(text):
        change = _change(part)
        if change is not None:
            found[change.towards] = change
    return tuple(found.values())[:MOST_CHANGES]


def _change(part: str) -> Change | None:
    part = _END.sub("", _FILLERS.sub("", f"{part.strip()} ").strip())
    more = True
    for pattern, sense in ((_TOO, False), (_LESS, False), (_MORE, True)):
        rest = pattern.sub("", part, count=1)
        if rest != part:
            part, more = _FILLERS.sub("", rest), sense
            break
    part = part.strip(" '\"")[:LONGEST_CHANGE]
    if not re.search(r"[a-z0-9]", part) or part in _EMPTY:
        return None
    plain = _SAME.get(part) or _SAME.get(_OF_WHAT.sub("", part), part)
    return Change(plain, OPPOSITE.get(plain, ""), more)


def is_known(text: str) -> bool:
    """Whether any part of a text is one of the attributes that have an opposite, or a comparison of one."""
    for part in _SPLIT.split(text.lower()):
        change = _change(part)
        if change is not None and change.away:
            return True
    return False


COLOURS = frozenset((
    "red", "orange", "yellow", "green", "blue", "purple", "violet", "pink", "brown", "black", "white", "grey", "gray",
    "gold", "golden", "silver", "teal", "turquoise", "cyan", "magenta", "beige", "ivory", "crimson", "scarlet", "navy",
))  # fmt: skip
"""A thing has one of these at a time."""


def reworded(words: str, change: Change) -> tuple[str, Change]:
    """ "a red house" that is to be blue is "a blue house": what contradicts the change gives way to it.

    Only where it stands once: of "a red hat and a red scarf" nobody knows which is meant.
    """
    if not change.more:
        return words, change
    rivals = COLOURS - {change.towards} if change.towards in COLOURS else {change.away} - {""}
    rival = re.compile(rf"\b(?:{'|'.join(sorted(rivals))})\b", re.IGNORECASE) if rivals else None
    there = rival.findall(words) if rival else []
    if rival is None or len(there) != 1:
        return words, change
    now = Change(change.towards, there[0].lower())
    if change.towards not in COLOURS and re.search(rf"\bin {there[0]}\b", words):  # "in outline" is not "in filled"
        rest = re.sub(rf"[, ]*\bin {there[0]}\b", "", words)
        return (f"{rest}, {change.towards}" if rest else change.towards), now
    article = "an" if change.towards[0] in "aeiou" else "a"
    return re.sub(rf"\ban? (?={change.towards}\b)", f"{article} ", rival.sub(change.towards, words)), now


def direction(encode: Encode, subject: str, change: Change) -> Vectors:
    """(d,) of unit length: where vectors of the subject go as it gets more of the change.

    The difference of two sentences that differ in the attribute alone, as in word vectors' arithmetic (Mikolov et al.
    2013) and CLIP's (Couairon et al. 2022, "SIMAT"); averaged over two subjects, since one sentence is noisy.
    """
    about = [subject, "a picture"] if subject else ["a picture", "something"]
    there = encode([f"{one}, {change.towards}" for one in about])
    back = encode([f"{one}, {change.away}" if change.away else one for one in about])
    moved = (there - back).mean(axis=0)
    length = float(np.linalg.norm(moved))
    sign = 1.0 if change.more else -1.0
    unit: Vectors = (sign * moved / max(length, 1e-9)).astype(np.float32)
    return unit
