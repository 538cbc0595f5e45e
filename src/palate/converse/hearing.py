"""What somebody means, without a language model: rules first, and where none speaks, the nearest of known examples."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from palate.converse.changes import changes_of, is_known
from palate.converse.grammar import (
    A_THING,
    ASKS,
    CRITIQUE,
    DISLIKES,
    DRAW_WHAT,
    DRAWS,
    LIKE_BUT,
    LIKE_THAT,
    NEW_SUBJECT,
    NTH,
    RULES,
    SMALL_TALK,
    STEER_WHAT,
    THIS,
)
from palate.converse.nearest import nearest_intent
from palate.converse.state import Change, Intent, Kind, Question, Talk

LONGEST = 2000
"""Characters of one message that are read."""
TALKED_OF = 0
LAST = -1
SURE = 0.3
"""A cosine to the nearest example that outweighs that nothing is wanted yet, so that something will be asked for."""
SHORT = 8
"""Words of a message that may be a critique because it names an attribute."""
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "last": LAST, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "5th": 5, "6th": 6,
}  # fmt: skip
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}
_ANY = r"(?:\s+(?:one|picture|image|model|lora|checkpoint))?"
_NTH = re.compile(
    rf"\b(?:(?:the|that|your)\s+)?(?:(?P<nth>{'|'.join(_ORDINALS)})\b(?!\s+(?:month|week|year|time|night|thing|step))"
    rf"|(?:number|no\.?|nr\.?|#|picture|model|option)\s*(?P<digit>\d{{1,2}}|{'|'.join(_NUMBERS)})\b){_ANY}"
)
_BARE = re.compile(r"^\s*(\d{1,2})\s*[.!]?\s*$")
_THIS = re.compile(rf"\b(?:this|that|it|these|those|them)\b{_ANY}")
_OF_MODEL = re.compile(r"\b(?:models?|loras?|checkpoints?)\b")
_OF_PICTURE = re.compile(r"\b(?:pictures?|images?)\b")


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that was shown: its number, `LAST`, or `TALKED_OF` for this, that and it."""

    place: int
    kind: Kind | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """One message understood; `how` says by what."""

    intent: Intent
    said: str = ""
    words: str = ""
    changes: tuple[Change, ...] = ()
    reference: Reference | None = None
    likes: bool = True
    draws: bool = False
    likewise: bool = False
    """Whether more of the same is asked for, with nothing otherwise."""
    how: Literal["grammar", "example"] = "grammar"


def hear(said: str, talk: Talk) -> Heard:
    """What this message means at this point of the talk."""
    text = " ".join(said[:LONGEST].split())
    plain = text.lower().replace("’", "'")
    if talk.question is not None and (answer := _answer(plain, talk.question)) is not None:
        return replace(answer, said=text)
    marked, reference = _references(plain, talk)
    heard = Heard("ask", text, reference=reference)
    if SMALL_TALK.match(plain):
        return replace(heard, how="example")
    if LIKE_THAT.search(marked) and talk.shown("picture"):
        return replace(heard, intent="critique", draws=True, likewise=True)
    for intent, rule in RULES.items():
        if rule.search(marked) or rule.search(plain):
            if intent == "identify" and reference is not None and reference.kind == "model":
                intent = "question"  # who made a model its card says; who draws like a picture has to be found
            return _with_parts(replace(heard, intent=intent), plain, marked)
    if _is_critique(marked, plain, talk):
        return _with_parts(replace(heard, intent="critique"), plain, marked)
    if ASKS.match(plain) or (A_THING.match(plain) and reference is None):
        return _with_parts(heard, plain, marked)
    near, cosine = nearest_intent(plain)
    if near == "choose" and reference is None:  # a choice is kept, so it has to point at something
        near = "critique"
    if talk.wanted.anything or (cosine > SURE and near in ("recommend", "question", "tell")):
        heard = replace(heard, intent=near, how="example")
    return _with_parts(heard, plain, marked)


def _references(plain: str, talk: Talk) -> tuple[str, Reference | None]:
    """The text with what points at something shown marked, and what it points at."""
    bare = _BARE.match(plain)
    if bare and (talk.shown("picture") or talk.shown("model")):
        return NTH, Reference(int(bare[1]))
    found: Reference | None = None
    if nth := _NTH.search(plain):
        said = nth["nth"] or nth["digit"]
        found = Reference(_ORDINALS.get(said) or _NUMBERS.get(said) or int(said), _kind(nth[0]))
    elif this := _THIS.search(plain):
        found = Reference(TALKED_OF, _kind(this[0]))
    return _THIS.sub(THIS, _NTH.sub(NTH, plain)), found


def _kind(text: str) -> Kind | None:
    return "model" if _OF_MODEL.search(text) else "picture" if _OF_PICTURE.search(text) else None


def _is_critique(marked: str, plain: str, talk: Talk) -> bool:
    if not talk.wanted.anything and not talk.shown("picture"):
        return False
    return bool(CRITIQUE.search(marked)) or (is_known(plain) and len(plain.split()) <= SHORT)


def _with_parts(heard: Heard, plain: str, marked: str) -> Heard:
    """What an intent needs beside itself: changes, a subject, whether it is liked, whether to draw."""
    draws = bool(DRAWS.search(plain))
    if heard.intent == "critique":
        rest = re.sub(f"{NTH}|{THIS}", "it", LIKE_BUT.sub("", marked))
        return replace(heard, changes=changes_of(DRAWS.sub(" ", rest)), draws=True)
    if heard.intent == "choose":
        return replace(heard, likes=not DISLIKES.search(plain))
    if heard.intent == "change":
        return replace(heard, words=subject_of(NEW_SUBJECT.sub("", heard.said.lower(), count=1)), draws=draws)
    if heard.intent == "draw":
        rest = DRAW_WHAT.sub("", re.sub(f"{NTH}|{THIS}", "", marked))
        words = subject_of(rest.strip(" .!?"))
        return replace(heard, words=words if len(words) > 2 else "", draws=True)
    if heard.intent == "steer":
        words = subject_of(STEER_WHAT.sub("", marked, count=1).strip(" .!?"))
        return replace(heard, words=words if len(words) > 2 else "", draws=True)
    if heard.intent == "ask":
        return replace(heard, words=subject_of(heard.said), draws=draws)
    return heard


def _answer(plain: str, question: Question) -> Heard | None:
    """An answer to the question that was asked last: one of its options, yes or no."""
    for option in question.options:
        short = len(plain.split()) <= len(option.split()) + 4
        if short and re.search(rf"\b{re.escape(option.lower())}\b", plain):
            more = not re.search(r"\b(?:not|no|less|without)\b", plain)
            return Heard("critique", changes=tuple(replace(c, more=more) for c in changes_of(option)))
    yes = re.match(r"^(?:yes|yeah|yep|sure|please do|ok)\b[.! ]*$", plain)
    no = re.match(r"^(?:no|nope|rather not)\b[.! ]*$", plain)
    if (yes or no) and len(question.options) == 1:
        changes = tuple(replace(change, more=bool(yes)) for change in changes_of(question.options[0]))
        return Heard("critique", changes=changes)
    return None


def subject_of(text: str) -> str:
    """What is asked for, without the asking."""
    plain = text.strip(" .!?\"'")
    rest = ASKS.sub("", plain.lower(), count=1)
    kept = plain[len(plain) - len(rest) :] if rest else plain
    return re.sub(r"^(?:something for|(?:draw|paint|render|generate|create)(?: me)?)\s+", "", kept, flags=re.IGNORECASE)
