"""The one currency: every job that ranks returns a `Ranking`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

ReasonKind = Literal["words", "distinct", "downloads", "pictures", "likings", "choices", "other"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a row stands where it stands; true in that the row's score is lower without it.

    `worth` is how much the row's score falls when this piece of evidence is taken away.
    """

    text: str
    worth: float
    pictures: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    kind: ReasonKind = "other"
    """Which evidence it is, so that one can ask again without it."""
    measure: str = ""
    """What was measured and how much of it, by its technical name: for details, never for the sentence."""

    def as_json(self) -> dict[str, object]:
        return {
            "text": self.text,
            "worth": self.worth,
            "pictures": list(self.pictures),
            "prompts": list(self.prompts),
            "kind": self.kind,
            "measure": self.measure,
        }


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row of a ranking: higher scores are better whatever the method."""

    id: str
    name: str
    score: float
    reasons: tuple[Reason, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {"id": self.id, "name": self.name, "score": self.score, "reasons": [r.as_json() for r in self.reasons]}


@dataclass(frozen=True, slots=True)
class Ranking:
    """Immutable ids, scores and reasons, best first; `warnings` say what the answer could not rest on."""

    by: str
    rows: tuple[Ranked, ...]
    took_ms: float = 0.0
    warnings: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Ranked]:
        return iter(self.rows)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(row.id for row in self.rows)

    def top(self, count: int) -> Ranking:
        return replace(self, rows=self.rows[:count])

    def as_json(self) -> dict[str, object]:
        answer: dict[str, object] = {
            "by": self.by,
            "ranking": [row.as_json() for row in self.rows],
            "took_ms": round(self.took_ms, 3),
        }
        if self.warnings:
            answer["warnings"] = list(self.warnings)
        return answer
