"""Nothing a writer says is believed: shape, length, repetition and category are checked; what fails is replaced."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from palate.errors import PalateError
from palate.writers.speaking import in_time
from palate.writers.variants import CATEGORIES, LONGEST, Brief, Category, PromptWriter, Variant, Written

IN_WORDS: dict[Category, str] = {
    "rephrase": "in other words",
    "expansion": "with more detail",
    "style": "in another style",
    "subject": "of another subject",
    "creative": "that surprise",
}
SECONDS = 30.0
MOST = 200
"""A writer that answers more than this was not asked for it: nothing of its answer is used."""
SHORTEST = 3
FEWEST = 0.4
"""A writer with a smaller share of usable candidates failed: all of them come from the fallback."""

KEPT = 160
"""Characters of a long prompt that a candidate has to be faithful to."""
OFTEN = 6

FOREIGN = re.compile(
    r"https?:|www\.|\b\w+@\w+\.\w|[<>{}\[\]`\\|]|\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instruction|previous|above|prior)"
    r"|\b(?:system prompt|as an ai|language model|api[ _-]?key|password"
    r"|i cannot|i can't|i'm sorry|tool_call|function_call)\b",
    re.IGNORECASE,
)
"""What has no place in a sentence for a painter: addresses, markup, and talk to or of a machine."""

WORD = re.compile(r"[^\W\d_]{3,}")
EMPTY_WORDS = frozenset(
    {"the", "and", "with", "from", "into", "over", "under", "that", "this", "for", "its", "his", "her", "their"}
    | {"who", "which", "was", "were", "are", "has", "have", "been", "not", "but"}
)


@lru_cache(maxsize=512)
def content_words(text: str) -> frozenset[str]:
    """Words that carry meaning, without a plural's s."""
    return frozenset(word.rstrip("s") for word in WORD.findall(text.casefold()) if word not in EMPTY_WORDS)


def same(text: str) -> str:
    """Two texts with one of these are one candidate."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def fault(text: str, category: str, brief: Brief) -> str | None:
    """Why this is no candidate, or None."""
    if category not in CATEGORIES:
        return "no such category"
    if not SHORTEST <= len(text) <= LONGEST or not text.isprintable():
        return "its length or its characters"
    if FOREIGN.search(text):
        return "not words for a painter"
    words, new = content_words(brief.prompt[:KEPT]), content_words(text)
    if not new and words:
        return "no words"
    if max(Counter(text.casefold().split()).values()) > OFTEN:
        return "one word over and over"
    kept = len(words & new) / len(words) if words else 1.0
    known = words | content_words(brief.wish) | content_words(" ".join(brief.picked))
    if category in ("expansion", "style") and kept < 0.5:
        return "it lost what was asked for"
    if category in ("rephrase", "subject", "creative") and known and len(words) > 1 and not known & new:
        return "it has nothing of what was asked for"
    if category == "expansion" and len(new) <= len(words):
        return "it expands nothing"
    return None


def checked(answer: object, brief: Brief) -> tuple[list[Variant], int]:
    """What of a writer's answer can be used, at most its share of each category; and how many were refused."""
    if not isinstance(answer, list | tuple):
        raise PalateError("writer_failed", "the writer's answer is no list of candidates")
    if len(answer) > MOST:
        raise PalateError(
            "writer_failed", f"the writer answered {len(answer)} candidates, {brief.count} were asked for"
        )
    used: list[Variant] = []
    seen = {same(brief.prompt), *(same(text) for text in brief.shown)}
    full: Counter[str] = Counter()
    for row in answer:
        text, category = _row(row)
        text = " ".join(text.split()).strip(" \"'“”")
        if text and same(text) not in seen and full[category] < brief.each and fault(text, category, brief) is None:
            seen.add(same(text))
            full[category] += 1
            used.append(Variant(text, category))  # type: ignore[arg-type]  # `fault` knows the categories
    return used, len(answer) - len(used)


def _row(row: object) -> tuple[str, str]:
    if isinstance(row, Variant):
        return row.text, row.category
    if isinstance(row, dict) and set(row) == {"text", "category"}:
        text, category = row["text"], row["category"]
        if isinstance(text, str) and isinstance(category, str) and len(text) <= 4 * LONGEST:
            return text, category
    return "", ""


def write(writer: PromptWriter, brief: Brief, fallback: PromptWriter, *, seconds: float = SECONDS) -> Written:
    """Candidates by `writer`; what it leaves open, or all where it failed, by `fallback`, which is marked."""
    reason: str | None = None
    used: list[Variant] = []
    refused = 0
    try:
        used, refused = checked(in_time(lambda: writer.write(brief), seconds), brief)
    except PalateError as error:
        reason = error.message
    if reason is None and len(used) < FEWEST * brief.count:
        reason, used = f"only {len(used)} of its prompts could be used", []
    missing = [category for category in CATEGORIES if sum(v.category == category for v in used) < brief.each]
    if not missing:
        return Written(tuple(used), writer.name, None, refused)
    more, _ = checked(fallback.write(brief), brief)
    used = list(_filled(used, more, brief.each))
    if writer is fallback:
        return Written(tuple(used), writer.name, None, refused)
    few = f"it gave too few prompts {' and '.join(IN_WORDS[category] for category in missing)}"
    return Written(tuple(used), writer.name, reason or few, refused)


def _filled(used: Sequence[Variant], more: Iterable[Variant], each: int) -> Iterable[Variant]:
    """`used`, then of `more` what each category has room for."""
    room = Counter(dict.fromkeys(CATEGORIES, each))
    room.subtract(variant.category for variant in used)
    seen = {same(variant.text) for variant in used}
    yield from used
    for variant in more:
        if room[variant.category] > 0 and same(variant.text) not in seen:
            room[variant.category] -= 1
            seen.add(same(variant.text))
            yield variant
