"""What a writer is: a prompt and what came of it in; candidate prompts of five categories out (PASTA, Design 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args, runtime_checkable

Category = Literal["rephrase", "expansion", "style", "subject", "creative"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
CANDIDATES = 25
"""L_C: as many as the paper asks for, five a category."""
LONGEST = 400
"""Characters of a candidate prompt."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A prompt that may be drawn next, and in which way it differs from the last one."""

    text: str
    category: Category


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a writer is told, of one person and one conversation: nothing of anybody else is ever in it."""

    prompt: str
    """What the person has now: their own words, or the prompt they picked last."""
    wish: str = ""
    """What they wrote beside it, such as "darker"."""
    picked: tuple[str, ...] = ()
    """Prompts that they picked before, the first one first."""
    shown: tuple[str, ...] = ()
    """Prompts that need not be shown again."""
    seed: int = 0
    count: int = CANDIDATES

    @property
    def each(self) -> int:
        """Candidates a category."""
        return max(1, -(-self.count // len(CATEGORIES)))


@runtime_checkable
class PromptWriter(Protocol):
    """What it answers is looked at by `palate.writers.checking`: it is data, whatever it says."""

    @property
    def name(self) -> str: ...

    def write(self, brief: Brief) -> object:
        """A list of {"text", "category"}; a failure is a PalateError."""


@dataclass(frozen=True, slots=True)
class Written:
    """Candidates that passed, who wrote them, and why the writer that was asked for did not write all of them."""

    variants: tuple[Variant, ...]
    writer: str
    fallback: str | None = None
    refused: int = 0
