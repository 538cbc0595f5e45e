"""What people chose and wrote, as instructions with answers: P5's five kinds of task (Geng et al. 2022, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from palate.converse.grounding import harmless

KINDS = ("rating", "sequential", "explanation", "review", "direct")


@dataclass(frozen=True, slots=True)
class Instruction:
    kind: str
    asked: str
    answer: str


@dataclass(frozen=True, slots=True)
class Experience:
    """One person with one thing: in what order, how they rated it, what they wrote of it, and in short."""

    thing: str
    rating: float | None = None
    review: str = ""
    summary: str = ""


def instructions_of(history: Sequence[Experience], *, others: Sequence[str] = ()) -> list[Instruction]:
    """Every task that one person's history teaches; the last thing is what the others lead to.

    `others` are things they did not choose, for the direct task: which of these would they take?
    """
    if not history:
        return []
    *before, last = history
    name = harmless(last.thing)
    liked = ", ".join(harmless(one.thing) for one in before[-10:])
    made = []
    if liked:
        made.append(Instruction("sequential", f"This person chose {liked}. What comes next?", name))
    if liked and others:
        names = ", ".join(sorted([name, *(harmless(other) for other in others)]))
        made.append(Instruction("direct", f"This person chose {liked}. Which of these would they take: {names}?", name))
    for one in history:
        thing = harmless(one.thing)
        if one.rating is not None:
            made.append(Instruction("rating", f"How would this person rate {thing}, from 1 to 5?", f"{one.rating:g}"))
        if one.review:
            made.append(Instruction("explanation", f"Why did they choose {thing}?", harmless(one.review, 240)))
        if one.review and one.summary:
            asked = f"Say in short: {harmless(one.review, 240)}"
            made.append(Instruction("review", asked, harmless(one.summary, 120)))
    return made
