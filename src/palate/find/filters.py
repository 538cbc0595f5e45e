"""Hard filters: a model that does not pass is not in the answer, whatever its score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from palate.catalogue.records import Model
from palate.errors import PalateError

SafetyLevel = Literal["any", "moderate", "strict"]
LEVELS: tuple[str, ...] = ("any", "moderate", "strict")
EXPLICIT = {"nsfw", "nude", "nudity", "porn", "pornography", "hentai", "explicit", "sex", "xxx", "adult"}
SUGGESTIVE = {"sexy", "lingerie", "bikini", "suggestive", "ecchi", "gore", "blood", "pinup", "swimsuit"}


@dataclass(frozen=True, slots=True)
class Filters:
    """Which models may be answered: for a base, with every one of some tags, at a safety level."""

    base: str | None = None
    tags: tuple[str, ...] = ()
    safe: str = "any"

    def __post_init__(self) -> None:
        if self.safe not in LEVELS:
            raise PalateError("unknown_level", f"'{self.safe}' is none of {', '.join(LEVELS)}", about="safe")

    def passes(self, model: Model) -> bool:
        return self._fits(model) and not (unsafe_words(model) & hidden_words(self.safe))

    def _fits(self, model: Model) -> bool:
        if self.base is None and not self.tags:
            return True
        from palate.importers.bases import compatible

        tagged = {tag.lower() for tag in model.tags}
        return (self.base is None or compatible(model.base, self.base)) and all(t.lower() in tagged for t in self.tags)

    def mask(self, models: list[Model]) -> NDArray[np.bool_]:
        """(M,) True where the model passes."""
        return np.array([self.passes(model) for model in models], dtype=bool)


def hidden_words(level: str) -> set[str]:
    """`moderate` hides what its maker marked explicit; `strict` hides the suggestive as well."""
    return {"any": set[str](), "moderate": EXPLICIT, "strict": EXPLICIT | SUGGESTIVE}[level]


def unsafe_words(model: Model) -> set[str]:
    """The marks a model carries: words of its name and tags, and its card's own nsfw flag."""
    marked = {"nsfw"} if model.card.get("nsfw") is True else set()
    return {*_marks((model.name, *model.tags)), *marked}


@lru_cache(maxsize=100_000)  # every question asks it of every model
def _marks(texts: tuple[str, ...]) -> frozenset[str]:
    words = {word for text in texts for word in text.lower().replace("_", " ").split()}
    return frozenset(words & (EXPLICIT | SUGGESTIVE))
